/*
 * Requests: of users, of the boot, and of the host shutdown.
 */
#include "machine/internal.h"

#include <stdlib.h>

/* ---- users and the boot ------------------------------------------------- */

static void forget_failures(struct machine_domain *d)
{
    d->n_failures = 0;
}

/* Why a start is refused whatever the current instance is. */
static const char *find_lasting_obstacle(const struct machine *m,
                                         const struct machine_domain *d)
{
    if (m->closing) return "the host is going down";
    if (!d->listed) return "it has no domain file";
    if (d->state == MACHINE_BY_HAND)
        return "it was started by hand, and domd does not manage it";
    if (d->policy->bar) return d->policy->bar;
    return NULL;
}

static const char *find_obstacle(const struct machine *m,
                                 const struct machine_domain *d)
{
    const char *never = find_lasting_obstacle(m, d);

    if (never) return never;
    if (d->state == MACHINE_KEPT)
        return "its last instance is kept for inspection; stop it first";
    if (d->hung_in) return "an operation on it has not ended; see its state";
    if (d->state == MACHINE_STUCK)
        return "its last instance could not be removed; stop it first";
    return NULL;
}

/* Whether the instance is being removed and will not restart. */
static bool is_given_up(const struct machine_domain *d)
{
    if (d->state != MACHINE_DESTROYING && d->state != MACHINE_ABORTING)
        return false;
    return d->next != MACHINE_NEXT_AGAIN && d->next != MACHINE_NEXT_BACKOFF;
}

/* Marks DOM and its requirements as wanted. Domains that cannot start are
 * skipped: those that require them are found blocked later. */
static void mark_wanted(struct machine *m, unsigned int dom, bool *seen)
{
    struct machine_domain *d = &m->doms[dom];
    unsigned int i;

    if (seen[dom]) return;
    seen[dom] = true;
    if (find_obstacle(m, d)) return;
    if (!d->want || !machine_has_instance(d->state) || is_given_up(d)) {
        /* Overrides the earlier decision: the domain restarts. */
        if (is_given_up(d)) d->stop_req = true;
        d->want = true;
        if (d->state != MACHINE_WAITING) forget_failures(d);
        machine_fire(m, d, MACHINE_EV_START, NULL);
    }
    for (i = 0; i < d->n_edges; i++) {
        if (d->edges[i].requires) mark_wanted(m, d->edges[i].dom, seen);
    }
}

static void want_domain(struct machine *m, unsigned int dom)
{
    bool *seen = xcalloc(m->n, sizeof(*seen));

    mark_wanted(m, dom, seen);
    free(seen);
}

const char *machine_start(struct machine *m, unsigned int dom, msec now)
{
    struct machine_domain *d = &m->doms[dom];
    const char *wrong = find_obstacle(m, d);

    if (wrong) return wrong;
    m->now = now;
    want_domain(m, dom);
    machine_run(m);
    return NULL;
}

const char *machine_stop(struct machine *m, unsigned int dom, msec now)
{
    struct machine_domain *d = &m->doms[dom];

    if (d->state == MACHINE_BY_HAND)
        return "it was started by hand, and domd does not manage it";
    m->now = now;
    d->want = false;
    d->next = MACHINE_NEXT_STOPPED;
    if (machine_has_instance(d->state) && d->state != MACHINE_DESTROYING &&
        !d->hung_in)
        machine_set_reason(d, "stopped on request");
    machine_request_stop(m, dom);
    machine_stop_dependents(m, dom);
    machine_run(m);
    return NULL;
}

const char *machine_restart(struct machine *m, unsigned int dom, msec now)
{
    struct machine_domain *d = &m->doms[dom];
    /* A kept instance is removed only if a new one can start. */
    const char *wrong = find_lasting_obstacle(m, d);

    if (wrong) return wrong;
    if (!machine_has_instance(d->state)) return machine_start(m, dom, now);
    /* The domain would be down until its files answer. */
    if (d->policy->hold) return d->policy->hold;
    m->now = now;
    d->want = true;
    forget_failures(d);
    machine_request_stop(m, dom);
    machine_stop_dependents(m, dom);
    machine_run(m);
    return NULL;
}

void machine_autostart(struct machine *m, const struct strlist *only, msec now)
{
    unsigned int i;

    m->now = now;
    for (i = 0; i < m->n; i++) {
        struct machine_domain *d = &m->doms[i];

        if (!d->policy || machine_has_instance(d->state)) continue;
        if (only ? strlist_has(only, d->policy->name) : d->policy->autostart)
            want_domain(m, i);
    }
    machine_run(m);
}

/* ---- host shutdown ------------------------------------------------------ */

void machine_close(struct machine *m, msec now)
{
    unsigned int i;

    m->now = now;
    if (m->closing) return;
    m->closing = true;
    for (i = 0; i < m->n; i++) {
        if (m->doms[i].policy) m->doms[i].want = false;
    }
    for (i = 0; i < m->n; i++) {
        if (m->doms[i].policy) machine_request_stop(m, i);
    }
    machine_run(m);
}

bool machine_is_down(const struct machine *m)
{
    unsigned int i;

    for (i = 0; i < m->n; i++) {
        const struct machine_domain *d = &m->doms[i];

        if (!d->policy || d->state == MACHINE_STUCK) continue;
        if (machine_has_instance(d->state)) return false;
    }
    return true;
}

/* The limit for one domain, from the time when its dependents are gone. */
static msec stop_limit(const struct machine_domain *d, bool hanging)
{
    bool save = !d->by_hand && d->policy->on_stop == STOP_SAVE;
    msec limit = d->policy->stop_timeout;

    /* A domain that cannot be saved in time is then shut down. */
    if (save) limit *= 2;
    if (!hanging) return limit + MACHINE_REMOVAL;
    limit += MACHINE_DESTROY_LIMIT +
             2 * MACHINE_DESTROY_TRIES * MACHINE_DESTROY_RETRY;
    if (save) limit += MACHINE_ABORT_LIMIT;
    if (d->state == MACHINE_CREATING || d->state == MACHINE_ABORTING)
        limit += MACHINE_ABORT_LIMIT;
    return limit;
}

/* The limit for DOM after the longest chain of its dependents. KNOWN: limits
 * computed so far, or 0. */
static msec chain_limit(const struct machine *m, unsigned int dom,
                        bool hanging, msec *known)
{
    msec before = 0;
    unsigned int i;
    unsigned int k;

    if (known[dom]) return known[dom];
    for (i = 0; i < m->n; i++) {
        const struct machine_domain *d = &m->doms[i];

        if (!d->policy || !machine_has_instance(d->state)) continue;
        for (k = 0; k < d->n_edges; k++) {
            msec limit;

            if (d->edges[k].dom != dom) continue;
            limit = chain_limit(m, i, hanging, known);
            if (limit > before) before = limit;
        }
    }
    known[dom] = before + stop_limit(&m->doms[dom], hanging);
    return known[dom];
}

/* Domains started by hand stop before all others. */
msec machine_down_limit(const struct machine *m, bool hanging)
{
    msec *known = xcalloc(m->n ? m->n : 1, sizeof(*known));
    msec longest[2] = {0, 0};
    unsigned int i;

    for (i = 0; i < m->n; i++) {
        const struct machine_domain *d = &m->doms[i];
        msec limit;

        if (!d->policy || !machine_has_instance(d->state)) continue;
        limit = chain_limit(m, i, hanging, known);
        if (limit > longest[d->by_hand]) longest[d->by_hand] = limit;
    }
    free(known);
    return longest[false] + longest[true];
}
