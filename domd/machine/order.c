/*
 * Start and stop order: which domains can start now, which wait for others
 * before they start or stop, and which dependents stop with a domain.
 */
#include "machine/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NONE ((unsigned int)-1)

/* ---- starting ----------------------------------------------------------- */

char *machine_disk_taken(const struct machine *m, unsigned int dom,
                         const struct strlist *writes)
{
    unsigned int i;
    size_t k;

    for (i = 0; i < m->n; i++) {
        const struct machine_domain *other = &m->doms[i];

        if (i == dom || !other->policy || !machine_has_instance(other->state))
            continue;
        for (k = 0; k < writes->n; k++) {
            if (!strlist_has(&other->writes, writes->v[k])) continue;
            return xasprintf("disk %s is in use by domain %s", writes->v[k],
                             other->policy->name);
        }
    }
    return NULL;
}

/* How far DOM is from its start. */
enum turn {
    TURN_NOW,
    TURN_WAIT,  /* waits for other domains */
    TURN_NEVER, /* not without outside action; the reason is set */
};

static enum turn turn_of(struct machine *m, unsigned int dom, char *why,
                         size_t why_size)
{
    struct machine_domain *d = &m->doms[dom];
    const struct strlist *writes = d->again ? &d->writes : &d->policy->writes;
    enum turn turn = TURN_NOW;
    unsigned int i;
    char *taken;

    if (d->policy->hold) {
        snprintf(why, why_size, "%s", d->policy->hold);
        return TURN_NEVER;
    }
    for (i = 0; i < d->n_edges; i++) {
        const struct machine_domain *on = &m->doms[d->edges[i].dom];

        if (on->state == MACHINE_READY) continue;
        if (!machine_at_rest(on->state)) {
            turn = TURN_WAIT;
            continue;
        }
        if (!d->edges[i].requires) continue;
        snprintf(why, why_size, "requires %s, which is %s", on->policy->name,
                 machine_state_name(on->state));
        return TURN_NEVER;
    }
    taken = machine_disk_taken(m, dom, writes);
    if (!taken) return turn;
    snprintf(why, why_size, "%s", taken);
    free(taken);
    return TURN_NEVER;
}

static unsigned int count_creating(const struct machine *m)
{
    unsigned int i;
    unsigned int n = 0;

    for (i = 0; i < m->n; i++) {
        if (!m->doms[i].policy) continue;
        if (m->doms[i].state == MACHINE_CREATING ||
            m->doms[i].state == MACHINE_ABORTING)
            n++;
    }
    return n;
}

/* The domain that starts next, or NONE. */
static unsigned int pick_next(const struct machine *m, const bool *may)
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

void machine_apply_bar(struct machine *m, struct machine_domain *d)
{
    /* A restart with the old config does not need the file. */
    if (machine_has_instance(d->state) || d->again) return;
    if (d->policy->bar) {
        machine_set_reason(d, "%s", d->policy->bar);
        d->want = false;
        d->barred = true;
        machine_enter(
            m, d, d->policy->bar_is_skip ? MACHINE_SKIPPED : MACHINE_FAILED);
    } else if (d->barred) {
        d->reason[0] = '\0';
        d->barred = false;
        machine_enter(m, d, MACHINE_STOPPED);
    }
}

/* Whether DOM, which waits for others, may be created meanwhile: it wants
 * that, and all of them are on their way. One that has no instance yet might
 * still need a disk of this domain. */
static bool may_build_ahead(const struct machine *m, unsigned int dom)
{
    const struct machine_domain *d = &m->doms[dom];
    unsigned int i;

    if (!d->policy->prebuild || d->again || d->in_turn) return false;
    for (i = 0; i < d->n_edges; i++) {
        switch (m->doms[d->edges[i].dom].state) {
        case MACHINE_CREATING:
        case MACHINE_BUILT:
        case MACHINE_BOOTING:
            break;
        default:
            if (!machine_at_rest(m->doms[d->edges[i].dom].state)) return false;
            break;
        }
    }
    return true;
}

/* Unpauses those that were created ahead, and whose turn has come; removes
 * those that must not run as they are. Returns whether anything changed. */
static bool go_on_with_built(struct machine *m)
{
    bool changed = false;
    unsigned int i;

    for (i = 0; i < m->n; i++) {
        struct machine_domain *d = &m->doms[i];
        char why[sizeof(d->reason)] = "";
        enum turn turn;

        if (!d->policy || d->state != MACHINE_BUILT) continue;
        turn = turn_of(m, i, why, sizeof(why));
        if (turn == TURN_NEVER || !d->listed || d->policy->bar ||
            machine_is_stale(d)) {
            machine_build_anew(m, d);
        } else if (turn == TURN_WAIT) {
            d->delayed = false;
            d->deadline = MACHINE_NEVER;
        } else {
            machine_fire(m, d, MACHINE_EV_GO, NULL);
        }
        if (d->state != MACHINE_BUILT) changed = true;
    }
    return changed;
}

/* Starts a domain that can start. Returns whether anything changed. */
static bool start_some(struct machine *m)
{
    bool *may = xcalloc(m->n, sizeof(*may));
    bool *ahead = xcalloc(m->n, sizeof(*ahead));
    bool place = count_creating(m) < m->max_creating;
    bool changed = false;
    enum machine_event event;
    unsigned int i;

    for (i = 0; i < m->n; i++) {
        struct machine_domain *d = &m->doms[i];
        char why[sizeof(d->reason)] = "";

        if (!d->policy) continue;
        if (d->state != MACHINE_WAITING && d->state != MACHINE_BLOCKED)
            continue;
        if (d->policy->bar && !d->again) {
            machine_apply_bar(m, d);
            changed = true;
            continue;
        }
        switch (turn_of(m, i, why, sizeof(why))) {
        case TURN_NOW:
            may[i] = place || (d->policy->start_delay && !d->delayed);
            if (d->state == MACHINE_BLOCKED) {
                d->reason[0] = '\0';
                machine_enter(m, d, MACHINE_WAITING);
                changed = true;
            }
            break;
        case TURN_WAIT:
            d->delayed = false;
            ahead[i] = place && may_build_ahead(m, i);
            if (d->state == MACHINE_BLOCKED) {
                d->reason[0] = '\0';
                machine_enter(m, d, MACHINE_WAITING);
                changed = true;
            }
            break;
        case TURN_NEVER:
            d->delayed = false;
            if (strcmp(why, d->reason) || d->state != MACHINE_BLOCKED) {
                machine_set_reason(d, "%s", why);
                machine_enter(m, d, MACHINE_BLOCKED);
                changed = true;
            }
            break;
        }
    }
    /* One at a time: each start may take a slot or a disk. */
    event = MACHINE_EV_GO;
    i = pick_next(m, may);
    if (i == NONE) {
        event = MACHINE_EV_AHEAD;
        i = pick_next(m, ahead);
    }
    free(may);
    free(ahead);
    if (i == NONE) return changed;
    machine_fire(m, &m->doms[i], event, NULL);
    return true;
}

/* ---- stopping ----------------------------------------------------------- */

/* Whether a dependent of DOM is still stopping. */
static bool has_stopping_dependents(const struct machine *m, unsigned int dom)
{
    unsigned int i;
    unsigned int k;

    for (i = 0; i < m->n; i++) {
        const struct machine_domain *d = &m->doms[i];

        if (i == dom || !d->policy || !machine_has_instance(d->state))
            continue;
        if (!d->stop_req && d->state != MACHINE_ABORTING &&
            d->state != MACHINE_DESTROYING)
            continue;
        /* An instance by hand came last, and nobody knows what it uses: it
         * stops first, whatever the file of its name says. The two would wait
         * for each other otherwise. */
        if (d->by_hand && !m->doms[dom].by_hand) return true;
        if (!d->by_hand && m->doms[dom].by_hand) continue;
        for (k = 0; k < d->n_edges; k++) {
            if (d->edges[k].dom == dom) return true;
        }
    }
    return false;
}

void machine_request_stop(struct machine *m, unsigned int dom)
{
    struct machine_domain *d = &m->doms[dom];

    if (machine_has_instance(d->state)) d->stop_req = true;
    machine_fire(m, d, MACHINE_EV_STOP, NULL);
}

void machine_stop_dependents(struct machine *m, unsigned int dom)
{
    const struct policy *on = m->doms[dom].policy;
    unsigned int i;
    unsigned int k;

    for (i = 0; on && i < m->n; i++) {
        struct machine_domain *d = &m->doms[i];

        if (!d->policy || d->stop_req || d->by_hand) continue;
        if (d->state == MACHINE_KEPT || d->state == MACHINE_STUCK) continue;
        if (!machine_has_instance(d->state) || d->state == MACHINE_DESTROYING)
            continue;
        for (k = 0; k < d->n_edges; k++) {
            if (d->edges[k].dom != dom || !d->edges[k].requires) continue;
            machine_set_reason(d, "stopped with %s, which it requires",
                               on->name);
            machine_request_stop(m, i);
            machine_stop_dependents(m, i);
            break;
        }
    }
}

/* Whether D has failed for good, so that its dependents stop. A domain that is
 * only barred by an error in its file has not. */
static bool has_failed(const struct machine_domain *d)
{
    switch (d->state) {
    case MACHINE_FAILED:
        return !d->barred;
    case MACHINE_HELD:
    case MACHINE_KEPT:
    case MACHINE_STUCK:
        return true;
    default:
        return false;
    }
}

/* ---- everything that follows -------------------------------------------- */

void machine_run(struct machine *m)
{
    bool changed;
    unsigned int i;

    if (m->held) return;
    do {
        changed = false;
        for (i = 0; i < m->n; i++) {
            const struct machine_domain *d = &m->doms[i];

            if (d->policy && has_failed(d)) machine_stop_dependents(m, i);
        }
        for (i = 0; i < m->n; i++) {
            struct machine_domain *d = &m->doms[i];

            if (!d->policy) continue;
            if (d->state == MACHINE_STOP_WAIT &&
                !has_stopping_dependents(m, i)) {
                machine_fire(m, d, MACHINE_EV_GO, NULL);
                changed = true;
            }
        }
        if (!m->closing && go_on_with_built(m)) changed = true;
        if (!m->closing && start_some(m)) changed = true;
    } while (changed);
}

void machine_hold(struct machine *m)
{
    m->held = true;
}

void machine_release(struct machine *m, msec now)
{
    m->held = false;
    m->now = now;
    machine_run(m);
}
