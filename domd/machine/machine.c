/*
 * The state machine: its table, and what calls the functions in it.
 *
 * The shape is that of s6-supervise: a table of states and events, and one
 * small function for each thing that can follow. What is not in the table
 * changes nothing: a result that comes too late, a command that is fulfilled
 * already. The functions are in start.c, end.c and stop.c.
 */
#include "machine/internal.h"

static mi_handler *const table[MC_STATES][MC_EVENTS] = {
    [MC_STOPPED] =
        {
            [MC_EV_START] = mi_wait_turn,
        },
    [MC_WAITING] =
        {
            [MC_EV_STOP] = mi_give_up_start,
            [MC_EV_GO] = mi_go,
        },
    [MC_BLOCKED] =
        {
            [MC_EV_STOP] = mi_give_up_start,
        },
    [MC_DELAY] =
        {
            [MC_EV_STOP] = mi_give_up_start,
            [MC_EV_TIMER] = mi_delay_over,
        },
    [MC_CREATING] =
        {
            [MC_EV_STOP] = mi_create_abort,
            [MC_EV_TIMER] = mi_create_late,
            [MC_EV_QUEUED] = mi_queued,
            [MC_EV_BEGUN] = mi_begun,
            [MC_EV_CREATED] = mi_created,
            [MC_EV_CREATE_FAILED] = mi_create_failed,
            [MC_EV_CREATE_LEFT] = mi_create_left,
            [MC_EV_FILE_CHANGED] = mi_file_changed,
        },
    [MC_ABORTING] =
        {
            [MC_EV_TIMER] = mi_hang,
            [MC_EV_CREATED] = mi_created_too_late,
            [MC_EV_CREATE_FAILED] = mi_aborted,
            [MC_EV_CREATE_LEFT] = mi_left_too_late,
            [MC_EV_FILE_CHANGED] = mi_aborted,
        },
    [MC_BOOTING] =
        {
            [MC_EV_STOP] = mi_stop_wait,
            [MC_EV_TIMER] = mi_late,
            [MC_EV_READY] = mi_ready,
            [MC_EV_RESET] = mi_reset,
            [MC_EV_DIED] = mi_died,
            [MC_EV_GONE] = mi_died_gone,
            [MC_EV_DM_SAYS] = mi_dm_says,
            [MC_EV_DM_ENDED] = mi_dm_ended,
        },
    [MC_READY] =
        {
            [MC_EV_STOP] = mi_stop_wait,
            [MC_EV_RESET] = mi_reset,
            [MC_EV_DIED] = mi_died,
            [MC_EV_GONE] = mi_died_gone,
            [MC_EV_DM_SAYS] = mi_dm_says,
            [MC_EV_DM_ENDED] = mi_dm_ended,
        },
    [MC_LATE] =
        {
            [MC_EV_STOP] = mi_stop_wait,
            [MC_EV_READY] = mi_ready,
            [MC_EV_RESET] = mi_reset,
            [MC_EV_DIED] = mi_died,
            [MC_EV_GONE] = mi_died_gone,
            [MC_EV_DM_SAYS] = mi_dm_says,
            [MC_EV_DM_ENDED] = mi_dm_ended,
        },
    [MC_STOP_WAIT] =
        {
            [MC_EV_GO] = mi_stop_now,
            [MC_EV_DIED] = mi_died_stopping,
            [MC_EV_GONE] = mi_gone,
            [MC_EV_DM_ENDED] = mi_dm_ended,
        },
    [MC_SHUTDOWN] =
        {
            [MC_EV_TIMER] = mi_force,
            [MC_EV_SHUTDOWN_FAILED] = mi_shutdown_failed,
            [MC_EV_DIED] = mi_died_stopping,
            [MC_EV_GONE] = mi_gone,
            [MC_EV_DM_ENDED] = mi_dm_ended,
        },
    [MC_SAVING] =
        {
            [MC_EV_TIMER] = mi_save_late,
            [MC_EV_DIED] = mi_died_saving,
            [MC_EV_GONE] = mi_died_saving,
            [MC_EV_SAVED] = mi_saved,
            [MC_EV_SAVE_FAILED] = mi_save_failed,
            [MC_EV_DM_ENDED] = mi_dm_ended,
        },
    [MC_DESTROYING] =
        {
            [MC_EV_TIMER] = mi_destroy_late,
            [MC_EV_GONE] = mi_gone,
            [MC_EV_DESTROY_FAILED] = mi_destroy_failed,
        },
    [MC_BACKOFF] =
        {
            [MC_EV_START] = mi_wait_turn,
            [MC_EV_STOP] = mi_give_up_start,
            [MC_EV_TIMER] = mi_backoff_over,
        },
    [MC_FAILED] =
        {
            [MC_EV_START] = mi_wait_turn,
            [MC_EV_STOP] = mi_give_up_start,
        },
    [MC_HELD] =
        {
            [MC_EV_START] = mi_wait_turn,
            [MC_EV_STOP] = mi_give_up_start,
        },
    [MC_SKIPPED] =
        {
            [MC_EV_START] = mi_wait_turn,
        },
    [MC_KEPT] =
        {
            [MC_EV_STOP] = mi_remove_kept,
            [MC_EV_GONE] = mi_gone_by_itself,
        },
    /* What was given up may have an end all the same. */
    [MC_STUCK] =
        {
            [MC_EV_STOP] = mi_remove_kept,
            [MC_EV_CREATED] = mi_created_too_late,
            [MC_EV_CREATE_FAILED] = mi_aborted,
            [MC_EV_CREATE_LEFT] = mi_left_too_late,
            [MC_EV_FILE_CHANGED] = mi_aborted,
            [MC_EV_DIED] = mi_stuck_died,
            [MC_EV_GONE] = mi_stuck_gone,
            [MC_EV_DESTROY_FAILED] = mi_destroy_failed,
            [MC_EV_SAVED] = mi_saved,
            [MC_EV_SAVE_FAILED] = mi_save_failed,
        },
    [MC_BY_HAND] =
        {
            [MC_EV_STOP] = mi_stop_wait,
            [MC_EV_DIED] = NULL, /* whoever started it looks after it */
            [MC_EV_GONE] = mi_gone_by_itself,
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

void mi_fire(struct machine *m, struct mc_domain *d, enum mc_event event,
             const struct mc_result *res)
{
    static const struct mc_result nothing;
    mi_handler *h = table[d->state][event];

    if (h) h(m, d, res ? res : &nothing);
}

/* ---- what happens ------------------------------------------------------- */

void mc_event(struct machine *m, unsigned int dom, enum mc_event event,
              const struct mc_result *result, msec now)
{
    struct mc_domain *d = &m->doms[dom];

    m->now = now;
    if (!d->policy) return;
    if (is_result(event) && (!result || result->gen != d->gen)) return;
    mi_fire(m, d, event, result);
    mi_run(m);
}

void mc_stalled(struct machine *m, unsigned int dom, msec ms)
{
    unsigned int i;

    for (i = 0; i < m->n; i++) {
        struct mc_domain *d = &m->doms[i];

        if (i == dom || !d->policy) continue;
        if (d->state != MC_CREATING && !d->last_resort) continue;
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
        mi_fire(m, d, MC_EV_TIMER, NULL);
    }
    mi_run(m);
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
