/*
 * The functions of the table, the third part: an instance is made to stop, and
 * what is left of it is removed.
 */
#include "machine/internal.h"

/* Removal of what is left. */

void mi_remove_it(struct machine *m, struct mc_domain *d, bool forced)
{
    struct mc_action a = {0};

    d->destroy_tries = 1;
    mi_enter(m, d, MC_DESTROYING);
    mi_set_last_resort(m, d, MC_DESTROY_LIMIT);
    a.act = MC_ACT_DESTROY;
    a.dom = (unsigned int)(d - m->doms);
    a.gen = d->gen;
    a.forced = forced;
    mi_act(m, &a);
}

void mi_destroy_failed(struct machine *m, struct mc_domain *d,
                       const struct mc_result *res)
{
    mi_set_reason(d, "it cannot be removed: %s",
                  res->why ? res->why : "no reason is known");
    if (d->state == MC_STUCK || d->destroy_tries >= MC_DESTROY_TRIES) {
        d->stop_req = false;
        d->hung_in = MC_STOPPED;
        mi_enter(m, d, MC_STUCK);
        return;
    }
    mi_set_timer(m, d, MC_DESTROY_RETRY);
}

void mi_destroy_again(struct machine *m, struct mc_domain *d,
                      const struct mc_result *res)
{
    unsigned int tries = d->destroy_tries;
    msec left = d->since + MC_DESTROY_LIMIT - m->now;

    (void)res;
    mi_remove_it(m, d, true);
    d->destroy_tries = tries + 1;
    /* The limit is that of all tries together. */
    mi_set_last_resort(m, d,
                       left > MC_DESTROY_RETRY ? left : MC_DESTROY_RETRY);
}

void mi_destroy_late(struct machine *m, struct mc_domain *d,
                     const struct mc_result *res)
{
    if (d->last_resort)
        mi_hang(m, d, res);
    else
        mi_destroy_again(m, d, res);
}

/* The hypervisor does not answer. The domain is left as it is: it holds up
 * nobody any more, neither those that come after it nor the host. Its disks
 * remain its own, and it goes on where it was once there is an answer. */
void mi_hang(struct machine *m, struct mc_domain *d,
             const struct mc_result *res)
{
    enum mc_state state = d->state;

    (void)res;
    if (state == MC_DESTROYING)
        mi_set_reason(d, "its removal has not ended within %lld s",
                      (long long)MC_DESTROY_LIMIT / 1000);
    else
        mi_set_reason(d,
                      "its %s has not ended, %lld s after it was called off",
                      state == MC_SAVING ? "save" : "creation",
                      (long long)MC_ABORT_LIMIT / 1000);
    if (d->stop_req && d->want) d->next = MC_NEXT_AGAIN;
    d->stop_req = false;
    mi_enter(m, d, MC_STUCK);
    d->hung_in = state;
}

/* While it is saved, or created, nothing else can be done with it: what became
 * of that is reported, too. */
void mi_stuck_died(struct machine *m, struct mc_domain *d,
                   const struct mc_result *res)
{
    if (d->hung_in == MC_SAVING) mi_died_saving(m, d, res);
}

void mi_stuck_gone(struct machine *m, struct mc_domain *d,
                   const struct mc_result *res)
{
    switch (d->hung_in) {
    case MC_SAVING:
        mi_died_saving(m, d, res);
        break;
    case MC_DESTROYING:
        mi_gone(m, d, res);
        break;
    case MC_STOPPED:
        mi_gone_by_itself(m, d, res);
        break;
    default:
        break;
    }
}

void mi_gone(struct machine *m, struct mc_domain *d,
             const struct mc_result *res)
{
    (void)res;
    mi_settle(m, d);
}

void mi_remove_kept(struct machine *m, struct mc_domain *d,
                    const struct mc_result *res)
{
    (void)res;
    if (d->hung_in) { /* it has to wait for that */
        d->next = d->want ? MC_NEXT_AGAIN : MC_NEXT_STOPPED;
        d->stop_req = false;
        return;
    }
    d->next = MC_NEXT_STOPPED;
    mi_remove_it(m, d, false);
}

/* Somebody has removed what was kept, or stuck, or was not ours. */
void mi_gone_by_itself(struct machine *m, struct mc_domain *d,
                       const struct mc_result *res)
{
    (void)res;
    d->reason[0] = '\0';
    d->want = false;
    d->next = MC_NEXT_STOPPED;
    mi_settle(m, d);
}

/* Stopping. */

void mi_stop_wait(struct machine *m, struct mc_domain *d,
                  const struct mc_result *res)
{
    (void)res;
    mi_enter(m, d, MC_STOP_WAIT);
}

static void ask_shutdown(struct machine *m, struct mc_domain *d)
{
    mi_enter(m, d, MC_SHUTDOWN);
    mi_set_timer(m, d, d->policy->stop_timeout);
    mi_act_on(m, d, MC_ACT_SHUTDOWN);
}

/* All that depend on it are gone. */
void mi_stop_now(struct machine *m, struct mc_domain *d,
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
        mi_enter(m, d, MC_SAVING);
        mi_set_timer(m, d, d->policy->stop_timeout);
        mi_act_on(m, d, MC_ACT_SAVE);
        break;
    case STOP_DESTROY:
        mi_remove_it(m, d, false);
        break;
    }
}

void mi_force(struct machine *m, struct mc_domain *d,
              const struct mc_result *res)
{
    (void)res;
    if (d->state == MC_SHUTDOWN)
        mi_set_reason(d,
                      "it did not shut down within %lld s, and was destroyed",
                      (long long)d->policy->stop_timeout / 1000);
    mi_remove_it(m, d, true);
}

void mi_shutdown_failed(struct machine *m, struct mc_domain *d,
                        const struct mc_result *res)
{
    mi_set_reason(d,
                  "it could not be asked to shut down (%s), and was destroyed",
                  res->why ? res->why : "no reason is known");
    mi_remove_it(m, d, true);
}

/* It ended while, or before, it was asked to: that is what was wanted. */
void mi_died_stopping(struct machine *m, struct mc_domain *d,
                      const struct mc_result *res)
{
    (void)res;
    mi_remove_it(m, d, false);
}

/* Saving. */

void mi_saved(struct machine *m, struct mc_domain *d,
              const struct mc_result *res)
{
    (void)res;
    mi_set_reason(d, "saved to %s",
                  d->policy->save_to ? d->policy->save_to : "?");
    mi_remove_it(m, d, false);
}

/* What could not be saved is shut down, with the whole of its time. */
void mi_save_failed(struct machine *m, struct mc_domain *d,
                    const struct mc_result *res)
{
    if (d->dead) {
        mi_set_reason(d, "it ended while it was being saved");
        mi_remove_it(m, d, false);
        return;
    }
    d->stop_req = true; /* also if it had been given up */
    mi_set_reason(d, "it could not be saved (%s), and was shut down",
                  res->why ? res->why : "no reason is known");
    ask_shutdown(m, d);
}

/* The result is awaited all the same: nothing may touch it before. */
void mi_save_late(struct machine *m, struct mc_domain *d,
                  const struct mc_result *res)
{
    if (d->last_resort) {
        mi_hang(m, d, res);
        return;
    }
    mi_set_last_resort(m, d, MC_ABORT_LIMIT);
    mi_act_on(m, d, MC_ACT_ABORT);
}

void mi_died_saving(struct machine *m, struct mc_domain *d,
                    const struct mc_result *res)
{
    (void)m;
    (void)res;
    d->dead = true;
}
