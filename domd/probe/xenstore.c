/* xenstore probes: connected frontends, and keys. */
#include "probe/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void watch_path(struct probe *p, const char *path)
{
    if (strlist_has(&p->watched, path)) return;
    if (store_watch(p->all->store, path, p->token))
        strlist_add(&p->watched, path);
}

/* Reads PATH/KEY. The caller frees it. */
static char *read_key(struct probe *p, const char *path, const char *key)
{
    char *full = xasprintf("%s/%s", path, key);
    char *value = store_read(p->all->store, full);

    free(full);
    return value;
}

/* A backend is connected in xenbus state 4 (XenbusStateConnected in Xen's
 * public/io/xenbus.h), and so is then its frontend. DEVICE is libxl's own
 * record: the guest can change the domain's directory, and could lead us
 * anywhere. */
static bool device_connected(struct probe *p, const char *device)
{
    char *backend = read_key(p, device, "backend");
    char *type = read_key(p, device, "device-type");
    char *state_path = NULL;
    char *state = NULL;
    bool connected = true;

    if (!backend) goto out; /* removed meanwhile */
    /* QEMU serves a CD drive; no guest connects to its backend. */
    if (type && !strcmp(type, "cdrom")) goto out;
    state_path = xasprintf("%s/state", backend);
    watch_path(p, state_path);
    state = store_read(p->all->store, state_path);
    connected = state && !strcmp(state, "4");
out:
    free(state);
    free(state_path);
    free(type);
    free(backend);
    return connected;
}

bool probe_frontends_connected(struct probe *p)
{
    static const char *const kinds[] = {"vbd", "vif"};
    bool all = true;
    size_t i;
    size_t k;

    for (i = 0; i < ARRAY_SIZE(kinds); i++) {
        char *dir = xasprintf("/libxl/%u/device/%s", p->domid, kinds[i]);
        struct strlist devices = {0};

        store_list(p->all->store, dir, &devices);
        for (k = 0; k < devices.n; k++) {
            char *device = xasprintf("%s/%s", dir, devices.v[k]);

            if (!device_connected(p, device)) all = false;
            free(device);
        }
        strlist_dispose(&devices);
        free(dir);
    }
    return all;
}

static char *store_path(const struct probe *p)
{
    if (*p->ready.arg == '/') return xstrdup(p->ready.arg);
    return xasprintf("/local/domain/%u/%s", p->domid, p->ready.arg);
}

bool probe_store_holds(struct probe *p)
{
    char *path = store_path(p);
    char *value;
    bool equal;

    watch_path(p, path);
    value = store_read(p->all->store, path);
    equal = value && !strcmp(value, p->ready.value);
    free(value);
    free(path);
    return equal;
}

void probe_store_event(void *user, int fd, short revents)
{
    struct probes *all = user;
    unsigned int turn;
    unsigned int dom;
    unsigned int gen;
    char *token;

    (void)fd;
    (void)revents;
    for (turn = 0; turn < EVENTS_TURN; turn++) {
        token = store_event(all->store);
        if (!token) break;
        if (sscanf(token, "p%u.%u", &dom, &gen) == 2 && dom < all->n &&
            all->v[dom] && all->v[dom]->gen == gen)
            all->v[dom]->due = true;
        free(token);
    }
    /* One attempt for all changes. */
    for (dom = 0; dom < all->n; dom++) {
        if (!all->v[dom] || !all->v[dom]->due) continue;
        all->v[dom]->due = false;
        probe_attempt(all->v[dom]);
    }
}
