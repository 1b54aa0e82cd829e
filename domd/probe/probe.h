/*
 * Readiness, seen from outside of the guest: xenbus states and keys in
 * xenstore by watches, its console by inotify on the log, TCP, HTTP and ping
 * by non-blocking sockets. A probe runs until it succeeds or is stopped; the
 * time limit is the state machine's.
 */
#ifndef DOMD_PROBE_PROBE_H
#define DOMD_PROBE_PROBE_H

#include "base/loop.h"
#include "policy/policy.h"
#include "probe/store.h"

/* Pause between two network attempts. */
#define PROBE_PAUSE ((msec)250)
/* Time limit of an attempt. */
#define PROBE_PATIENCE ((msec)3000)

struct probes;

typedef void probe_ready(void *user, unsigned int dom, unsigned int gen);

/* STORE may be NULL; then probes that need it never succeed. CONSOLE_DIR is
 * where xenconsoled writes guest-NAME.log. */
struct probes *probes_new(struct loop *loop, struct store *store,
                          const char *console_dir, probe_ready *cb,
                          void *user);
void probes_free(struct probes *probes);

/* What is known from an instance's creation: where its lines begin in the
 * console log (bytes; all zero: at the beginning), and whether it was
 * restored. A restored guest does not repeat its boot messages, but its
 * devices reconnect. */
struct probe_mark {
    uint64_t inode;
    uint64_t offset;
    bool resumed;
};

/* Marks the end of the console log before the instance is created: only later
 * output counts. */
struct probe_mark probe_mark(struct probes *probes, unsigned int dom,
                             const struct policy *policy);
/* Sets the mark of an instance that an earlier daemon created, or of which
 * more is known now. */
void probe_mark_set(struct probes *probes, unsigned int dom,
                    const struct probe_mark *mark);
/* Starts to probe an instance. The callback comes from the loop, never from
 * within. */
void probe_start(struct probes *probes, unsigned int dom, unsigned int gen,
                 const struct policy *policy, uint32_t domid);
void probe_stop(struct probes *probes, unsigned int dom);

#endif
