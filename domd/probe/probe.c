/* Start, attempt and end of probes; the other files of this room implement the
 * attempts. */
#include "probe/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

static struct probe *get_probe(struct probes *all, unsigned int dom)
{
    struct probe *p;

    if (dom >= all->n) {
        all->v = xrealloc(all->v, dom + 1, sizeof(struct probe *));
        while (all->n <= dom)
            all->v[all->n++] = NULL;
    }
    if (all->v[dom]) return all->v[dom];
    p = xcalloc(1, sizeof(*p));
    p->all = all;
    p->dom = dom;
    p->fd = -1;
    p->timer = loop_timer(all->loop, probe_attempt, p);
    all->v[dom] = p;
    return p;
}

static void close_socket(struct probe *p)
{
    if (p->fd < 0) return;
    loop_remove(p->all->loop, p->source);
    close(p->fd);
    p->fd = -1;
    p->source = NULL;
    p->connected = false;
    buf_dispose(&p->reply);
}

static void stop_probe(struct probe *p)
{
    size_t i;

    for (i = 0; i < p->watched.n; i++)
        store_unwatch(p->all->store, p->watched.v[i], p->token);
    strlist_dispose(&p->watched);
    close_socket(p);
    if (p->has_regex) regfree(&p->regex);
    p->has_regex = false;
    loop_at(p->timer, MSEC_NEVER);
    ready_dispose(&p->ready);
    free(p->name);
    p->name = NULL;
    free(p->address);
    p->address = NULL;
    probe_listen_off(p);
    buf_dispose(&p->line);
    p->running = p->due = false;
}

void probe_succeed(struct probe *p)
{
    unsigned int gen = p->gen;

    stop_probe(p);
    p->all->cb(p->all->user, p->dom, gen);
}

void probe_again(struct probe *p)
{
    close_socket(p);
    loop_at(p->timer, loop_now() + PROBE_PAUSE);
}

void probe_attempt(void *user)
{
    struct probe *p = user;
    struct in_addr ip;

    if (!p->running) return;
    close_socket(p);
    switch (p->ready.kind) {
    case READY_CREATED:
        probe_succeed(p);
        break;
    case READY_FRONTENDS:
        if (p->all->store && probe_frontends_connected(p)) probe_succeed(p);
        break;
    case READY_XENSTORE:
        if (p->all->store && probe_store_holds(p)) probe_succeed(p);
        break;
    case READY_CONSOLE:
        if (probe_console_matches(p)) probe_succeed(p);
        break;
    case READY_TCP:
    case READY_HTTP:
        if (probe_find_address(p, &ip))
            probe_try_tcp(p, ip);
        else
            probe_again(p);
        break;
    case READY_PING:
        if (probe_find_address(p, &ip))
            probe_try_ping(p, ip);
        else
            probe_again(p);
        break;
    }
}

/* ---- all of them -------------------------------------------------------- */

struct probes *probes_new(struct loop *loop, struct store *store,
                          const char *console_dir, probe_ready *cb, void *user)
{
    struct probes *all = xcalloc(1, sizeof(*all));

    all->loop = loop;
    all->store = store;
    all->console_dir = xstrdup(console_dir);
    all->cb = cb;
    all->user = user;
    if (store)
        all->store_source =
            loop_add(loop, store_fd(store), POLLIN, probe_store_event, all);
    all->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (all->inotify >= 0) {
        (void)inotify_add_watch(all->inotify, console_dir,
                                IN_MODIFY | IN_CREATE | IN_MOVED_TO);
        all->inotify_source =
            loop_add(loop, all->inotify, POLLIN, probe_console_event, all);
    }
    return all;
}

void probes_free(struct probes *all)
{
    unsigned int i;

    if (!all) return;
    for (i = 0; i < all->n; i++) {
        if (!all->v[i]) continue;
        stop_probe(all->v[i]);
        loop_timer_remove(all->loop, all->v[i]->timer);
    }
    for (i = 0; i < all->n; i++)
        free(all->v[i]);
    loop_remove(all->loop, all->store_source);
    loop_remove(all->loop, all->inotify_source);
    if (all->inotify >= 0) close(all->inotify);
    free(all->v);
    free(all->console_dir);
    free(all);
}

/* ---- one of them -------------------------------------------------------- */

struct probe_mark probe_mark(struct probes *all, unsigned int dom,
                             const struct policy *policy)
{
    struct probe_mark mark = {0};
    char *path = probe_log_path(all, policy->name);
    struct stat st;

    if (!stat(path, &st)) {
        mark.inode = (uint64_t)st.st_ino;
        mark.offset = (uint64_t)st.st_size;
    }
    free(path);
    probe_mark_set(all, dom, &mark);
    return mark;
}

void probe_mark_set(struct probes *all, unsigned int dom,
                    const struct probe_mark *mark)
{
    struct probe *p = get_probe(all, dom);

    p->inode = (ino_t)mark->inode;
    p->offset = (off_t)mark->offset;
    p->resumed = mark->resumed;
}

/* Whether the guest reports readiness only once, at its boot. */
static bool is_said_at_boot(const struct ready *ready)
{
    return ready->kind == READY_CONSOLE || ready->kind == READY_XENSTORE;
}

void probe_start(struct probes *all, unsigned int dom, unsigned int gen,
                 const struct policy *policy, uint32_t domid)
{
    struct probe *p = get_probe(all, dom);
    char *text;

    stop_probe(p);
    p->gen = gen;
    p->domid = domid;
    p->running = true;
    p->name = xstrdup(policy->name);
    p->address = policy->address ? xstrdup(policy->address) : NULL;
    text = ready_text(&policy->ready);
    (void)ready_parse(text, &p->ready);
    free(text);
    if (p->resumed && is_said_at_boot(&p->ready))
        p->ready.kind = READY_FRONTENDS;
    if (p->ready.kind == READY_CONSOLE &&
        !regcomp(&p->regex, p->ready.arg,
                 REG_EXTENDED | REG_NOSUB | REG_NEWLINE))
        p->has_regex = true;
    snprintf(p->token, sizeof(p->token), "p%u.%u", dom, gen);
    loop_at(p->timer, loop_now());
}

void probe_stop(struct probes *all, unsigned int dom)
{
    if (dom < all->n && all->v[dom] && all->v[dom]->running)
        stop_probe(all->v[dom]);
}
