/*
 * The event loop: descriptors and timers, polled by a single thread.
 *
 * Callbacks may add and remove sources and timers. A removed source is never
 * called again, even if poll has reported it ready.
 */
#ifndef DOMD_BASE_LOOP_H
#define DOMD_BASE_LOOP_H

#include <poll.h>

#include "base/util.h"

struct loop;
struct source;
struct timer;

typedef void source_cb(void *user, int fd, short revents);
typedef void timer_cb(void *user);

/* A library that brings its own descriptors to each round (libxl). `before`
 * fills in at most *N_IO of FDS, sets *N_IO to the number it needs, and may
 * lower *TIMEOUT_IO (milliseconds; -1: none). It returns false if FDS is too
 * small. `after` gets the results. */
struct loop_guest {
    bool (*before)(void *user, struct pollfd *fds, int *n_io, int *timeout_io);
    void (*after)(void *user, struct pollfd *fds, int n);
    void *user;
};

struct loop *loop_new(void);
void loop_free(struct loop *loop);

/* Milliseconds since the host booted, including time asleep. */
msec loop_now(void);

struct source *loop_add(struct loop *loop, int fd, short events, source_cb *cb,
                        void *user);
void loop_events(struct source *source, short events);
/* Does not close the descriptor. NULL is allowed. */
void loop_remove(struct loop *loop, struct source *source);

/* Creates a timer, not running. loop_at sets its expiry (MSEC_NEVER stops it);
 * CB is called once for each time that was set. */
#define MSEC_NEVER INT64_MAX
struct timer *loop_timer(struct loop *loop, timer_cb *cb, void *user);
void loop_at(struct timer *timer, msec when);
/* NULL is allowed. */
void loop_timer_remove(struct loop *loop, struct timer *timer);

void loop_set_guest(struct loop *loop, const struct loop_guest *guest);

/* One round: polls, then calls the callbacks that are due. */
void loop_round(struct loop *loop);

#endif
