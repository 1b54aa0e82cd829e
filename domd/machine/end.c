/*
 * Handlers, part two: an instance ends by itself. And what follows any end: a
 * rest, a restart, or a back-off.
 */
#include "machine/internal.h"

#include <stdio.h>
#include <string.h>

/* ---- failures, and what follows ----------------------------------------- */

/* Records a failure, and drops those before the window. */
static void record_failure(struct machine *m, struct machine_domain *d)
{
    unsigned int i;
    unsigned int old = 0;

    while (old < d->n_failures &&
           m->now - d->failures[old] >= d->policy->restart_window)
        old++;
    if (d->n_failures - old == MACHINE_FAILURES_MAX) old++;
    for (i = old; i < d->n_failures; i++)
        d->failures[i - old] = d->failures[i];
    d->n_failures -= old;
    d->failures[d->n_failures++] = m->now;
}

/* restart_delay, doubled with each failure in the window. */
static msec get_backoff(const struct machine_domain *d)
{
    msec delay = d->policy->restart_delay;
    unsigned int i;

    for (i = 1; i < d->n_failures && delay < MACHINE_BACKOFF_MAX; i++)
        delay *= 2;
    return delay < MACHINE_BACKOFF_MAX ? delay : MACHINE_BACKOFF_MAX;
}

enum machine_outcome machine_after_failure(struct machine *m,
                                           struct machine_domain *d,
                                           bool again)
{
    size_t len;

    record_failure(m, d);
    if (d->policy->restart == RESTART_NO && !again) return MACHINE_NEXT_FAILED;
    if (d->n_failures <= d->policy->restart_limit) return MACHINE_NEXT_BACKOFF;
    len = strlen(d->reason);
    snprintf(d->reason + len, sizeof(d->reason) - len,
             "; held after %u failures in %lld s", d->n_failures,
             (long long)d->policy->restart_window / 1000);
    return MACHINE_NEXT_HELD;
}

void machine_settle(struct machine *m, struct machine_domain *d)
{
    enum machine_outcome next = d->next;
    bool stop_req = d->stop_req;
    bool again = d->again;

    d->stop_req = false;
    d->by_hand = false;
    d->delayed = false;
    d->was_ready = false;
    d->again = false;
    d->remark[0] = '\0';
    d->next = MACHINE_NEXT_STOPPED;
    if (!d->listed) d->want = false;

    if (!d->want || m->closing) {
        machine_enter(m, d,
                      next == MACHINE_NEXT_FAILED || next == MACHINE_NEXT_HELD
                          ? MACHINE_FAILED
                          : MACHINE_STOPPED);
        return;
    }
    if (stop_req) {
        machine_enter(m, d, MACHINE_WAITING);
        return;
    }
    switch (next) {
    case MACHINE_NEXT_STOPPED:
        d->want = false;
        machine_enter(m, d, MACHINE_STOPPED);
        break;
    case MACHINE_NEXT_AGAIN:
        d->restarts++;
        d->again = again;
        d->delayed = true;
        machine_enter(m, d, MACHINE_WAITING);
        break;
    case MACHINE_NEXT_BACKOFF:
        d->again = again;
        machine_enter(m, d, MACHINE_BACKOFF);
        machine_set_timer(m, d, get_backoff(d));
        break;
    case MACHINE_NEXT_FAILED:
        machine_enter(m, d, MACHINE_FAILED);
        break;
    case MACHINE_NEXT_HELD:
        machine_enter(m, d, MACHINE_HELD);
        break;
    }
}

/* ---- handlers ----------------------------------------------------------- */

/* Repeated messages are reported once. */
void machine_dm_says(struct machine *m, struct machine_domain *d,
                     const struct machine_result *res)
{
    char remark[sizeof(d->remark)];

    snprintf(remark, sizeof(remark), "device model (QEMU): %s",
             res->why ? res->why : "?");
    if (!strcmp(remark, d->remark)) return;
    memcpy(d->remark, remark, sizeof(remark));
    machine_act_on(m, d, MACHINE_ACT_REMARK);
}

/* The guest continues as far as it can, so the state stays. */
void machine_dm_ended(struct machine *m, struct machine_domain *d,
                      const struct machine_result *res)
{
    snprintf(d->remark, sizeof(d->remark),
             "device model (QEMU) has exited: %s",
             res->why ? res->why : "no reason in its log");
    machine_act_on(m, d, MACHINE_ACT_REMARK);
}

/* Whether the guest was up for a while. The uptime of an adopted guest may be
 * unknown, and then counts as long. */
static bool was_up(const struct machine *m, const struct machine_domain *d)
{
    if (!d->was_ready) return false;
    return d->latency < 0 || m->now - d->started - d->latency >= MACHINE_BRIEF;
}

/* Adds the uptime to the reason: so short a run is a restart loop. */
static void append_uptime(const struct machine *m, struct machine_domain *d)
{
    size_t len = strlen(d->reason);

    if (d->was_ready)
        snprintf(d->reason + len, sizeof(d->reason) - len,
                 " %lld s after it was ready",
                 (long long)(m->now - d->started - d->latency) / 1000);
    else
        snprintf(d->reason + len, sizeof(d->reason) - len,
                 " before it was ready");
}

static void decide_outcome(struct machine *m, struct machine_domain *d,
                           const struct machine_result *res)
{
    bool again = d->policy->restart == RESTART_ALWAYS;

    switch (res->death) {
    case MACHINE_POWEROFF:
        machine_set_reason(d, "guest powered off");
        again = again || res->again;
        break;
    case MACHINE_REBOOT:
        machine_set_reason(d, "guest rebooted");
        again = again || res->again;
        break;
    case MACHINE_VANISHED:
        machine_set_reason(d, "destroyed by another program");
        break;
    case MACHINE_CRASH:
        machine_set_reason(d, "guest crashed");
        d->next = machine_after_failure(m, d, false);
        return;
    }
    if (!again) {
        d->next = MACHINE_NEXT_STOPPED;
    } else if (was_up(m, d)) {
        d->next = MACHINE_NEXT_AGAIN;
    } else {
        append_uptime(m, d);
        d->next = machine_after_failure(m, d, true);
    }
}

/* libxl resets the guest in place, at once: a crash kernel would lose its dump
 * of memory otherwise. A reset still counts as a reboot. */
void machine_reset(struct machine *m, struct machine_domain *d,
                   const struct machine_result *res)
{
    char reason[sizeof(d->reason)];

    (void)res;
    if (!was_up(m, d)) {
        memcpy(reason, d->reason, sizeof(reason));
        machine_set_reason(d, "guest reset itself");
        append_uptime(m, d);
        d->next = machine_after_failure(m, d, true);
        if (d->next != MACHINE_NEXT_BACKOFF) {
            machine_remove_it(m, d, true);
            return;
        }
        d->next = MACHINE_NEXT_STOPPED;
        memcpy(d->reason, reason, sizeof(reason));
    }
    d->restarts++;
    d->started = m->now;
    if (d->was_ready) d->latency = 0;
}

void machine_died(struct machine *m, struct machine_domain *d,
                  const struct machine_result *res)
{
    /* Only a guest that ends by itself keeps its config. */
    d->again = true;
    decide_outcome(m, d, res);
    if (res->keep && !d->stop_req) {
        size_t len = strlen(d->reason);

        snprintf(d->reason + len, sizeof(d->reason) - len,
                 "; kept for inspection");
        machine_enter(m, d, MACHINE_KEPT);
        return;
    }
    machine_remove_it(m, d, false);
}

void machine_died_gone(struct machine *m, struct machine_domain *d,
                       const struct machine_result *res)
{
    decide_outcome(m, d, res);
    machine_settle(m, d);
}
