/* An empty xenstore: a domain has no devices, and is ready at the first
 * attempt. */
#include "probe/store.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct store {
    int fd;
};

struct store *store_open(void)
{
    struct store *store = xcalloc(1, sizeof(*store));

    store->fd = eventfd(0, EFD_CLOEXEC);
    return store;
}

void store_close(struct store *store)
{
    if (!store) return;
    close(store->fd);
    free(store);
}

int store_fd(struct store *store)
{
    return store->fd;
}

bool store_watch(struct store *store, const char *path, const char *token)
{
    (void)store;
    (void)path;
    (void)token;
    return true;
}

void store_unwatch(struct store *store, const char *path, const char *token)
{
    (void)store;
    (void)path;
    (void)token;
}

char *store_event(struct store *store)
{
    (void)store;
    return NULL;
}

char *store_read(struct store *store, const char *path)
{
    (void)store;
    (void)path;
    return NULL;
}

void store_list(struct store *store, const char *path, struct strlist *names)
{
    (void)store;
    (void)path;
    (void)names;
}
