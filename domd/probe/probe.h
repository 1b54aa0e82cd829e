/*
 * Readiness, seen from outside of the guest: xenbus states and keys in
 * xenstore by watches, its console by inotify on the log, TCP, HTTP and ping
 * by sockets that never block. A probe goes on until it succeeds or is
 * stopped; that it takes too long is the state machine's affair.
 */
#ifndef DOMD_PROBE_PROBE_H
#define DOMD_PROBE_PROBE_H

#include "base/loop.h"
#include "policy/policy.h"
#include "probe/store.h"

/* Pause between two attempts over the network. */
#define PROBE_PAUSE ((msec)250)
/* An attempt that takes longer has failed. */
#define PROBE_PATIENCE ((msec)3000)

struct probes;

typedef void probe_ready(void *user, unsigned int dom, unsigned int gen);

/* STORE may be NULL; probes that need it do not succeed then. CONSOLE_DIR is
 * where xenconsoled writes guest-NAME.log. */
struct probes *probes_new(struct loop *loop, struct store *store,
                          const char *console_dir, probe_ready *cb,
                          void *user);
void probes_free(struct probes *probes);

/* What is known of an instance from its creation: where in the log of its
 * console its lines begin (bytes; all zero: at the beginning), and whether it
 * goes on from where it was saved. Such a one says nothing again of what it
 * said at its boot; its devices connect again. */
struct probe_mark {
    uint64_t inode;
    uint64_t offset;
    bool resumed;
};

/* Notes how long the console's log is before the instance is created: only
 * what comes after it counts. */
struct probe_mark probe_mark(struct probes *probes, unsigned int dom,
                             const struct policy *policy);
/* The same for an instance that an earlier daemon has created, whose mark this
 * is, and for one of which more is known now. */
void probe_mark_set(struct probes *probes, unsigned int dom,
                    const struct probe_mark *mark);
/* Begins to look at an instance. The callback comes from the loop, never from
 * within. */
void probe_start(struct probes *probes, unsigned int dom, unsigned int gen,
                 const struct policy *policy, uint32_t domid);
void probe_stop(struct probes *probes, unsigned int dom);

#endif
