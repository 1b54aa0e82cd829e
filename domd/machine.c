/*
 * The shape is that of s6-supervise: a table of states and events, and one
 * small function for each thing that can follow. What is not in the table
 * changes nothing: a result that comes too late, a command that is fulfilled
 * already.
 */
#include "machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NONE ((unsigned int)-1)

/* ---- the list of actions ------------------------------------------------ */

static void act(struct machine *m, const struct mc_action *action)
{
    if (m->n_acts == m->size_acts) {
        m->size_acts = m->size_acts ? m->size_acts * 2 : 16;
        m->acts = xrealloc(m->acts, m->size_acts, sizeof(*m->acts));
    }
    m->acts[m->n_acts++] = *action;
}

static void act_on(struct machine *m, struct mc_domain *d, enum mc_act what)
{
    struct mc_action a = {0};

    a.act = what;
    a.dom = (unsigned int)(d - m->doms);
    a.gen = d->gen;
    act(m, &a);
}

bool mc_take(struct machine *m, struct mc_action *action_r)
{
    if (!m->n_acts) return false;
    *action_r = m->acts[0];
    m->n_acts--;
    memmove(m->acts, m->acts + 1, m->n_acts * sizeof(*m->acts));
    return true;
}

/* ---- small helpers ------------------------------------------------------ */

static const struct {
    const char *name;
    bool instance; /* the hypervisor may have something of it */
    bool rest;     /* lasts until somebody does something */
} state_facts[MC_STATES] = {
    [MC_STOPPED] = {"stopped", false, true},
    [MC_WAITING] = {"waiting", false, false},
    [MC_BLOCKED] = {"blocked", false, true},
    [MC_DELAY] = {"delay", false, false},
    [MC_CREATING] = {"creating", true, false},
    [MC_ABORTING] = {"aborting", true, false},
    [MC_BOOTING] = {"booting", true, false},
    [MC_READY] = {"ready", true, true},
    [MC_LATE] = {"late", true, true},
    [MC_STOP_WAIT] = {"stop-wait", true, false},
    [MC_SHUTDOWN] = {"shutdown", true, false},
    [MC_SAVING] = {"saving", true, false},
    [MC_DESTROYING] = {"destroying", true, false},
    [MC_BACKOFF] = {"backoff", false, false},
    [MC_FAILED] = {"failed", false, true},
    [MC_HELD] = {"held", false, true},
    [MC_SKIPPED] = {"skipped", false, true},
    [MC_KEPT] = {"kept", true, true},
    [MC_STUCK] = {"stuck", true, true},
    [MC_BY_HAND] = {"by-hand", true, true},
};

bool mc_has_instance(enum mc_state state)
{
    return state_facts[state].instance;
}

bool mc_at_rest(enum mc_state state)
{
    return state_facts[state].rest;
}

const char *mc_state_name(enum mc_state state)
{
    return state_facts[state].name;
}

int mc_state_find(const char *name)
{
    int i;

    for (i = 0; i < MC_STATES; i++) {
        if (!strcmp(state_facts[i].name, name)) return i;
    }
    return -1;
}

static const char *const outcome_names[MC_OUTCOMES] = {
    [MC_NEXT_STOPPED] = "stopped", [MC_NEXT_AGAIN] = "again",
    [MC_NEXT_BACKOFF] = "backoff", [MC_NEXT_FAILED] = "failed",
    [MC_NEXT_HELD] = "held",
};

const char *mc_outcome_name(enum mc_outcome outcome)
{
    return outcome_names[outcome];
}

int mc_outcome_find(const char *name)
{
    int i;

    for (i = 0; i < MC_OUTCOMES; i++) {
        if (!strcmp(outcome_names[i], name)) return i;
    }
    return -1;
}

bool mc_is_stale(const struct mc_domain *d)
{
    return d->listed && !d->by_hand && mc_has_instance(d->state) &&
           d->stamp != d->policy->stamp;
}

static void copy_names(struct strlist *to, const struct strlist *from)
{
    size_t i;

    strlist_dispose(to);
    for (i = 0; i < from->n; i++)
        strlist_add(to, from->v[i]);
}

/* The instance is what the file says now. */
static void take_facts(struct mc_domain *d)
{
    d->stamp = d->policy->stamp;
    copy_names(&d->writes, &d->policy->writes);
}

static void set_reason(struct mc_domain *d, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void set_reason(struct mc_domain *d, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(d->reason, sizeof(d->reason), format, args);
    va_end(args);
}

/* Enters STATE. Its timer is stopped: one that is needed is set afterwards,
 * so that none of an earlier state can fire. The reason stays. */
static void enter(struct machine *m, struct mc_domain *d, enum mc_state state)
{
    struct mc_action a = {0};

    d->deadline = MC_NEVER;
    if (d->state == state) return;
    a.act = MC_ACT_CHANGED;
    a.dom = (unsigned int)(d - m->doms);
    a.gen = d->gen;
    a.before = d->state;
    a.after = state;
    d->state = state;
    d->since = m->now;
    act(m, &a);
}

static void set_timer(struct machine *m, struct mc_domain *d, msec delay)
{
    d->deadline = m->now + delay;
}

static unsigned int count_creating(const struct machine *m)
{
    unsigned int i;
    unsigned int n = 0;

    for (i = 0; i < m->n; i++) {
        if (!m->doms[i].policy) continue;
        if (m->doms[i].state == MC_CREATING || m->doms[i].state == MC_ABORTING)
            n++;
    }
    return n;
}

/* ---- failures, and what follows ----------------------------------------- */

static void forget_failures(struct mc_domain *d)
{
    d->n_failures = 0;
}

/* Notes a failure, and drops those that are older than the window. */
static void note_failure(struct machine *m, struct mc_domain *d)
{
    unsigned int i;
    unsigned int old = 0;

    while (old < d->n_failures &&
           m->now - d->failures[old] >= d->policy->restart_window)
        old++;
    if (d->n_failures - old == MC_FAILURES_MAX) old++;
    for (i = old; i < d->n_failures; i++)
        d->failures[i - old] = d->failures[i];
    d->n_failures -= old;
    d->failures[d->n_failures++] = m->now;
}

/* restart_delay, doubled with each failure in the window. */
static msec backoff(const struct mc_domain *d)
{
    msec delay = d->policy->restart_delay;
    unsigned int i;

    for (i = 1; i < d->n_failures && delay < MC_BACKOFF_MAX; i++)
        delay *= 2;
    return delay < MC_BACKOFF_MAX ? delay : MC_BACKOFF_MAX;
}

/* What follows a failure: the reason of the state says why it failed. AGAIN:
 * it is to come up again even if the policy does not restart what failed. */
static enum mc_outcome after_failure(struct machine *m, struct mc_domain *d,
                                     bool again)
{
    size_t len;

    note_failure(m, d);
    if (d->policy->restart == RESTART_NO && !again) return MC_NEXT_FAILED;
    if (d->n_failures <= d->policy->restart_limit) return MC_NEXT_BACKOFF;
    len = strlen(d->reason);
    snprintf(d->reason + len, sizeof(d->reason) - len,
             "; held after %u failures in %lld s", d->n_failures,
             (long long)d->policy->restart_window / 1000);
    return MC_NEXT_HELD;
}

/* The instance is gone (or never was): d->next says what follows, unless
 * somebody has another wish. */
static void settle(struct machine *m, struct mc_domain *d)
{
    enum mc_outcome next = d->next;
    bool stop_req = d->stop_req;
    bool again = d->again;

    d->stop_req = false;
    d->by_hand = false;
    d->delayed = false;
    d->was_ready = false;
    d->again = false;
    d->remark[0] = '\0';
    d->next = MC_NEXT_STOPPED;
    if (!d->listed) d->want = false;

    if (!d->want || m->closing) {
        enter(m, d,
              next == MC_NEXT_FAILED || next == MC_NEXT_HELD ? MC_FAILED
                                                             : MC_STOPPED);
        return;
    }
    if (stop_req) {
        enter(m, d, MC_WAITING);
        return;
    }
    switch (next) {
    case MC_NEXT_STOPPED:
        d->want = false;
        enter(m, d, MC_STOPPED);
        break;
    case MC_NEXT_AGAIN:
        d->restarts++;
        d->again = again;
        d->delayed = true;
        enter(m, d, MC_WAITING);
        break;
    case MC_NEXT_BACKOFF:
        d->again = again;
        enter(m, d, MC_BACKOFF);
        set_timer(m, d, backoff(d));
        break;
    case MC_NEXT_FAILED:
        enter(m, d, MC_FAILED);
        break;
    case MC_NEXT_HELD:
        enter(m, d, MC_HELD);
        break;
    }
}

/* ---- the functions of the table ----------------------------------------- */

typedef void handler(struct machine *m, struct mc_domain *d,
                     const struct mc_result *res);

/* Starts that people and the boot ask for. */

static void wait_turn(struct machine *m, struct mc_domain *d,
                      const struct mc_result *res)
{
    (void)res;
    d->delayed = false;
    d->again = false;
    d->reason[0] = '\0';
    enter(m, d, MC_WAITING);
}

static void give_up_start(struct machine *m, struct mc_domain *d,
                          const struct mc_result *res)
{
    (void)res;
    d->stop_req = false;
    d->again = false;
    if (d->want) {
        enter(m, d, MC_WAITING);
        return;
    }
    enter(m, d, MC_STOPPED);
}

/* It is its turn: the dependencies are ready, and there is a place. */
static void go(struct machine *m, struct mc_domain *d,
               const struct mc_result *res)
{
    struct mc_action a = {0};

    (void)res;
    if (d->policy->start_delay && !d->delayed) {
        enter(m, d, MC_DELAY);
        set_timer(m, d, d->policy->start_delay);
        return;
    }
    d->gen++;
    d->was_ready = false;
    d->started = m->now;
    d->latency = -1;
    d->reason[0] = '\0';
    d->next = MC_NEXT_STOPPED;
    d->dead = false;
    d->resumed = false;
    enter(m, d, MC_CREATING);
    set_timer(m, d, d->policy->start_timeout);
    if (!d->again) take_facts(d);
    a.act = MC_ACT_CREATE;
    a.dom = (unsigned int)(d - m->doms);
    a.gen = d->gen;
    a.fresh = !d->again;
    d->again = false;
    act(m, &a);
}

static void delay_over(struct machine *m, struct mc_domain *d,
                       const struct mc_result *res)
{
    (void)res;
    d->delayed = true;
    enter(m, d, MC_WAITING);
}

static void backoff_over(struct machine *m, struct mc_domain *d,
                         const struct mc_result *res)
{
    (void)res;
    d->restarts++;
    d->delayed = true;
    enter(m, d, MC_WAITING);
}

/* Removal of what is left. */

static void remove_it(struct machine *m, struct mc_domain *d, bool forced)
{
    struct mc_action a = {0};

    d->destroy_tries = 1;
    enter(m, d, MC_DESTROYING);
    a.act = MC_ACT_DESTROY;
    a.dom = (unsigned int)(d - m->doms);
    a.gen = d->gen;
    a.forced = forced;
    act(m, &a);
}

/* Creation. */

/* Others are built first, and that is not its fault. Its turn comes by itself:
 * nothing but the end of theirs is awaited. */
static void queued(struct machine *m, struct mc_domain *d,
                   const struct mc_result *res)
{
    (void)m;
    (void)res;
    d->deadline = MC_NEVER;
}

/* To read what was saved takes as long as it may have taken to write it. */
static void begun(struct machine *m, struct mc_domain *d,
                  const struct mc_result *res)
{
    d->started = m->now;
    d->resumed = res->resumed;
    set_timer(m, d,
              d->policy->start_timeout +
                  (d->resumed ? d->policy->stop_timeout : 0));
}

static void created(struct machine *m, struct mc_domain *d,
                    const struct mc_result *res)
{
    /* The time that creation took counts. */
    msec deadline = d->deadline;

    (void)res;
    enter(m, d, MC_BOOTING);
    d->deadline = deadline;
    if (!d->resumed) return;
    d->started = m->now;
    set_timer(m, d, d->policy->start_timeout);
}

static void create_failed(struct machine *m, struct mc_domain *d,
                          const struct mc_result *res)
{
    set_reason(d, "%s", res->why ? res->why : "it could not be created");
    d->next = after_failure(m, d, false);
    settle(m, d);
}

/* The removal goes on, and says so, like any other. */
static void create_left(struct machine *m, struct mc_domain *d,
                        const struct mc_result *res)
{
    set_reason(d, "%s", res->why ? res->why : "it could not be created");
    d->next = after_failure(m, d, false);
    remove_it(m, d, true);
}

/* Nobody's failure: whoever reads the files looks at this one again. */
static void file_changed(struct machine *m, struct mc_domain *d,
                         const struct mc_result *res)
{
    (void)res;
    enter(m, d, MC_WAITING);
}

static void create_late(struct machine *m, struct mc_domain *d,
                        const struct mc_result *res)
{
    msec limit = d->policy->start_timeout;

    (void)res;
    if (d->resumed) limit += d->policy->stop_timeout;
    set_reason(d, "it was not %s within %lld s",
               d->resumed ? "restored" : "created", (long long)limit / 1000);
    d->next = after_failure(m, d, false);
    enter(m, d, MC_ABORTING);
    act_on(m, d, MC_ACT_ABORT);
}

static void create_abort(struct machine *m, struct mc_domain *d,
                         const struct mc_result *res)
{
    (void)res;
    enter(m, d, MC_ABORTING);
    act_on(m, d, MC_ACT_ABORT);
}

static void aborted(struct machine *m, struct mc_domain *d,
                    const struct mc_result *res)
{
    (void)res;
    settle(m, d);
}

/* What is left of it did not go, after its creation had been called off. */
static void left_too_late(struct machine *m, struct mc_domain *d,
                          const struct mc_result *res)
{
    (void)res;
    remove_it(m, d, true);
}

/* It came up after its creation had been called off. The memory of one that
 * was restored is nowhere else any more: it stops like any that runs. If it
 * was only late, it goes on. */
static void created_too_late(struct machine *m, struct mc_domain *d,
                             const struct mc_result *res)
{
    if (!d->resumed) {
        remove_it(m, d, true);
    } else if (d->stop_req) {
        enter(m, d, MC_STOP_WAIT);
    } else {
        d->next = MC_NEXT_STOPPED;
        created(m, d, res);
    }
}

static void force(struct machine *m, struct mc_domain *d,
                  const struct mc_result *res)
{
    (void)res;
    if (d->state == MC_SHUTDOWN)
        set_reason(d, "it did not shut down within %lld s, and was destroyed",
                   (long long)d->policy->stop_timeout / 1000);
    remove_it(m, d, true);
}

static void shutdown_failed(struct machine *m, struct mc_domain *d,
                            const struct mc_result *res)
{
    set_reason(d, "it could not be asked to shut down (%s), and was destroyed",
               res->why ? res->why : "no reason is known");
    remove_it(m, d, true);
}

static void destroy_failed(struct machine *m, struct mc_domain *d,
                           const struct mc_result *res)
{
    set_reason(d, "it cannot be removed: %s",
               res->why ? res->why : "no reason is known");
    if (d->destroy_tries >= MC_DESTROY_TRIES) {
        d->stop_req = false;
        enter(m, d, MC_STUCK);
        return;
    }
    set_timer(m, d, MC_DESTROY_RETRY);
}

static void destroy_again(struct machine *m, struct mc_domain *d,
                          const struct mc_result *res)
{
    unsigned int tries = d->destroy_tries;

    (void)res;
    d->deadline = MC_NEVER;
    remove_it(m, d, true);
    d->destroy_tries = tries + 1;
}

static void gone(struct machine *m, struct mc_domain *d,
                 const struct mc_result *res)
{
    (void)res;
    settle(m, d);
}

/* Running. */

static void ready(struct machine *m, struct mc_domain *d,
                  const struct mc_result *res)
{
    (void)res;
    d->was_ready = true;
    d->latency = m->now - d->started;
    d->reason[0] = '\0';
    enter(m, d, MC_READY);
}

/* A guest that checks its disks must not be destroyed for being slow. It goes
 * on; what requires it waits, and goes on as soon as it is ready. */
static void late(struct machine *m, struct mc_domain *d,
                 const struct mc_result *res)
{
    char *how = ready_text(&d->policy->ready);

    (void)res;
    set_reason(d, "not ready (%s) within %lld s", how,
               (long long)d->policy->start_timeout / 1000);
    free(how);
    enter(m, d, MC_LATE);
}

/* What the guest can do without it, it goes on doing: that is no state. */
static void dm_ended(struct machine *m, struct mc_domain *d,
                     const struct mc_result *res)
{
    snprintf(d->remark, sizeof(d->remark),
             "its device model (QEMU) has ended: %s",
             res->why ? res->why : "its log does not say why");
    act_on(m, d, MC_ACT_REMARK);
}

/* Whether it was up for a while. How long one was that has been adopted may
 * not be known. */
static bool was_up(const struct machine *m, const struct mc_domain *d)
{
    if (!d->was_ready) return false;
    return d->latency < 0 || m->now - d->started - d->latency >= MC_BRIEF;
}

static void decide(struct machine *m, struct mc_domain *d,
                   const struct mc_result *res)
{
    bool again = d->policy->restart == RESTART_ALWAYS;
    size_t len;

    switch (res->death) {
    case MC_POWEROFF:
        set_reason(d, "it powered itself off");
        again = again || res->again;
        break;
    case MC_REBOOT:
        set_reason(d, "it rebooted itself");
        again = again || res->again;
        break;
    case MC_VANISHED:
        set_reason(d, "somebody else destroyed it");
        break;
    case MC_CRASH:
        set_reason(d, "it crashed");
        d->next = after_failure(m, d, false);
        return;
    }
    if (!again) {
        d->next = MC_NEXT_STOPPED;
    } else if (was_up(m, d)) {
        d->next = MC_NEXT_AGAIN;
    } else {
        /* One that ends as soon as it is up, or before, is in a loop, and not
         * to be had. */
        len = strlen(d->reason);
        if (d->was_ready)
            snprintf(d->reason + len, sizeof(d->reason) - len,
                     " %lld s after it was ready",
                     (long long)(m->now - d->started - d->latency) / 1000);
        else
            snprintf(d->reason + len, sizeof(d->reason) - len,
                     " before it was ready");
        d->next = after_failure(m, d, true);
    }
}

static void died(struct machine *m, struct mc_domain *d,
                 const struct mc_result *res)
{
    /* Only a guest that ends by itself goes on with what it had. */
    d->again = true;
    decide(m, d, res);
    if (res->keep && !d->stop_req) {
        size_t len = strlen(d->reason);

        snprintf(d->reason + len, sizeof(d->reason) - len,
                 "; kept for inspection");
        enter(m, d, MC_KEPT);
        return;
    }
    remove_it(m, d, false);
}

static void died_gone(struct machine *m, struct mc_domain *d,
                      const struct mc_result *res)
{
    decide(m, d, res);
    settle(m, d);
}

/* It ended while, or before, it was asked to: that is what was wanted. */
static void died_stopping(struct machine *m, struct mc_domain *d,
                          const struct mc_result *res)
{
    (void)res;
    remove_it(m, d, false);
}

/* Stopping. */

static void stop_wait(struct machine *m, struct mc_domain *d,
                      const struct mc_result *res)
{
    (void)res;
    enter(m, d, MC_STOP_WAIT);
}

static void ask_shutdown(struct machine *m, struct mc_domain *d)
{
    enter(m, d, MC_SHUTDOWN);
    set_timer(m, d, d->policy->stop_timeout);
    act_on(m, d, MC_ACT_SHUTDOWN);
}

/* All that depend on it are gone. */
static void stop_now(struct machine *m, struct mc_domain *d,
                     const struct mc_result *res)
{
    (void)res;
    d->next = MC_NEXT_STOPPED;
    switch (d->by_hand ? STOP_SHUTDOWN : d->policy->on_stop) {
    case STOP_SHUTDOWN:
        ask_shutdown(m, d);
        break;
    case STOP_SAVE:
        /* The file may have been broken while the domain was running. */
        if (!d->policy->save_to) {
            ask_shutdown(m, d);
            break;
        }
        enter(m, d, MC_SAVING);
        set_timer(m, d, d->policy->stop_timeout);
        act_on(m, d, MC_ACT_SAVE);
        break;
    case STOP_DESTROY:
        remove_it(m, d, false);
        break;
    }
}

static void saved(struct machine *m, struct mc_domain *d,
                  const struct mc_result *res)
{
    (void)res;
    set_reason(d, "saved to %s",
               d->policy->save_to ? d->policy->save_to : "?");
    remove_it(m, d, false);
}

/* What could not be saved is shut down, with the whole of its time. */
static void save_failed(struct machine *m, struct mc_domain *d,
                        const struct mc_result *res)
{
    if (d->dead) {
        set_reason(d, "it ended while it was being saved");
        remove_it(m, d, false);
        return;
    }
    set_reason(d, "it could not be saved (%s), and was shut down",
               res->why ? res->why : "no reason is known");
    ask_shutdown(m, d);
}

/* The result is awaited all the same: nothing may touch it before. */
static void save_late(struct machine *m, struct mc_domain *d,
                      const struct mc_result *res)
{
    (void)res;
    d->deadline = MC_NEVER;
    act_on(m, d, MC_ACT_ABORT);
}

static void died_saving(struct machine *m, struct mc_domain *d,
                        const struct mc_result *res)
{
    (void)m;
    (void)res;
    d->dead = true;
}

/* Somebody has removed what was kept, or stuck, or was not ours. */
static void gone_by_itself(struct machine *m, struct mc_domain *d,
                           const struct mc_result *res)
{
    (void)res;
    d->reason[0] = '\0';
    d->want = false;
    d->next = MC_NEXT_STOPPED;
    settle(m, d);
}

static void remove_kept(struct machine *m, struct mc_domain *d,
                        const struct mc_result *res)
{
    (void)res;
    d->next = MC_NEXT_STOPPED;
    remove_it(m, d, false);
}

static handler *const table[MC_STATES][MC_EVENTS] = {
    [MC_STOPPED] =
        {
            [MC_EV_START] = wait_turn,
        },
    [MC_WAITING] =
        {
            [MC_EV_STOP] = give_up_start,
            [MC_EV_GO] = go,
        },
    [MC_BLOCKED] =
        {
            [MC_EV_STOP] = give_up_start,
        },
    [MC_DELAY] =
        {
            [MC_EV_STOP] = give_up_start,
            [MC_EV_TIMER] = delay_over,
        },
    [MC_CREATING] =
        {
            [MC_EV_STOP] = create_abort,
            [MC_EV_TIMER] = create_late,
            [MC_EV_QUEUED] = queued,
            [MC_EV_BEGUN] = begun,
            [MC_EV_CREATED] = created,
            [MC_EV_CREATE_FAILED] = create_failed,
            [MC_EV_CREATE_LEFT] = create_left,
            [MC_EV_FILE_CHANGED] = file_changed,
        },
    [MC_ABORTING] =
        {
            [MC_EV_CREATED] = created_too_late,
            [MC_EV_CREATE_FAILED] = aborted,
            [MC_EV_CREATE_LEFT] = left_too_late,
            [MC_EV_FILE_CHANGED] = aborted,
        },
    [MC_BOOTING] =
        {
            [MC_EV_STOP] = stop_wait,
            [MC_EV_TIMER] = late,
            [MC_EV_READY] = ready,
            [MC_EV_DIED] = died,
            [MC_EV_GONE] = died_gone,
            [MC_EV_DM_ENDED] = dm_ended,
        },
    [MC_READY] =
        {
            [MC_EV_STOP] = stop_wait,
            [MC_EV_DIED] = died,
            [MC_EV_GONE] = died_gone,
            [MC_EV_DM_ENDED] = dm_ended,
        },
    [MC_LATE] =
        {
            [MC_EV_STOP] = stop_wait,
            [MC_EV_READY] = ready,
            [MC_EV_DIED] = died,
            [MC_EV_GONE] = died_gone,
            [MC_EV_DM_ENDED] = dm_ended,
        },
    [MC_STOP_WAIT] =
        {
            [MC_EV_GO] = stop_now,
            [MC_EV_DIED] = died_stopping,
            [MC_EV_GONE] = gone,
            [MC_EV_DM_ENDED] = dm_ended,
        },
    [MC_SHUTDOWN] =
        {
            [MC_EV_TIMER] = force,
            [MC_EV_SHUTDOWN_FAILED] = shutdown_failed,
            [MC_EV_DIED] = died_stopping,
            [MC_EV_GONE] = gone,
            [MC_EV_DM_ENDED] = dm_ended,
        },
    [MC_SAVING] =
        {
            [MC_EV_TIMER] = save_late,
            [MC_EV_DIED] = died_saving,
            [MC_EV_GONE] = died_saving,
            [MC_EV_SAVED] = saved,
            [MC_EV_SAVE_FAILED] = save_failed,
            [MC_EV_DM_ENDED] = dm_ended,
        },
    [MC_DESTROYING] =
        {
            [MC_EV_TIMER] = destroy_again,
            [MC_EV_GONE] = gone,
            [MC_EV_DESTROY_FAILED] = destroy_failed,
        },
    [MC_BACKOFF] =
        {
            [MC_EV_START] = wait_turn,
            [MC_EV_STOP] = give_up_start,
            [MC_EV_TIMER] = backoff_over,
        },
    [MC_FAILED] =
        {
            [MC_EV_START] = wait_turn,
            [MC_EV_STOP] = give_up_start,
        },
    [MC_HELD] =
        {
            [MC_EV_START] = wait_turn,
            [MC_EV_STOP] = give_up_start,
        },
    [MC_SKIPPED] =
        {
            [MC_EV_START] = wait_turn,
        },
    [MC_KEPT] =
        {
            [MC_EV_STOP] = remove_kept,
            [MC_EV_GONE] = gone_by_itself,
        },
    [MC_STUCK] =
        {
            [MC_EV_STOP] = remove_kept,
            [MC_EV_GONE] = gone_by_itself,
        },
    [MC_BY_HAND] =
        {
            [MC_EV_STOP] = stop_wait,
            [MC_EV_DIED] = NULL, /* whoever started it looks after it */
            [MC_EV_GONE] = gone_by_itself,
        },
};

/* Events that are not about one instance. */
static bool is_result(enum mc_event event)
{
    switch (event) {
    case MC_EV_START:
    case MC_EV_STOP:
    case MC_EV_GO:
    case MC_EV_TIMER:
        return false;
    default:
        return true;
    }
}

static void fire(struct machine *m, struct mc_domain *d, enum mc_event event,
                 const struct mc_result *res)
{
    static const struct mc_result nothing;
    handler *h = table[d->state][event];

    if (h) h(m, d, res ? res : &nothing);
}

/* ---- the graph ---------------------------------------------------------- */

/* How far a start of DOM is from what it depends on. */
enum turn {
    TURN_NOW,
    TURN_WAIT,  /* something has to happen by itself first */
    TURN_NEVER, /* not before somebody does something; the reason is set */
};

static enum turn turn_of(struct machine *m, unsigned int dom, char *why,
                         size_t why_size)
{
    struct mc_domain *d = &m->doms[dom];
    const struct strlist *writes = d->again ? &d->writes : &d->policy->writes;
    enum turn turn = TURN_NOW;
    unsigned int i;
    size_t k;

    for (i = 0; i < d->n_edges; i++) {
        const struct mc_domain *on = &m->doms[d->edges[i].dom];

        if (on->state == MC_READY) continue;
        if (!mc_at_rest(on->state)) {
            turn = TURN_WAIT;
            continue;
        }
        if (!d->edges[i].requires) continue;
        snprintf(why, why_size, "requires %s, which is %s", on->policy->name,
                 mc_state_name(on->state));
        return TURN_NEVER;
    }
    for (i = 0; i < m->n; i++) {
        const struct mc_domain *other = &m->doms[i];

        if (i == dom || !other->policy || !mc_has_instance(other->state))
            continue;
        for (k = 0; k < writes->n; k++) {
            if (!strlist_has(&other->writes, writes->v[k])) continue;
            snprintf(why, why_size, "the disk %s is written by %s",
                     writes->v[k], other->policy->name);
            return TURN_NEVER;
        }
    }
    return turn;
}

/* Whether something that must stop before DOM is still there. */
static bool has_stopping_dependents(const struct machine *m, unsigned int dom)
{
    unsigned int i;
    unsigned int k;

    for (i = 0; i < m->n; i++) {
        const struct mc_domain *d = &m->doms[i];

        if (i == dom || !d->policy || !mc_has_instance(d->state)) continue;
        if (!d->stop_req && d->state != MC_ABORTING &&
            d->state != MC_DESTROYING)
            continue;
        /* What came by hand came last, and nobody knows what it uses: it goes
         * first, whatever its namesake's file says. They would wait for each
         * other otherwise. */
        if (d->by_hand && !m->doms[dom].by_hand) return true;
        if (!d->by_hand && m->doms[dom].by_hand) continue;
        for (k = 0; k < d->n_edges; k++) {
            if (d->edges[k].dom == dom) return true;
        }
    }
    return false;
}

/* Asks DOM to stop. WANT says whether it is to come up again afterwards. */
static void request_stop(struct machine *m, unsigned int dom)
{
    struct mc_domain *d = &m->doms[dom];

    if (mc_has_instance(d->state)) d->stop_req = true;
    fire(m, d, MC_EV_STOP, NULL);
}

static void stop_dependents(struct machine *m, unsigned int dom)
{
    const struct policy *on = m->doms[dom].policy;
    unsigned int i;
    unsigned int k;

    for (i = 0; on && i < m->n; i++) {
        struct mc_domain *d = &m->doms[i];

        if (!d->policy || d->stop_req || d->by_hand) continue;
        if (d->state == MC_KEPT || d->state == MC_STUCK) continue;
        if (!mc_has_instance(d->state) || d->state == MC_DESTROYING) continue;
        for (k = 0; k < d->n_edges; k++) {
            if (d->edges[k].dom != dom || !d->edges[k].requires) continue;
            set_reason(d, "stopped with %s, which it requires", on->name);
            request_stop(m, i);
            stop_dependents(m, i);
            break;
        }
    }
}

/* A domain that ended badly, for good, takes along what requires it. One whose
 * file is wrong has not ended by that. */
static bool has_failed(const struct mc_domain *d)
{
    switch (d->state) {
    case MC_FAILED:
        return !d->barred;
    case MC_HELD:
    case MC_KEPT:
    case MC_STUCK:
        return true;
    default:
        return false;
    }
}

/* The one that starts next, or NONE. */
static unsigned int pick(const struct machine *m, const bool *may)
{
    unsigned int best = NONE;
    unsigned int i;

    for (i = 0; i < m->n; i++) {
        if (!may[i] || !m->doms[i].policy) continue;
        if (best == NONE ||
            m->doms[i].policy->priority > m->doms[best].policy->priority)
            best = i;
    }
    return best;
}

/* A domain that must not start says why, and one that may has no such
 * reason any more. */
static void apply_bar(struct machine *m, struct mc_domain *d)
{
    /* What goes on with what it had does not need the file. */
    if (mc_has_instance(d->state) || d->again) return;
    if (d->policy->bar) {
        set_reason(d, "%s", d->policy->bar);
        d->want = false;
        d->barred = true;
        enter(m, d, d->policy->bar_is_skip ? MC_SKIPPED : MC_FAILED);
    } else if (d->barred) {
        d->reason[0] = '\0';
        d->barred = false;
        enter(m, d, MC_STOPPED);
    }
}

/* Starts what can start now. Returns whether anything changed. */
static bool start_some(struct machine *m)
{
    bool *may = xcalloc(m->n, sizeof(*may));
    bool place = count_creating(m) < m->max_creating;
    bool changed = false;
    unsigned int i;

    for (i = 0; i < m->n; i++) {
        struct mc_domain *d = &m->doms[i];
        char why[sizeof(d->reason)] = "";

        if (!d->policy) continue;
        if (d->state != MC_WAITING && d->state != MC_BLOCKED) continue;
        if (d->policy->bar && !d->again) {
            apply_bar(m, d);
            changed = true;
            continue;
        }
        switch (turn_of(m, i, why, sizeof(why))) {
        case TURN_NOW:
            may[i] = place || (d->policy->start_delay && !d->delayed);
            if (d->state == MC_BLOCKED) {
                d->reason[0] = '\0';
                enter(m, d, MC_WAITING);
                changed = true;
            }
            break;
        case TURN_WAIT:
            d->delayed = false;
            if (d->state == MC_BLOCKED) {
                d->reason[0] = '\0';
                enter(m, d, MC_WAITING);
                changed = true;
            }
            break;
        case TURN_NEVER:
            d->delayed = false;
            if (strcmp(why, d->reason) || d->state != MC_BLOCKED) {
                set_reason(d, "%s", why);
                enter(m, d, MC_BLOCKED);
                changed = true;
            }
            break;
        }
    }
    /* One at a time: each that starts may take a place or a disk. */
    i = pick(m, may);
    free(may);
    if (i == NONE) return changed;
    fire(m, &m->doms[i], MC_EV_GO, NULL);
    return true;
}

/* Lets everything follow from what has just happened. */
static void run(struct machine *m)
{
    bool changed;
    unsigned int i;

    if (m->held) return;
    do {
        changed = false;
        for (i = 0; i < m->n; i++) {
            const struct mc_domain *d = &m->doms[i];

            if (d->policy && has_failed(d)) stop_dependents(m, i);
        }
        for (i = 0; i < m->n; i++) {
            struct mc_domain *d = &m->doms[i];

            if (!d->policy) continue;
            if (d->state == MC_STOP_WAIT && !has_stopping_dependents(m, i)) {
                fire(m, d, MC_EV_GO, NULL);
                changed = true;
            }
        }
        if (!m->closing && start_some(m)) changed = true;
    } while (changed);
}

/* ---- the configuration -------------------------------------------------- */

void mc_init(struct machine *m, unsigned int max_creating)
{
    memset(m, 0, sizeof(*m));
    m->max_creating = max_creating ? max_creating : 1;
}

void mc_dispose(struct machine *m)
{
    unsigned int i;

    for (i = 0; i < m->n; i++) {
        policy_free(m->doms[i].policy);
        strlist_dispose(&m->doms[i].writes);
        free(m->doms[i].edges);
    }
    free(m->doms);
    free(m->acts);
    memset(m, 0, sizeof(*m));
}

unsigned int mc_add(struct machine *m, struct policy *policy)
{
    unsigned int dom = 0;
    struct mc_domain *d;

    while (dom < m->n && m->doms[dom].policy)
        dom++;
    if (dom == m->n) {
        m->doms = xrealloc(m->doms, m->n + 1, sizeof(*m->doms));
        memset(&m->doms[dom], 0, sizeof(*m->doms));
        m->n++;
    }
    d = &m->doms[dom];
    /* The number of the instance goes on: results about whatever was in this
     * place before must not be taken for ours. */
    *d = (struct mc_domain){.gen = d->gen, .edges = d->edges};
    d->policy = policy;
    d->state = MC_STOPPED;
    d->listed = policy->file != NULL;
    d->deadline = MC_NEVER;
    d->latency = -1;
    d->since = m->now;
    return dom;
}

void mc_set_policy(struct machine *m, unsigned int dom, struct policy *policy)
{
    struct mc_domain *d = &m->doms[dom];

    policy_free(d->policy);
    d->policy = policy;
    d->listed = true;
}

void mc_unlist(struct machine *m, unsigned int dom)
{
    struct mc_domain *d = &m->doms[dom];

    d->listed = false;
    /* What runs is wanted until it ends: its file may be back by then. */
    if (!mc_has_instance(d->state)) {
        d->want = false;
        if (d->state == MC_WAITING || d->state == MC_DELAY ||
            d->state == MC_BACKOFF || d->state == MC_BLOCKED)
            fire(m, d, MC_EV_STOP, NULL);
    }
}

void mc_forget(struct machine *m, unsigned int dom)
{
    struct mc_domain *d = &m->doms[dom];

    if (!d->policy || d->listed || mc_has_instance(d->state)) return;
    policy_free(d->policy);
    d->policy = NULL;
    strlist_dispose(&d->writes);
    d->deadline = MC_NEVER;
}

static void add_edge(struct mc_domain *d, unsigned int on, bool requires)
{
    unsigned int i;

    for (i = 0; i < d->n_edges; i++) {
        if (d->edges[i].dom != on) continue;
        if (requires) d->edges[i].requires = true;
        return;
    }
    d->edges = xrealloc(d->edges, d->n_edges + 1, sizeof(*d->edges));
    d->edges[d->n_edges].dom = on;
    d->edges[d->n_edges].requires = requires;
    d->n_edges++;
}

/* Whether a way leads from FROM to TO. SEEN: those that were visited. */
static bool leads_to(const struct machine *m, unsigned int from,
                     unsigned int to, bool *seen)
{
    const struct mc_domain *d = &m->doms[from];
    unsigned int i;

    if (from == to) return true;
    if (seen[from]) return false;
    seen[from] = true;
    for (i = 0; i < d->n_edges; i++) {
        if (leads_to(m, d->edges[i].dom, to, seen)) return true;
    }
    return false;
}

/* The last edge of a circle is left out. Its domains are barred, but they may
 * be running: they would wait for each other for ever when they stop, or when
 * they reboot. */
static void link_names(struct machine *m, unsigned int dom,
                       const struct strlist *names, bool requires)
{
    bool *seen = xcalloc(m->n, sizeof(*seen));
    size_t i;

    for (i = 0; i < names->n; i++) {
        int on = mc_find(m, names->v[i]);

        if (on < 0) continue;
        memset(seen, 0, m->n * sizeof(*seen));
        if (!leads_to(m, (unsigned int)on, dom, seen))
            add_edge(&m->doms[dom], (unsigned int)on, requires);
    }
    free(seen);
}

void mc_link(struct machine *m, msec now)
{
    unsigned int i;

    m->now = now;
    for (i = 0; i < m->n; i++)
        m->doms[i].n_edges = 0;
    for (i = 0; i < m->n; i++) {
        if (!m->doms[i].policy) continue;
        link_names(m, i, &m->doms[i].policy->after, false);
        link_names(m, i, &m->doms[i].policy->requires, true);
        apply_bar(m, &m->doms[i]);
    }
    run(m);
}

int mc_find(const struct machine *m, const char *name)
{
    unsigned int i;

    for (i = 0; i < m->n; i++) {
        if (m->doms[i].policy && !strcmp(m->doms[i].policy->name, name))
            return (int)i;
    }
    return -1;
}

/* ---- adoption ----------------------------------------------------------- */

void mc_hold(struct machine *m)
{
    m->held = true;
}

void mc_release(struct machine *m, msec now)
{
    m->held = false;
    m->now = now;
    run(m);
}

void mc_past_of(const struct machine *m, unsigned int dom,
                struct mc_past *past)
{
    const struct mc_domain *d = &m->doms[dom];

    memset(past, 0, sizeof(*past));
    past->state = d->state;
    /* Whoever stops it and wants it nevertheless wants it again. */
    past->next = d->stop_req && d->want ? MC_NEXT_AGAIN : d->next;
    past->want = d->want;
    past->was_ready = d->was_ready;
    past->resumed = d->resumed;
    past->restarts = d->restarts;
    past->started = d->started;
    past->latency = d->latency;
    past->n_failures = d->n_failures;
    memcpy(past->failures, d->failures, sizeof(past->failures));
    past->stamp = d->stamp;
    copy_names(&past->writes, &d->writes);
    past->reason = d->reason[0] ? xstrdup(d->reason) : NULL;
}

void mc_past_dispose(struct mc_past *past)
{
    strlist_dispose(&past->writes);
    free(past->reason);
    memset(past, 0, sizeof(*past));
}

/* What follows when there is nothing left of an instance: what had been
 * decided, if its end was known already. */
static enum mc_outcome past_outcome(const struct mc_past *past)
{
    switch (past->state) {
    case MC_ABORTING:
    case MC_DESTROYING:
    case MC_STUCK:
        return past->next;
    default:
        return MC_NEXT_AGAIN;
    }
}

/* There is no instance. Nobody is told of a state that is no news. */
static void adopt_nothing(struct machine *m, struct mc_domain *d,
                          const struct mc_past *past)
{
    static const struct mc_result vanished = {.death = MC_VANISHED};
    enum mc_state state = past->state;

    switch (state) {
    case MC_FAILED:
    case MC_HELD:
        /* Without a wish for it, it was its file that was wrong. */
        d->state = d->want ? state : MC_STOPPED;
        break;
    case MC_KEPT:
    case MC_STUCK:
        d->want = false;
        break;
    case MC_ABORTING:
    case MC_DESTROYING:
        settle(m, d);
        break;
    case MC_BACKOFF:
        d->next = MC_NEXT_BACKOFF;
        settle(m, d);
        break;
    case MC_BOOTING:
    case MC_READY:
    case MC_LATE:
        /* What ends by itself stays there, dead, until we remove it. */
        d->was_ready = past->was_ready;
        if (d->want) died_gone(m, d, &vanished);
        return;
    default:
        if (!d->want) break;
        d->reason[0] = '\0';
        enter(m, d, MC_WAITING);
        break;
    }
    if (d->state == MC_STOPPED && state != MC_STOPPED &&
        state != MC_DESTROYING)
        d->reason[0] = '\0';
}

/* It went on from what was saved before it could be called off, and what it
 * was is in its memory only: as in created_too_late. */
static void adopt_resumed(struct machine *m, struct mc_domain *d)
{
    if (!d->want || d->next == MC_NEXT_AGAIN) {
        d->stop_req = true;
        enter(m, d, MC_STOP_WAIT);
        return;
    }
    d->next = MC_NEXT_STOPPED;
    enter(m, d, MC_BOOTING);
    set_timer(m, d, d->policy->start_timeout);
}

static void adopt_instance(struct machine *m, struct mc_domain *d,
                           enum mc_state state, bool dead)
{
    msec left = d->started + d->policy->start_timeout - m->now;

    if (state == MC_KEPT && dead) {
        d->state = MC_KEPT;
        return;
    }
    switch (state) {
    case MC_KEPT:
    case MC_CREATING:
    case MC_BOOTING:
    case MC_READY:
    case MC_LATE:
        /* A dead one is not ready for those that require it. */
        if (d->was_ready && !dead) {
            enter(m, d, MC_READY);
            break;
        }
        enter(m, d, MC_BOOTING);
        if (dead) left = d->policy->start_timeout;
        set_timer(m, d, left > 0 ? left : 0);
        break;
    case MC_STOP_WAIT:
    case MC_SHUTDOWN:
    case MC_SAVING:
        d->stop_req = true;
        enter(m, d, MC_STOP_WAIT);
        break;
    case MC_ABORTING:
        if (d->resumed && !dead)
            adopt_resumed(m, d);
        else
            remove_it(m, d, true);
        break;
    default:
        remove_it(m, d, true);
        break;
    }
}

unsigned int mc_adopt(struct machine *m, unsigned int dom,
                      const struct mc_past *past, enum mc_found found,
                      msec now)
{
    struct mc_domain *d = &m->doms[dom];
    bool barred = d->policy->bar && found == MC_FOUND_NOTHING;

    m->now = now;
    d->restarts = past->restarts;
    d->latency = past->latency;
    d->n_failures = past->n_failures;
    memcpy(d->failures, past->failures, sizeof(d->failures));
    if (barred) return d->gen;
    d->barred = false;
    d->want = past->want;
    d->started = past->started;
    d->next = past_outcome(past);
    set_reason(d, "%s", past->reason ? past->reason : "");
    if (found == MC_FOUND_NOTHING) {
        adopt_nothing(m, d, past);
        run(m);
        return d->gen;
    }
    d->gen++;
    d->was_ready = past->was_ready;
    d->resumed = past->resumed;
    take_facts(d);
    if (past->stamp) {
        d->stamp = past->stamp;
        copy_names(&d->writes, &past->writes);
    }
    if (past->state == MC_STUCK)
        d->state = MC_STUCK; /* a stop tries again, as before */
    else if (found == MC_FOUND_BROKEN)
        remove_it(m, d, true);
    else
        adopt_instance(m, d, past->state, found == MC_FOUND_DEAD);
    run(m);
    return d->gen;
}

unsigned int mc_adopt_by_hand(struct machine *m, unsigned int dom, msec now)
{
    struct mc_domain *d = &m->doms[dom];

    m->now = now;
    d->gen++;
    d->want = false;
    d->again = false;
    d->by_hand = true;
    take_facts(d);
    set_reason(d, "started by hand; left alone");
    enter(m, d, MC_BY_HAND);
    if (m->closing) request_stop(m, dom);
    run(m);
    return d->gen;
}

/* ---- what people ask for ------------------------------------------------ */

static const char *why_not(const struct machine *m, const struct mc_domain *d)
{
    if (m->closing) return "the host is going down";
    if (!d->listed) return "no file describes it";
    if (d->state == MC_BY_HAND)
        return "it was started by hand, and is left alone";
    if (d->state == MC_KEPT)
        return "what is left of it was kept; stop it first";
    if (d->state == MC_STUCK)
        return "what is left of it could not be removed; stop it first";
    if (d->policy->bar) return d->policy->bar;
    return NULL;
}

/* Whether it is going, and will not come back by itself. */
static bool is_given_up(const struct mc_domain *d)
{
    if (d->state != MC_DESTROYING && d->state != MC_ABORTING) return false;
    return d->next != MC_NEXT_AGAIN && d->next != MC_NEXT_BACKOFF;
}

/* Wants DOM and what it requires. Those that cannot start are met again when
 * the others are found to be blocked by them. */
static void want_each(struct machine *m, unsigned int dom, bool *seen)
{
    struct mc_domain *d = &m->doms[dom];
    unsigned int i;

    if (seen[dom]) return;
    seen[dom] = true;
    if (why_not(m, d)) return;
    if (!d->want || !mc_has_instance(d->state) || is_given_up(d)) {
        /* It is to come back, whatever had been decided. */
        if (is_given_up(d)) d->stop_req = true;
        d->want = true;
        if (d->state != MC_WAITING) forget_failures(d);
        fire(m, d, MC_EV_START, NULL);
    }
    for (i = 0; i < d->n_edges; i++) {
        if (d->edges[i].requires) want_each(m, d->edges[i].dom, seen);
    }
}

static void want_with(struct machine *m, unsigned int dom)
{
    bool *seen = xcalloc(m->n, sizeof(*seen));

    want_each(m, dom, seen);
    free(seen);
}

const char *mc_start(struct machine *m, unsigned int dom, msec now)
{
    struct mc_domain *d = &m->doms[dom];
    const char *wrong = why_not(m, d);

    if (wrong) return wrong;
    m->now = now;
    want_with(m, dom);
    run(m);
    return NULL;
}

const char *mc_stop(struct machine *m, unsigned int dom, msec now)
{
    struct mc_domain *d = &m->doms[dom];

    if (d->state == MC_BY_HAND)
        return "it was started by hand, and is left alone";
    m->now = now;
    d->want = false;
    d->next = MC_NEXT_STOPPED;
    if (mc_has_instance(d->state) && d->state != MC_DESTROYING)
        set_reason(d, "stopped on request");
    request_stop(m, dom);
    stop_dependents(m, dom);
    run(m);
    return NULL;
}

const char *mc_restart(struct machine *m, unsigned int dom, msec now)
{
    struct mc_domain *d = &m->doms[dom];
    const char *wrong = why_not(m, d);

    if (wrong && d->state != MC_KEPT && d->state != MC_STUCK) return wrong;
    if (!mc_has_instance(d->state)) return mc_start(m, dom, now);
    m->now = now;
    d->want = true;
    forget_failures(d);
    request_stop(m, dom);
    stop_dependents(m, dom);
    run(m);
    return NULL;
}

void mc_autostart(struct machine *m, const struct strlist *only, msec now)
{
    unsigned int i;

    m->now = now;
    for (i = 0; i < m->n; i++) {
        struct mc_domain *d = &m->doms[i];

        if (!d->policy || mc_has_instance(d->state)) continue;
        if (only ? strlist_has(only, d->policy->name) : d->policy->autostart)
            want_with(m, i);
    }
    run(m);
}

/* ---- the host goes down ------------------------------------------------- */

void mc_close(struct machine *m, msec now)
{
    unsigned int i;

    m->now = now;
    if (m->closing) return;
    m->closing = true;
    for (i = 0; i < m->n; i++) {
        if (m->doms[i].policy) m->doms[i].want = false;
    }
    for (i = 0; i < m->n; i++) {
        if (m->doms[i].policy) request_stop(m, i);
    }
    run(m);
}

bool mc_is_down(const struct machine *m)
{
    unsigned int i;

    for (i = 0; i < m->n; i++) {
        const struct mc_domain *d = &m->doms[i];

        if (!d->policy || d->state == MC_STUCK) continue;
        if (mc_has_instance(d->state)) return false;
    }
    return true;
}

/* ---- what happens ------------------------------------------------------- */

void mc_event(struct machine *m, unsigned int dom, enum mc_event event,
              const struct mc_result *result, msec now)
{
    struct mc_domain *d = &m->doms[dom];

    m->now = now;
    if (!d->policy) return;
    if (is_result(event) && (!result || result->gen != d->gen)) return;
    fire(m, d, event, result);
    run(m);
}

void mc_stalled(struct machine *m, unsigned int dom, msec ms)
{
    unsigned int i;

    for (i = 0; i < m->n; i++) {
        struct mc_domain *d = &m->doms[i];

        if (i == dom || !d->policy || d->state != MC_CREATING) continue;
        if (d->deadline != MC_NEVER) d->deadline += ms;
    }
}

void mc_tick(struct machine *m, msec now)
{
    unsigned int i;

    m->now = now;
    for (i = 0; i < m->n; i++) {
        struct mc_domain *d = &m->doms[i];

        if (!d->policy || d->deadline > now) continue;
        d->deadline = MC_NEVER;
        fire(m, d, MC_EV_TIMER, NULL);
    }
    run(m);
}

msec mc_deadline(const struct machine *m)
{
    msec first = MC_NEVER;
    unsigned int i;

    for (i = 0; i < m->n; i++) {
        if (m->doms[i].policy && m->doms[i].deadline < first)
            first = m->doms[i].deadline;
    }
    return first;
}
