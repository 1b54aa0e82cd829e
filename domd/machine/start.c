/*
 * The functions of the table, the first part: an instance comes up, from the
 * wish for it until it is ready, or late.
 */
#include "machine/internal.h"

#include <stdlib.h>

/* Starts that people and the boot ask for. */

void machine_wait_turn(struct machine *m, struct machine_domain *d,
                       const struct machine_result *res)
{
    (void)res;
    d->delayed = false;
    d->again = false;
    d->reason[0] = '\0';
    machine_enter(m, d, MACHINE_WAITING);
}

void machine_give_up_start(struct machine *m, struct machine_domain *d,
                           const struct machine_result *res)
{
    (void)res;
    d->stop_req = false;
    d->again = false;
    /* Nothing blocks it now. */
    if (d->state == MACHINE_BLOCKED) d->reason[0] = '\0';
    if (d->want) {
        machine_enter(m, d, MACHINE_WAITING);
        return;
    }
    machine_enter(m, d, MACHINE_STOPPED);
}

/* It is its turn: the dependencies are ready, and there is a place. */
void machine_go(struct machine *m, struct machine_domain *d,
                const struct machine_result *res)
{
    struct machine_action a = {0};

    (void)res;
    if (d->policy->start_delay && !d->delayed) {
        machine_enter(m, d, MACHINE_DELAY);
        machine_set_timer(m, d, d->policy->start_delay);
        return;
    }
    d->gen++;
    d->was_ready = false;
    d->started = m->now;
    d->latency = -1;
    d->reason[0] = '\0';
    d->next = MACHINE_NEXT_STOPPED;
    d->dead = false;
    d->resumed = false;
    machine_enter(m, d, MACHINE_CREATING);
    machine_set_timer(m, d, d->policy->start_timeout);
    if (!d->again) machine_take_facts(d);
    a.act = MACHINE_ACT_CREATE;
    a.dom = (unsigned int)(d - m->doms);
    a.gen = d->gen;
    a.fresh = !d->again;
    d->again = false;
    machine_emit(m, &a);
}

void machine_delay_over(struct machine *m, struct machine_domain *d,
                        const struct machine_result *res)
{
    (void)res;
    d->delayed = true;
    machine_enter(m, d, MACHINE_WAITING);
}

void machine_backoff_over(struct machine *m, struct machine_domain *d,
                          const struct machine_result *res)
{
    (void)res;
    d->restarts++;
    d->delayed = true;
    machine_enter(m, d, MACHINE_WAITING);
}

/* Creation. */

/* Others are built first, and that is not its fault. Its turn comes by itself:
 * nothing but the end of theirs is awaited. */
void machine_queued(struct machine *m, struct machine_domain *d,
                    const struct machine_result *res)
{
    (void)m;
    (void)res;
    d->deadline = MACHINE_NEVER;
}

/* To read what was saved takes as long as it may have taken to write it. */
void machine_begun(struct machine *m, struct machine_domain *d,
                   const struct machine_result *res)
{
    d->started = m->now;
    d->resumed = res->resumed;
    if (res->writes) machine_take_saved_facts(d, res->writes);
    machine_set_timer(m, d,
                      d->policy->start_timeout +
                          (d->resumed ? d->policy->stop_timeout : 0));
}

void machine_created(struct machine *m, struct machine_domain *d,
                     const struct machine_result *res)
{
    /* The time that creation took counts. */
    msec deadline = d->deadline;

    (void)res;
    machine_enter(m, d, MACHINE_BOOTING);
    d->deadline = deadline;
    if (!d->resumed) return;
    d->started = m->now;
    machine_set_timer(m, d, d->policy->start_timeout);
}

void machine_create_failed(struct machine *m, struct machine_domain *d,
                           const struct machine_result *res)
{
    machine_set_reason(d, "%s",
                       res->why ? res->why : "it could not be created");
    d->next = machine_after_failure(m, d, false);
    machine_settle(m, d);
}

/* The removal goes on, and says so, like any other. */
void machine_create_left(struct machine *m, struct machine_domain *d,
                         const struct machine_result *res)
{
    machine_set_reason(d, "%s",
                       res->why ? res->why : "it could not be created");
    d->next = machine_after_failure(m, d, false);
    machine_remove_it(m, d, true);
}

/* Nobody's failure: whoever reads the files looks at this one again. */
void machine_file_changed(struct machine *m, struct machine_domain *d,
                          const struct machine_result *res)
{
    (void)res;
    machine_enter(m, d, MACHINE_WAITING);
}

void machine_create_late(struct machine *m, struct machine_domain *d,
                         const struct machine_result *res)
{
    msec limit = d->policy->start_timeout;

    (void)res;
    if (d->resumed) limit += d->policy->stop_timeout;
    machine_set_reason(d, "it was not %s within %lld s",
                       d->resumed ? "restored" : "created",
                       (long long)limit / 1000);
    d->next = machine_after_failure(m, d, false);
    machine_create_abort(m, d, res);
}

void machine_create_abort(struct machine *m, struct machine_domain *d,
                          const struct machine_result *res)
{
    (void)res;
    machine_enter(m, d, MACHINE_ABORTING);
    machine_set_last_resort(m, d, MACHINE_ABORT_LIMIT);
    machine_act_on(m, d, MACHINE_ACT_ABORT);
}

void machine_aborted(struct machine *m, struct machine_domain *d,
                     const struct machine_result *res)
{
    (void)res;
    machine_settle(m, d);
}

/* What is left of it did not go, after its creation had been called off. */
void machine_left_too_late(struct machine *m, struct machine_domain *d,
                           const struct machine_result *res)
{
    (void)res;
    machine_remove_it(m, d, true);
}

/* It came up after its creation had been called off. The memory of one that
 * was restored is nowhere else any more: it stops like any that runs. If it
 * was only late, it goes on. One that was given up as stuck has no request to
 * stop any more. */
void machine_created_too_late(struct machine *m, struct machine_domain *d,
                              const struct machine_result *res)
{
    if (d->state == MACHINE_STUCK &&
        (!d->want || m->closing || d->next == MACHINE_NEXT_AGAIN))
        d->stop_req = true;
    if (!d->resumed) {
        machine_remove_it(m, d, true);
    } else if (d->stop_req) {
        machine_enter(m, d, MACHINE_STOP_WAIT);
    } else {
        d->next = MACHINE_NEXT_STOPPED;
        machine_created(m, d, res);
    }
}

/* It runs. */

void machine_ready(struct machine *m, struct machine_domain *d,
                   const struct machine_result *res)
{
    (void)res;
    d->was_ready = true;
    d->latency = m->now - d->started;
    d->reason[0] = '\0';
    machine_enter(m, d, MACHINE_READY);
}

/* A guest that checks its disks must not be destroyed for being slow. It goes
 * on; what requires it waits, and goes on as soon as it is ready. */
void machine_late(struct machine *m, struct machine_domain *d,
                  const struct machine_result *res)
{
    char *how = ready_text(&d->policy->ready);

    (void)res;
    machine_set_reason(d, "not ready (%s) within %lld s", how,
                       (long long)d->policy->start_timeout / 1000);
    free(how);
    machine_enter(m, d, MACHINE_LATE);
}
