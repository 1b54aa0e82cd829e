/*
 * Handlers, part three: an instance is stopped and removed.
 */
#include "machine/internal.h"

/* Removal. */

void machine_remove_it(struct machine *m, struct machine_domain *d,
                       bool forced)
{
    struct machine_action a = {0};

    d->destroy_tries = 1;
    machine_enter(m, d, MACHINE_DESTROYING);
    machine_set_last_resort(m, d, MACHINE_DESTROY_LIMIT);
    a.act = MACHINE_ACT_DESTROY;
    a.dom = (unsigned int)(d - m->doms);
    a.gen = d->gen;
    a.forced = forced;
    machine_emit(m, &a);
}

void machine_destroy_failed(struct machine *m, struct machine_domain *d,
                            const struct machine_result *res)
{
    machine_set_reason(d, "cannot remove it: %s",
                       res->why ? res->why : "no reason given");
    if (d->state == MACHINE_STUCK ||
        d->destroy_tries >= MACHINE_DESTROY_TRIES) {
        d->stop_req = false;
        d->hung_in = MACHINE_STOPPED;
        machine_enter(m, d, MACHINE_STUCK);
        return;
    }
    machine_set_timer(m, d, MACHINE_DESTROY_RETRY);
}

static void destroy_again(struct machine *m, struct machine_domain *d,
                          const struct machine_result *res)
{
    unsigned int tries = d->destroy_tries;
    msec left = d->since + MACHINE_DESTROY_LIMIT - m->now;

    (void)res;
    machine_remove_it(m, d, true);
    d->destroy_tries = tries + 1;
    /* The limit covers all attempts together. */
    machine_set_last_resort(
        m, d, left > MACHINE_DESTROY_RETRY ? left : MACHINE_DESTROY_RETRY);
}

void machine_destroy_late(struct machine *m, struct machine_domain *d,
                          const struct machine_result *res)
{
    if (d->last_resort)
        machine_hang(m, d, res);
    else
        destroy_again(m, d, res);
}

/* The hypervisor does not answer. The domain delays nobody any more, neither
 * its dependents nor the host shutdown. It keeps its disks, and continues in
 * its old state once there is an answer. */
void machine_hang(struct machine *m, struct machine_domain *d,
                  const struct machine_result *res)
{
    enum machine_state state = d->state;

    (void)res;
    if (state == MACHINE_DESTROYING)
        machine_set_reason(d, "removal has not ended within %lld s",
                           (long long)MACHINE_DESTROY_LIMIT / 1000);
    else
        machine_set_reason(d, "%s has not ended %lld s after it was aborted",
                           state == MACHINE_SAVING ? "save" : "creation",
                           (long long)MACHINE_ABORT_LIMIT / 1000);
    if (d->stop_req && d->want) d->next = MACHINE_NEXT_AGAIN;
    d->stop_req = false;
    machine_enter(m, d, MACHINE_STUCK);
    d->hung_in = state;
}

/* A save or creation blocks all other operations; its own result follows. */
void machine_stuck_died(struct machine *m, struct machine_domain *d,
                        const struct machine_result *res)
{
    if (d->hung_in == MACHINE_SAVING) machine_died_saving(m, d, res);
}

void machine_stuck_gone(struct machine *m, struct machine_domain *d,
                        const struct machine_result *res)
{
    switch (d->hung_in) {
    case MACHINE_SAVING:
        machine_died_saving(m, d, res);
        break;
    case MACHINE_DESTROYING:
        machine_gone(m, d, res);
        break;
    case MACHINE_STOPPED:
        machine_gone_by_itself(m, d, res);
        break;
    default:
        break;
    }
}

void machine_gone(struct machine *m, struct machine_domain *d,
                  const struct machine_result *res)
{
    (void)res;
    machine_settle(m, d);
}

void machine_remove_kept(struct machine *m, struct machine_domain *d,
                         const struct machine_result *res)
{
    (void)res;
    if (d->hung_in) { /* the operation must end first */
        d->next = d->want ? MACHINE_NEXT_AGAIN : MACHINE_NEXT_STOPPED;
        d->stop_req = false;
        return;
    }
    d->next = MACHINE_NEXT_STOPPED;
    machine_remove_it(m, d, false);
}

/* Someone removed an instance that was kept, stuck or not ours. */
void machine_gone_by_itself(struct machine *m, struct machine_domain *d,
                            const struct machine_result *res)
{
    (void)res;
    d->reason[0] = '\0';
    d->want = false;
    d->next = MACHINE_NEXT_STOPPED;
    machine_settle(m, d);
}

/* Stopping. */

void machine_stop_wait(struct machine *m, struct machine_domain *d,
                       const struct machine_result *res)
{
    (void)res;
    machine_enter(m, d, MACHINE_STOP_WAIT);
}

static void ask_shutdown(struct machine *m, struct machine_domain *d)
{
    machine_enter(m, d, MACHINE_SHUTDOWN);
    machine_set_timer(m, d, d->policy->stop_timeout);
    machine_act_on(m, d, MACHINE_ACT_SHUTDOWN);
}

void machine_build_anew(struct machine *m, struct machine_domain *d)
{
    d->stop_req = true;
    d->next = MACHINE_NEXT_STOPPED;
    machine_remove_it(m, d, true);
}

/* A guest that has not run needs no shutdown, and nothing depends on it. */
void machine_stop_built(struct machine *m, struct machine_domain *d,
                        const struct machine_result *res)
{
    (void)res;
    machine_build_anew(m, d);
}

/* All dependents are gone. */
void machine_stop_now(struct machine *m, struct machine_domain *d,
                      const struct machine_result *res)
{
    (void)res;
    d->next = MACHINE_NEXT_STOPPED;
    switch (d->by_hand ? STOP_SHUTDOWN : d->policy->on_stop) {
    case STOP_SHUTDOWN:
        ask_shutdown(m, d);
        break;
    case STOP_SAVE:
        /* The file may be invalid by now. */
        if (!d->policy->save_to) {
            ask_shutdown(m, d);
            break;
        }
        machine_enter(m, d, MACHINE_SAVING);
        machine_set_timer(m, d, d->policy->stop_timeout);
        machine_act_on(m, d, MACHINE_ACT_SAVE);
        break;
    case STOP_DESTROY:
        machine_remove_it(m, d, false);
        break;
    }
}

void machine_force(struct machine *m, struct machine_domain *d,
                   const struct machine_result *res)
{
    (void)res;
    if (d->state == MACHINE_SHUTDOWN)
        machine_set_reason(d, "no shutdown within %lld s; destroyed",
                           (long long)d->policy->stop_timeout / 1000);
    machine_remove_it(m, d, true);
}

void machine_shutdown_failed(struct machine *m, struct machine_domain *d,
                             const struct machine_result *res)
{
    machine_set_reason(d, "shutdown request failed (%s); destroyed",
                       res->why ? res->why : "no reason given");
    machine_remove_it(m, d, true);
}

/* The guest ended before it was asked to, or after: both are a stop. */
void machine_died_stopping(struct machine *m, struct machine_domain *d,
                           const struct machine_result *res)
{
    (void)res;
    machine_remove_it(m, d, false);
}

/* Saving. */

void machine_saved(struct machine *m, struct machine_domain *d,
                   const struct machine_result *res)
{
    (void)res;
    machine_set_reason(d, "saved to %s",
                       d->policy->save_to ? d->policy->save_to : "?");
    machine_remove_it(m, d, false);
}

/* A guest that cannot be saved is shut down, within a full stop_timeout. */
void machine_save_failed(struct machine *m, struct machine_domain *d,
                         const struct machine_result *res)
{
    if (d->dead) {
        machine_set_reason(d, "guest ended during the save");
        machine_remove_it(m, d, false);
        return;
    }
    d->stop_req = true; /* also if it was stuck */
    machine_set_reason(d, "save failed (%s); shut down",
                       res->why ? res->why : "no reason given");
    ask_shutdown(m, d);
}

/* Nothing may touch the domain before the result of the save. */
void machine_save_late(struct machine *m, struct machine_domain *d,
                       const struct machine_result *res)
{
    if (d->last_resort) {
        machine_hang(m, d, res);
        return;
    }
    machine_set_last_resort(m, d, MACHINE_ABORT_LIMIT);
    machine_act_on(m, d, MACHINE_ACT_ABORT);
}

void machine_died_saving(struct machine *m, struct machine_domain *d,
                         const struct machine_result *res)
{
    (void)m;
    (void)res;
    d->dead = true;
}
