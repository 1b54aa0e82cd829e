/*
 * Adoption: what a machine records for its successor, and how the successor
 * continues from that and from what the hypervisor reports.
 */
#include "machine/internal.h"

#include <stdlib.h>
#include <string.h>

void machine_past_of(const struct machine *m, unsigned int dom,
                     struct machine_past *past)
{
    const struct machine_domain *d = &m->doms[dom];

    memset(past, 0, sizeof(*past));
    /* An operation that hangs here may not hang for the next machine. */
    past->state = d->hung_in ? d->hung_in : d->state;
    /* A stop of a wanted domain is the first half of a restart. */
    past->next = d->stop_req && d->want ? MACHINE_NEXT_AGAIN : d->next;
    past->want = d->want;
    past->was_ready = d->was_ready;
    past->resumed = d->resumed;
    past->restarts = d->restarts;
    past->started = d->started;
    past->latency = d->latency;
    past->n_failures = d->n_failures;
    memcpy(past->failures, d->failures, sizeof(past->failures));
    past->stamp = d->stamp;
    machine_copy_names(&past->writes, &d->writes);
    past->reason = d->reason[0] ? xstrdup(d->reason) : NULL;
}

void machine_past_dispose(struct machine_past *past)
{
    strlist_dispose(&past->writes);
    free(past->reason);
    memset(past, 0, sizeof(*past));
}

/* The outcome for an instance that is gone: the recorded one, if its end was
 * known already. */
static enum machine_outcome past_outcome(const struct machine_past *past)
{
    switch (past->state) {
    case MACHINE_ABORTING:
    case MACHINE_DESTROYING:
    case MACHINE_STUCK:
        return past->next;
    default:
        return MACHINE_NEXT_AGAIN;
    }
}

/* There is no instance. A state that did not change is not reported. */
static void adopt_nothing(struct machine *m, struct machine_domain *d,
                          const struct machine_past *past)
{
    static const struct machine_result vanished = {.death = MACHINE_VANISHED};
    enum machine_state state = past->state;

    switch (state) {
    case MACHINE_FAILED:
    case MACHINE_HELD:
        /* If it was not wanted, it failed because of its file. */
        d->state = d->want ? state : MACHINE_STOPPED;
        break;
    case MACHINE_KEPT:
    case MACHINE_STUCK:
        d->want = false;
        break;
    case MACHINE_ABORTING:
    case MACHINE_DESTROYING:
        machine_settle(m, d);
        break;
    case MACHINE_BACKOFF:
        d->next = MACHINE_NEXT_BACKOFF;
        machine_settle(m, d);
        break;
    case MACHINE_BOOTING:
    case MACHINE_READY:
    case MACHINE_LATE:
        /* A guest that ended by itself would still be there. */
        d->was_ready = past->was_ready;
        if (d->want) machine_died_gone(m, d, &vanished);
        return;
    default:
        if (!d->want) break;
        d->reason[0] = '\0';
        machine_enter(m, d, MACHINE_WAITING);
        break;
    }
    if (d->state == MACHINE_STOPPED && state != MACHINE_STOPPED &&
        state != MACHINE_DESTROYING)
        d->reason[0] = '\0';
}

/* Restored just before its creation was cancelled: its state exists only in
 * memory, as in machine_created_too_late. */
static void adopt_resumed(struct machine *m, struct machine_domain *d)
{
    if (!d->want || d->next == MACHINE_NEXT_AGAIN) {
        d->stop_req = true;
        machine_enter(m, d, MACHINE_STOP_WAIT);
        return;
    }
    d->next = MACHINE_NEXT_STOPPED;
    machine_enter(m, d, MACHINE_BOOTING);
    machine_set_timer(m, d, d->policy->start_timeout);
}

static void adopt_instance(struct machine *m, struct machine_domain *d,
                           enum machine_state state, bool dead)
{
    msec left = d->started + d->policy->start_timeout - m->now;

    if (state == MACHINE_KEPT && dead) {
        d->state = MACHINE_KEPT;
        return;
    }
    switch (state) {
    case MACHINE_KEPT:
    case MACHINE_CREATING:
    case MACHINE_BUILT:
    case MACHINE_BOOTING:
    case MACHINE_READY:
    case MACHINE_LATE:
        /* A dead requirement is not ready. */
        if (d->was_ready && !dead) {
            machine_enter(m, d, MACHINE_READY);
            break;
        }
        machine_enter(m, d, MACHINE_BOOTING);
        if (dead) left = d->policy->start_timeout;
        machine_set_timer(m, d, left > 0 ? left : 0);
        break;
    case MACHINE_STOP_WAIT:
    case MACHINE_SHUTDOWN:
    case MACHINE_SAVING:
        d->stop_req = true;
        machine_enter(m, d, MACHINE_STOP_WAIT);
        break;
    case MACHINE_ABORTING:
        if (d->resumed && !dead)
            adopt_resumed(m, d);
        else
            machine_remove_it(m, d, true);
        break;
    default:
        machine_remove_it(m, d, true);
        break;
    }
}

unsigned int machine_adopt(struct machine *m, unsigned int dom,
                           const struct machine_past *past,
                           enum machine_found found, msec now)
{
    struct machine_domain *d = &m->doms[dom];
    bool barred = d->policy->bar && found == MACHINE_FOUND_NOTHING;

    m->now = now;
    d->restarts = past->restarts;
    d->latency = past->latency;
    d->n_failures = past->n_failures;
    memcpy(d->failures, past->failures, sizeof(d->failures));
    if (barred) return d->gen;
    d->barred = false;
    d->want = past->want;
    /* If it was created ahead, its time begins with the unpause. */
    d->started = past->state == MACHINE_BUILT ? now : past->started;
    d->next = past_outcome(past);
    machine_set_reason(d, "%s", past->reason ? past->reason : "");
    if (found == MACHINE_FOUND_NOTHING) {
        adopt_nothing(m, d, past);
        machine_run(m);
        return d->gen;
    }
    d->gen++;
    d->was_ready = past->was_ready;
    d->resumed = past->resumed;
    machine_take_facts(d);
    if (past->stamp) {
        d->stamp = past->stamp;
        machine_copy_names(&d->writes, &past->writes);
    }
    if (past->state == MACHINE_STUCK)
        d->state = MACHINE_STUCK; /* a stop retries, as before */
    else if (found == MACHINE_FOUND_BROKEN && past->state == MACHINE_BUILT)
        machine_build_anew(m, d);
    else if (found == MACHINE_FOUND_BROKEN)
        machine_remove_it(m, d, true);
    else
        adopt_instance(m, d, past->state, found == MACHINE_FOUND_DEAD);
    machine_run(m);
    return d->gen;
}

unsigned int machine_adopt_by_hand(struct machine *m, unsigned int dom,
                                   msec now)
{
    struct machine_domain *d = &m->doms[dom];

    m->now = now;
    d->gen++;
    d->want = false;
    d->again = false;
    d->by_hand = true;
    machine_take_facts(d);
    machine_set_reason(d, "started by hand; not managed");
    machine_enter(m, d, MACHINE_BY_HAND);
    if (m->closing) machine_request_stop(m, dom);
    machine_run(m);
    return d->gen;
}
