#include "base/loop.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct source {
    int fd;
    short events;
    source_cb *cb;
    void *user;
    bool gone;
};

struct timer {
    msec when;
    timer_cb *cb;
    void *user;
    bool gone;
};

struct loop {
    struct source **sources;
    size_t n_sources;
    struct timer **timers;
    size_t n_timers;
    struct pollfd *fds;
    size_t n_fds;
    struct loop_guest guest;
};

struct loop *loop_new(void)
{
    return xcalloc(1, sizeof(struct loop));
}

void loop_free(struct loop *loop)
{
    size_t i;

    if (!loop) return;
    for (i = 0; i < loop->n_sources; i++)
        free(loop->sources[i]);
    for (i = 0; i < loop->n_timers; i++)
        free(loop->timers[i]);
    free(loop->sources);
    free(loop->timers);
    free(loop->fds);
    free(loop);
}

msec loop_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_BOOTTIME, &ts);
    return (msec)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

struct source *loop_add(struct loop *loop, int fd, short events, source_cb *cb,
                        void *user)
{
    struct source *s = xcalloc(1, sizeof(*s));

    s->fd = fd;
    s->events = events;
    s->cb = cb;
    s->user = user;
    loop->sources =
        xrealloc(loop->sources, loop->n_sources + 1, sizeof(struct source *));
    loop->sources[loop->n_sources++] = s;
    return s;
}

void loop_events(struct source *source, short events)
{
    source->events = events;
}

void loop_remove(struct loop *loop, struct source *source)
{
    (void)loop;
    if (source) source->gone = true;
}

struct timer *loop_timer(struct loop *loop, timer_cb *cb, void *user)
{
    struct timer *t = xcalloc(1, sizeof(*t));

    t->when = MSEC_NEVER;
    t->cb = cb;
    t->user = user;
    loop->timers =
        xrealloc(loop->timers, loop->n_timers + 1, sizeof(struct timer *));
    loop->timers[loop->n_timers++] = t;
    return t;
}

void loop_at(struct timer *timer, msec when)
{
    timer->when = when;
}

void loop_timer_remove(struct loop *loop, struct timer *timer)
{
    (void)loop;
    if (timer) timer->gone = true;
}

void loop_set_guest(struct loop *loop, const struct loop_guest *guest)
{
    loop->guest = *guest;
}

/* Frees removed sources and timers. */
static void free_removed(struct loop *loop)
{
    size_t i;
    size_t n = 0;

    for (i = 0; i < loop->n_sources; i++) {
        if (loop->sources[i]->gone)
            free(loop->sources[i]);
        else
            loop->sources[n++] = loop->sources[i];
    }
    loop->n_sources = n;
    n = 0;
    for (i = 0; i < loop->n_timers; i++) {
        if (loop->timers[i]->gone)
            free(loop->timers[i]);
        else
            loop->timers[n++] = loop->timers[i];
    }
    loop->n_timers = n;
}

static int get_timeout(const struct loop *loop)
{
    msec first = MSEC_NEVER;
    msec left;
    size_t i;

    for (i = 0; i < loop->n_timers; i++) {
        if (loop->timers[i]->when < first) first = loop->timers[i]->when;
    }
    if (first == MSEC_NEVER) return -1;
    left = first - loop_now();
    if (left < 0) return 0;
    return left > INT_MAX ? INT_MAX : (int)left;
}

static void reserve_fds(struct loop *loop, size_t n)
{
    if (n <= loop->n_fds) return;
    loop->n_fds = n * 2;
    loop->fds = xrealloc(loop->fds, loop->n_fds, sizeof(*loop->fds));
}

static void call_timers(struct loop *loop)
{
    msec now = loop_now();
    size_t n = loop->n_timers;
    size_t i;

    for (i = 0; i < n; i++) {
        struct timer *t = loop->timers[i];

        if (t->gone || t->when > now) continue;
        t->when = MSEC_NEVER;
        t->cb(t->user);
    }
}

void loop_round(struct loop *loop)
{
    size_t own;
    size_t i;
    int guests = 0;
    int timeout = -1;
    int own_timeout;
    int r;

    free_removed(loop);
    reserve_fds(loop, 16);
    /* The guest goes first: its calls may set timers and add descriptors. */
    if (loop->guest.before) {
        guests = (int)loop->n_fds;
        while (!loop->guest.before(loop->guest.user, loop->fds, &guests,
                                   &timeout))
            reserve_fds(loop, (size_t)guests);
    }
    own_timeout = get_timeout(loop);
    if (timeout < 0 || (own_timeout >= 0 && own_timeout < timeout))
        timeout = own_timeout;
    own = loop->n_sources;
    reserve_fds(loop, own + (size_t)guests);
    for (i = 0; i < own; i++) {
        struct pollfd *p = &loop->fds[(size_t)guests + i];

        p->fd = loop->sources[i]->gone ? -1 : loop->sources[i]->fd;
        p->events = loop->sources[i]->events;
        p->revents = 0;
    }
    r = poll(loop->fds, (nfds_t)(own + (size_t)guests), timeout);
    if (r < 0 && errno != EINTR) {
        perror("domd: poll");
        abort();
    }
    if (r < 0) {
        for (i = 0; i < own + (size_t)guests; i++)
            loop->fds[i].revents = 0;
    }
    if (loop->guest.after)
        loop->guest.after(loop->guest.user, loop->fds, guests);
    for (i = 0; i < own; i++) {
        struct source *s = loop->sources[i];
        short revents = loop->fds[(size_t)guests + i].revents;

        if (s->gone || !revents) continue;
        s->cb(s->user, s->fd, revents);
    }
    call_timers(loop);
}
