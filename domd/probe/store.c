#include "probe/store.h"

#include <stdlib.h>

#include <xenstore.h>

struct store {
    struct xs_handle *xs;
};

struct store *store_open(void)
{
    struct xs_handle *xs = xs_open(0);
    struct store *store;

    if (!xs) return NULL;
    store = xcalloc(1, sizeof(*store));
    store->xs = xs;
    return store;
}

void store_close(struct store *store)
{
    if (!store) return;
    xs_close(store->xs);
    free(store);
}

int store_fd(struct store *store)
{
    return xs_fileno(store->xs);
}

bool store_watch(struct store *store, const char *path, const char *token)
{
    return xs_watch(store->xs, path, token);
}

void store_unwatch(struct store *store, const char *path, const char *token)
{
    xs_unwatch(store->xs, path, token);
}

char *store_event(struct store *store)
{
    char **event = xs_check_watch(store->xs);
    char *token;

    if (!event) return NULL;
    token = xstrdup(event[XS_WATCH_TOKEN]);
    free(event);
    return token;
}

char *store_read(struct store *store, const char *path)
{
    unsigned int len;

    return xs_read(store->xs, XBT_NULL, path, &len);
}

void store_list(struct store *store, const char *path, struct strlist *names)
{
    unsigned int n = 0;
    unsigned int i;
    char **list = xs_directory(store->xs, XBT_NULL, path, &n);

    for (i = 0; list && i < n; i++)
        strlist_add(names, list[i]);
    free(list);
}
