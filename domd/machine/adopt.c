/*
 * Adoption: what the next machine has to know of this one, and how it goes on
 * with that and with what the hypervisor has.
 */
#include "machine/internal.h"

#include <stdlib.h>
#include <string.h>

void mc_past_of(const struct machine *m, unsigned int dom,
                struct mc_past *past)
{
    const struct mc_domain *d = &m->doms[dom];

    memset(past, 0, sizeof(*past));
    /* What hangs here is nothing that the next machine would wait for. */
    past->state = d->hung_in ? d->hung_in : d->state;
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
    mi_copy_names(&past->writes, &d->writes);
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
        mi_settle(m, d);
        break;
    case MC_BACKOFF:
        d->next = MC_NEXT_BACKOFF;
        mi_settle(m, d);
        break;
    case MC_BOOTING:
    case MC_READY:
    case MC_LATE:
        /* What ends by itself stays there, dead, until we remove it. */
        d->was_ready = past->was_ready;
        if (d->want) mi_died_gone(m, d, &vanished);
        return;
    default:
        if (!d->want) break;
        d->reason[0] = '\0';
        mi_enter(m, d, MC_WAITING);
        break;
    }
    if (d->state == MC_STOPPED && state != MC_STOPPED &&
        state != MC_DESTROYING)
        d->reason[0] = '\0';
}

/* It went on from what was saved before it could be called off, and what it
 * was is in its memory only: as in mi_created_too_late. */
static void adopt_resumed(struct machine *m, struct mc_domain *d)
{
    if (!d->want || d->next == MC_NEXT_AGAIN) {
        d->stop_req = true;
        mi_enter(m, d, MC_STOP_WAIT);
        return;
    }
    d->next = MC_NEXT_STOPPED;
    mi_enter(m, d, MC_BOOTING);
    mi_set_timer(m, d, d->policy->start_timeout);
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
            mi_enter(m, d, MC_READY);
            break;
        }
        mi_enter(m, d, MC_BOOTING);
        if (dead) left = d->policy->start_timeout;
        mi_set_timer(m, d, left > 0 ? left : 0);
        break;
    case MC_STOP_WAIT:
    case MC_SHUTDOWN:
    case MC_SAVING:
        d->stop_req = true;
        mi_enter(m, d, MC_STOP_WAIT);
        break;
    case MC_ABORTING:
        if (d->resumed && !dead)
            adopt_resumed(m, d);
        else
            mi_remove_it(m, d, true);
        break;
    default:
        mi_remove_it(m, d, true);
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
    mi_set_reason(d, "%s", past->reason ? past->reason : "");
    if (found == MC_FOUND_NOTHING) {
        adopt_nothing(m, d, past);
        mi_run(m);
        return d->gen;
    }
    d->gen++;
    d->was_ready = past->was_ready;
    d->resumed = past->resumed;
    mi_take_facts(d);
    if (past->stamp) {
        d->stamp = past->stamp;
        mi_copy_names(&d->writes, &past->writes);
    }
    if (past->state == MC_STUCK)
        d->state = MC_STUCK; /* a stop tries again, as before */
    else if (found == MC_FOUND_BROKEN)
        mi_remove_it(m, d, true);
    else
        adopt_instance(m, d, past->state, found == MC_FOUND_DEAD);
    mi_run(m);
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
    mi_take_facts(d);
    mi_set_reason(d, "started by hand; left alone");
    mi_enter(m, d, MC_BY_HAND);
    if (m->closing) mi_request_stop(m, dom);
    mi_run(m);
    return d->gen;
}
