/*
 * The state machine: its table, and the callers of its handlers.
 *
 * As in s6-supervise, a table of states and events selects one small handler
 * for each transition. Events that are not in the table, such as late results
 * and commands that are already fulfilled, have no effect. The handlers are in
 * start.c, end.c and stop.c.
 */
#include "machine/internal.h"

static machine_handler *const table[MACHINE_STATES][MACHINE_EVENTS] = {
    [MACHINE_STOPPED] =
        {
            [MACHINE_EV_START] = machine_wait_turn,
        },
    [MACHINE_WAITING] =
        {
            [MACHINE_EV_STOP] = machine_give_up_start,
            [MACHINE_EV_GO] = machine_go,
            [MACHINE_EV_AHEAD] = machine_go_ahead,
        },
    [MACHINE_BLOCKED] =
        {
            [MACHINE_EV_STOP] = machine_give_up_start,
        },
    [MACHINE_DELAY] =
        {
            [MACHINE_EV_STOP] = machine_give_up_start,
            [MACHINE_EV_TIMER] = machine_delay_over,
        },
    [MACHINE_CREATING] =
        {
            [MACHINE_EV_STOP] = machine_create_abort,
            [MACHINE_EV_TIMER] = machine_create_late,
            [MACHINE_EV_QUEUED] = machine_queued,
            [MACHINE_EV_BEGUN] = machine_begun,
            [MACHINE_EV_BUILT] = machine_built,
            [MACHINE_EV_CREATED] = machine_created,
            [MACHINE_EV_CREATE_FAILED] = machine_create_failed,
            [MACHINE_EV_CREATE_LEFT] = machine_create_left,
            [MACHINE_EV_FILE_CHANGED] = machine_file_changed,
        },
    [MACHINE_BUILT] =
        {
            [MACHINE_EV_STOP] = machine_stop_built,
            [MACHINE_EV_GO] = machine_go_on,
            [MACHINE_EV_TIMER] = machine_built_delay_over,
            /* Somebody else has unpaused it. */
            [MACHINE_EV_DIED] = machine_died,
            [MACHINE_EV_GONE] = machine_died_gone,
            [MACHINE_EV_DM_SAYS] = machine_dm_says,
            [MACHINE_EV_DM_ENDED] = machine_dm_ended,
        },
    [MACHINE_ABORTING] =
        {
            [MACHINE_EV_TIMER] = machine_hang,
            [MACHINE_EV_BUILT] = machine_created_too_late,
            [MACHINE_EV_CREATED] = machine_created_too_late,
            [MACHINE_EV_CREATE_FAILED] = machine_aborted,
            [MACHINE_EV_CREATE_LEFT] = machine_left_too_late,
            [MACHINE_EV_FILE_CHANGED] = machine_changed_too_late,
        },
    [MACHINE_BOOTING] =
        {
            [MACHINE_EV_STOP] = machine_stop_wait,
            [MACHINE_EV_TIMER] = machine_late,
            [MACHINE_EV_READY] = machine_ready,
            [MACHINE_EV_RESET] = machine_reset,
            [MACHINE_EV_DIED] = machine_died,
            [MACHINE_EV_GONE] = machine_died_gone,
            [MACHINE_EV_DM_SAYS] = machine_dm_says,
            [MACHINE_EV_DM_ENDED] = machine_dm_ended,
        },
    [MACHINE_READY] =
        {
            [MACHINE_EV_STOP] = machine_stop_wait,
            [MACHINE_EV_RESET] = machine_reset,
            [MACHINE_EV_DIED] = machine_died,
            [MACHINE_EV_GONE] = machine_died_gone,
            [MACHINE_EV_DM_SAYS] = machine_dm_says,
            [MACHINE_EV_DM_ENDED] = machine_dm_ended,
        },
    [MACHINE_LATE] =
        {
            [MACHINE_EV_STOP] = machine_stop_wait,
            [MACHINE_EV_READY] = machine_ready,
            [MACHINE_EV_RESET] = machine_reset,
            [MACHINE_EV_DIED] = machine_died,
            [MACHINE_EV_GONE] = machine_died_gone,
            [MACHINE_EV_DM_SAYS] = machine_dm_says,
            [MACHINE_EV_DM_ENDED] = machine_dm_ended,
        },
    [MACHINE_STOP_WAIT] =
        {
            [MACHINE_EV_GO] = machine_stop_now,
            [MACHINE_EV_DIED] = machine_died_stopping,
            [MACHINE_EV_GONE] = machine_gone,
            [MACHINE_EV_DM_ENDED] = machine_dm_ended,
        },
    [MACHINE_SHUTDOWN] =
        {
            [MACHINE_EV_TIMER] = machine_force,
            [MACHINE_EV_SHUTDOWN_FAILED] = machine_shutdown_failed,
            [MACHINE_EV_DIED] = machine_died_stopping,
            [MACHINE_EV_GONE] = machine_gone,
            [MACHINE_EV_DM_ENDED] = machine_dm_ended,
        },
    [MACHINE_SAVING] =
        {
            [MACHINE_EV_TIMER] = machine_save_late,
            [MACHINE_EV_DIED] = machine_died_saving,
            [MACHINE_EV_GONE] = machine_died_saving,
            [MACHINE_EV_SAVED] = machine_saved,
            [MACHINE_EV_SAVE_FAILED] = machine_save_failed,
            [MACHINE_EV_DM_ENDED] = machine_dm_ended,
        },
    [MACHINE_DESTROYING] =
        {
            [MACHINE_EV_TIMER] = machine_destroy_late,
            [MACHINE_EV_GONE] = machine_gone,
            [MACHINE_EV_DESTROY_FAILED] = machine_destroy_failed,
        },
    [MACHINE_BACKOFF] =
        {
            [MACHINE_EV_START] = machine_wait_turn,
            [MACHINE_EV_STOP] = machine_give_up_start,
            [MACHINE_EV_TIMER] = machine_backoff_over,
        },
    [MACHINE_FAILED] =
        {
            [MACHINE_EV_START] = machine_wait_turn,
            [MACHINE_EV_STOP] = machine_give_up_start,
        },
    [MACHINE_HELD] =
        {
            [MACHINE_EV_START] = machine_wait_turn,
            [MACHINE_EV_STOP] = machine_give_up_start,
        },
    [MACHINE_SKIPPED] =
        {
            [MACHINE_EV_START] = machine_wait_turn,
        },
    [MACHINE_KEPT] =
        {
            [MACHINE_EV_STOP] = machine_remove_kept,
            [MACHINE_EV_GONE] = machine_gone_by_itself,
        },
    /* An operation that hung may still complete. */
    [MACHINE_STUCK] =
        {
            [MACHINE_EV_STOP] = machine_remove_kept,
            [MACHINE_EV_BUILT] = machine_created_too_late,
            [MACHINE_EV_CREATED] = machine_created_too_late,
            [MACHINE_EV_CREATE_FAILED] = machine_aborted,
            [MACHINE_EV_CREATE_LEFT] = machine_left_too_late,
            [MACHINE_EV_FILE_CHANGED] = machine_changed_too_late,
            [MACHINE_EV_DIED] = machine_stuck_died,
            [MACHINE_EV_GONE] = machine_stuck_gone,
            [MACHINE_EV_DESTROY_FAILED] = machine_destroy_failed,
            [MACHINE_EV_SAVED] = machine_saved,
            [MACHINE_EV_SAVE_FAILED] = machine_save_failed,
        },
    [MACHINE_BY_HAND] =
        {
            [MACHINE_EV_STOP] = machine_stop_wait,
            [MACHINE_EV_DIED] = NULL, /* left to whoever started it */
            [MACHINE_EV_GONE] = machine_gone_by_itself,
        },
};

/* Whether EVENT is a result, which belongs to one instance. */
static bool is_result(enum machine_event event)
{
    switch (event) {
    case MACHINE_EV_START:
    case MACHINE_EV_STOP:
    case MACHINE_EV_GO:
    case MACHINE_EV_AHEAD:
    case MACHINE_EV_TIMER:
        return false;
    default:
        return true;
    }
}

void machine_fire(struct machine *m, struct machine_domain *d,
                  enum machine_event event, const struct machine_result *res)
{
    static const struct machine_result nothing;
    machine_handler *h = table[d->state][event];

    if (h) h(m, d, res ? res : &nothing);
}

/* ---- events ------------------------------------------------------------- */

void machine_event(struct machine *m, unsigned int dom,
                   enum machine_event event,
                   const struct machine_result *result, msec now)
{
    struct machine_domain *d = &m->doms[dom];

    m->now = now;
    if (!d->policy) return;
    if (is_result(event) && (!result || result->gen != d->gen)) return;
    machine_fire(m, d, event, result);
    machine_run(m);
}

void machine_stalled(struct machine *m, unsigned int dom, msec ms)
{
    unsigned int i;

    for (i = 0; i < m->n; i++) {
        struct machine_domain *d = &m->doms[i];

        if (i == dom || !d->policy) continue;
        if (d->state != MACHINE_CREATING && !d->last_resort) continue;
        if (d->deadline != MACHINE_NEVER) d->deadline += ms;
    }
}

void machine_tick(struct machine *m, msec now)
{
    unsigned int i;

    m->now = now;
    for (i = 0; i < m->n; i++) {
        struct machine_domain *d = &m->doms[i];

        if (!d->policy || d->deadline > now) continue;
        d->deadline = MACHINE_NEVER;
        machine_fire(m, d, MACHINE_EV_TIMER, NULL);
    }
    machine_run(m);
}

msec machine_deadline(const struct machine *m)
{
    msec first = MACHINE_NEVER;
    unsigned int i;

    for (i = 0; i < m->n; i++) {
        if (m->doms[i].policy && m->doms[i].deadline < first)
            first = m->doms[i].deadline;
    }
    return first;
}
