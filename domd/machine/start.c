/*
 * Handlers, part one: an instance starts, from the request until it is ready
 * or late.
 */
#include "machine/internal.h"

#include <stdio.h>
#include <stdlib.h>

/* Requests to start. */

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
    /* It is no longer blocked. */
    if (d->state == MACHINE_BLOCKED) d->reason[0] = '\0';
    if (d->want) {
        machine_enter(m, d, MACHINE_WAITING);
        return;
    }
    machine_enter(m, d, MACHINE_STOPPED);
}

/* AHEAD: the dependencies are not ready yet. */
static void create(struct machine *m, struct machine_domain *d, bool ahead)
{
    struct machine_action a = {0};

    d->gen++;
    d->ahead = ahead;
    d->built = false;
    if (!ahead) d->in_turn = false;
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
    a.ahead = ahead;
    d->again = false;
    machine_emit(m, &a);
}

/* The dependencies are ready, and there is a free slot. */
void machine_go(struct machine *m, struct machine_domain *d,
                const struct machine_result *res)
{
    (void)res;
    if (d->policy->start_delay && !d->delayed) {
        machine_enter(m, d, MACHINE_DELAY);
        machine_set_timer(m, d, d->policy->start_delay);
        return;
    }
    create(m, d, false);
}

/* The dependencies boot, and there is a free slot. */
void machine_go_ahead(struct machine *m, struct machine_domain *d,
                      const struct machine_result *res)
{
    (void)res;
    create(m, d, true);
}

/* The dependencies of an instance that was created ahead are ready: it is
 * unpaused, and its time begins. */
void machine_go_on(struct machine *m, struct machine_domain *d,
                   const struct machine_result *res)
{
    (void)res;
    if (d->policy->start_delay && !d->delayed) {
        if (d->deadline == MACHINE_NEVER)
            machine_set_timer(m, d, d->policy->start_delay);
        return;
    }
    d->started = m->now;
    machine_enter(m, d, MACHINE_CREATING);
    machine_set_timer(m, d, d->policy->start_timeout);
    machine_act_on(m, d, MACHINE_ACT_UNPAUSE);
}

void machine_delay_over(struct machine *m, struct machine_domain *d,
                        const struct machine_result *res)
{
    (void)res;
    d->delayed = true;
    machine_enter(m, d, MACHINE_WAITING);
}

void machine_built_delay_over(struct machine *m, struct machine_domain *d,
                              const struct machine_result *res)
{
    (void)m;
    (void)res;
    d->delayed = true;
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

/* Other creations come first, which is not the fault of this domain. It waits
 * for nothing else, so it needs no timeout. */
void machine_queued(struct machine *m, struct machine_domain *d,
                    const struct machine_result *res)
{
    (void)m;
    (void)res;
    d->deadline = MACHINE_NEVER;
}

/* A restore may take as long as the save did. */
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

void machine_built(struct machine *m, struct machine_domain *d,
                   const struct machine_result *res)
{
    (void)res;
    d->ahead = false;
    d->built = true;
    machine_enter(m, d, MACHINE_BUILT);
}

void machine_created(struct machine *m, struct machine_domain *d,
                     const struct machine_result *res)
{
    /* The time of the creation counts. */
    msec deadline = d->deadline;

    (void)res;
    d->built = false;
    machine_enter(m, d, MACHINE_BOOTING);
    d->deadline = deadline;
    if (!d->resumed) return;
    d->started = m->now;
    machine_set_timer(m, d, d->policy->start_timeout);
}

/* Says that the creation has failed for WHY, and decides what follows. One
 * ahead may lack what its turn brings, memory or a device: that is no failure,
 * and it is created in its turn. */
static void creation_failed(struct machine *m, struct machine_domain *d,
                            const char *why)
{
    if (!d->ahead) {
        machine_set_reason(d, "%s", why);
        d->next = machine_after_failure(m, d, false);
        return;
    }
    machine_set_reason(d, "not created ahead: %s", why);
    d->ahead = false;
    d->in_turn = true;
    d->stop_req = true;
    d->next = MACHINE_NEXT_STOPPED;
}

void machine_create_failed(struct machine *m, struct machine_domain *d,
                           const struct machine_result *res)
{
    creation_failed(m, d, res->why ? res->why : "creation failed");
    machine_settle(m, d);
}

/* The cleanup continues, and is reported, as a removal. */
void machine_create_left(struct machine *m, struct machine_domain *d,
                         const struct machine_result *res)
{
    creation_failed(m, d, res->why ? res->why : "creation failed");
    machine_remove_it(m, d, true);
}

/* This is no failure: the caller reads the file again. */
void machine_file_changed(struct machine *m, struct machine_domain *d,
                          const struct machine_result *res)
{
    if (d->built) {
        machine_build_anew(m, d);
        return;
    }
    (void)res;
    machine_enter(m, d, MACHINE_WAITING);
}

void machine_create_late(struct machine *m, struct machine_domain *d,
                         const struct machine_result *res)
{
    msec limit = d->policy->start_timeout;
    char why[64];

    if (d->resumed) limit += d->policy->stop_timeout;
    snprintf(why, sizeof(why), "not %s within %lld s",
             d->resumed ? "restored" : "created", (long long)limit / 1000);
    creation_failed(m, d, d->ahead ? "it takes too long" : why);
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

/* A creation that was cancelled; an instance that was created ahead exists. */
void machine_changed_too_late(struct machine *m, struct machine_domain *d,
                              const struct machine_result *res)
{
    (void)res;
    if (d->built)
        machine_remove_it(m, d, true);
    else
        machine_settle(m, d);
}

void machine_aborted(struct machine *m, struct machine_domain *d,
                     const struct machine_result *res)
{
    (void)res;
    machine_settle(m, d);
}

/* The creation was cancelled, and its cleanup failed. */
void machine_left_too_late(struct machine *m, struct machine_domain *d,
                           const struct machine_result *res)
{
    (void)res;
    machine_remove_it(m, d, true);
}

/* The creation completed after it was cancelled. A restored guest exists
 * nowhere else any more: on a request to stop it stops like any running guest,
 * and otherwise it keeps running. A stuck domain has lost its request to stop,
 * which is restored here. */
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

/* The guest runs. */

void machine_ready(struct machine *m, struct machine_domain *d,
                   const struct machine_result *res)
{
    (void)res;
    d->was_ready = true;
    d->latency = m->now - d->started;
    d->reason[0] = '\0';
    machine_enter(m, d, MACHINE_READY);
}

/* A slow guest, which may be checking its disks, must not be destroyed. It
 * keeps running, and its dependents start once it is ready. */
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
