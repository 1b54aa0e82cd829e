/*
 * The functions of the table, the first part: an instance comes up, from the
 * wish for it until it is ready, or late.
 */
#include "machine/internal.h"

#include <stdlib.h>

/* Starts that people and the boot ask for. */

void mi_wait_turn(struct machine *m, struct mc_domain *d,
                  const struct mc_result *res)
{
    (void)res;
    d->delayed = false;
    d->again = false;
    d->reason[0] = '\0';
    mi_enter(m, d, MC_WAITING);
}

void mi_give_up_start(struct machine *m, struct mc_domain *d,
                      const struct mc_result *res)
{
    (void)res;
    d->stop_req = false;
    d->again = false;
    if (d->state == MC_BLOCKED) d->reason[0] = '\0'; /* nothing does now */
    if (d->want) {
        mi_enter(m, d, MC_WAITING);
        return;
    }
    mi_enter(m, d, MC_STOPPED);
}

/* It is its turn: the dependencies are ready, and there is a place. */
void mi_go(struct machine *m, struct mc_domain *d, const struct mc_result *res)
{
    struct mc_action a = {0};

    (void)res;
    if (d->policy->start_delay && !d->delayed) {
        mi_enter(m, d, MC_DELAY);
        mi_set_timer(m, d, d->policy->start_delay);
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
    mi_enter(m, d, MC_CREATING);
    mi_set_timer(m, d, d->policy->start_timeout);
    if (!d->again) mi_take_facts(d);
    a.act = MC_ACT_CREATE;
    a.dom = (unsigned int)(d - m->doms);
    a.gen = d->gen;
    a.fresh = !d->again;
    d->again = false;
    mi_act(m, &a);
}

void mi_delay_over(struct machine *m, struct mc_domain *d,
                   const struct mc_result *res)
{
    (void)res;
    d->delayed = true;
    mi_enter(m, d, MC_WAITING);
}

void mi_backoff_over(struct machine *m, struct mc_domain *d,
                     const struct mc_result *res)
{
    (void)res;
    d->restarts++;
    d->delayed = true;
    mi_enter(m, d, MC_WAITING);
}

/* Creation. */

/* Others are built first, and that is not its fault. Its turn comes by itself:
 * nothing but the end of theirs is awaited. */
void mi_queued(struct machine *m, struct mc_domain *d,
               const struct mc_result *res)
{
    (void)m;
    (void)res;
    d->deadline = MC_NEVER;
}

/* To read what was saved takes as long as it may have taken to write it. */
void mi_begun(struct machine *m, struct mc_domain *d,
              const struct mc_result *res)
{
    d->started = m->now;
    d->resumed = res->resumed;
    if (res->writes) mi_take_saved_facts(d, res->writes);
    mi_set_timer(m, d,
                 d->policy->start_timeout +
                     (d->resumed ? d->policy->stop_timeout : 0));
}

void mi_created(struct machine *m, struct mc_domain *d,
                const struct mc_result *res)
{
    /* The time that creation took counts. */
    msec deadline = d->deadline;

    (void)res;
    mi_enter(m, d, MC_BOOTING);
    d->deadline = deadline;
    if (!d->resumed) return;
    d->started = m->now;
    mi_set_timer(m, d, d->policy->start_timeout);
}

void mi_create_failed(struct machine *m, struct mc_domain *d,
                      const struct mc_result *res)
{
    mi_set_reason(d, "%s", res->why ? res->why : "it could not be created");
    d->next = mi_after_failure(m, d, false);
    mi_settle(m, d);
}

/* The removal goes on, and says so, like any other. */
void mi_create_left(struct machine *m, struct mc_domain *d,
                    const struct mc_result *res)
{
    mi_set_reason(d, "%s", res->why ? res->why : "it could not be created");
    d->next = mi_after_failure(m, d, false);
    mi_remove_it(m, d, true);
}

/* Nobody's failure: whoever reads the files looks at this one again. */
void mi_file_changed(struct machine *m, struct mc_domain *d,
                     const struct mc_result *res)
{
    (void)res;
    mi_enter(m, d, MC_WAITING);
}

void mi_create_late(struct machine *m, struct mc_domain *d,
                    const struct mc_result *res)
{
    msec limit = d->policy->start_timeout;

    (void)res;
    if (d->resumed) limit += d->policy->stop_timeout;
    mi_set_reason(d, "it was not %s within %lld s",
                  d->resumed ? "restored" : "created",
                  (long long)limit / 1000);
    d->next = mi_after_failure(m, d, false);
    mi_create_abort(m, d, res);
}

void mi_create_abort(struct machine *m, struct mc_domain *d,
                     const struct mc_result *res)
{
    (void)res;
    mi_enter(m, d, MC_ABORTING);
    mi_set_last_resort(m, d, MC_ABORT_LIMIT);
    mi_act_on(m, d, MC_ACT_ABORT);
}

void mi_aborted(struct machine *m, struct mc_domain *d,
                const struct mc_result *res)
{
    (void)res;
    mi_settle(m, d);
}

/* What is left of it did not go, after its creation had been called off. */
void mi_left_too_late(struct machine *m, struct mc_domain *d,
                      const struct mc_result *res)
{
    (void)res;
    mi_remove_it(m, d, true);
}

/* It came up after its creation had been called off. The memory of one that
 * was restored is nowhere else any more: it stops like any that runs. If it
 * was only late, it goes on. One that was given up as stuck has no request to
 * stop any more. */
void mi_created_too_late(struct machine *m, struct mc_domain *d,
                         const struct mc_result *res)
{
    if (d->state == MC_STUCK &&
        (!d->want || m->closing || d->next == MC_NEXT_AGAIN))
        d->stop_req = true;
    if (!d->resumed) {
        mi_remove_it(m, d, true);
    } else if (d->stop_req) {
        mi_enter(m, d, MC_STOP_WAIT);
    } else {
        d->next = MC_NEXT_STOPPED;
        mi_created(m, d, res);
    }
}

/* It runs. */

void mi_ready(struct machine *m, struct mc_domain *d,
              const struct mc_result *res)
{
    (void)res;
    d->was_ready = true;
    d->latency = m->now - d->started;
    d->reason[0] = '\0';
    mi_enter(m, d, MC_READY);
}

/* A guest that checks its disks must not be destroyed for being slow. It goes
 * on; what requires it waits, and goes on as soon as it is ready. */
void mi_late(struct machine *m, struct mc_domain *d,
             const struct mc_result *res)
{
    char *how = ready_text(&d->policy->ready);

    (void)res;
    mi_set_reason(d, "not ready (%s) within %lld s", how,
                  (long long)d->policy->start_timeout / 1000);
    free(how);
    mi_enter(m, d, MC_LATE);
}
