/*
 * The domains: adding, changing, removing and finding them, and their graph.
 */
#include "machine/internal.h"

#include <stdlib.h>
#include <string.h>

void machine_init(struct machine *m, unsigned int max_creating)
{
    memset(m, 0, sizeof(*m));
    m->max_creating = max_creating ? max_creating : 1;
}

void machine_dispose(struct machine *m)
{
    unsigned int i;

    for (i = 0; i < m->n; i++) {
        policy_free(m->doms[i].policy);
        strlist_dispose(&m->doms[i].writes);
        free(m->doms[i].edges);
    }
    free(m->doms);
    free(m->acts);
    memset(m, 0, sizeof(*m));
}

unsigned int machine_add(struct machine *m, struct policy *policy)
{
    unsigned int dom = 0;
    struct machine_domain *d;

    while (dom < m->n && m->doms[dom].policy)
        dom++;
    if (dom == m->n) {
        m->doms = xrealloc(m->doms, m->n + 1, sizeof(*m->doms));
        memset(&m->doms[dom], 0, sizeof(*m->doms));
        m->n++;
    }
    d = &m->doms[dom];
    /* Instance numbers continue, so that results for the previous user of this
     * slot are not taken for ours. */
    *d = (struct machine_domain){.gen = d->gen, .edges = d->edges};
    d->policy = policy;
    d->state = MACHINE_STOPPED;
    d->listed = policy->file != NULL;
    d->deadline = MACHINE_NEVER;
    d->latency = -1;
    d->since = m->now;
    return dom;
}

void machine_set_policy(struct machine *m, unsigned int dom,
                        struct policy *policy)
{
    struct machine_domain *d = &m->doms[dom];

    policy_free(d->policy);
    d->policy = policy;
    d->listed = true;
}

void machine_unlist(struct machine *m, unsigned int dom)
{
    struct machine_domain *d = &m->doms[dom];

    d->listed = false;
    /* A running domain stays wanted until it ends, as its file may be back by
     * then. */
    if (!machine_has_instance(d->state)) {
        d->want = false;
        if (d->state == MACHINE_WAITING || d->state == MACHINE_DELAY ||
            d->state == MACHINE_BACKOFF || d->state == MACHINE_BLOCKED)
            machine_fire(m, d, MACHINE_EV_STOP, NULL);
    }
}

void machine_forget(struct machine *m, unsigned int dom)
{
    struct machine_domain *d = &m->doms[dom];

    if (!d->policy || d->listed || machine_has_instance(d->state)) return;
    policy_free(d->policy);
    d->policy = NULL;
    strlist_dispose(&d->writes);
    d->deadline = MACHINE_NEVER;
}

int machine_find(const struct machine *m, const char *name)
{
    unsigned int i;

    for (i = 0; i < m->n; i++) {
        if (m->doms[i].policy && !strcmp(m->doms[i].policy->name, name))
            return (int)i;
    }
    return -1;
}

/* ---- the graph ---------------------------------------------------------- */

static void add_edge(struct machine_domain *d, unsigned int on, bool requires)
{
    unsigned int i;

    for (i = 0; i < d->n_edges; i++) {
        if (d->edges[i].dom != on) continue;
        if (requires) d->edges[i].requires = true;
        return;
    }
    d->edges = xrealloc(d->edges, d->n_edges + 1, sizeof(*d->edges));
    d->edges[d->n_edges].dom = on;
    d->edges[d->n_edges].requires = requires;
    d->n_edges++;
}

/* Whether a path leads from FROM to TO. SEEN: visited domains. */
static bool leads_to(const struct machine *m, unsigned int from,
                     unsigned int to, bool *seen)
{
    const struct machine_domain *d = &m->doms[from];
    unsigned int i;

    if (from == to) return true;
    if (seen[from]) return false;
    seen[from] = true;
    for (i = 0; i < d->n_edges; i++) {
        if (leads_to(m, d->edges[i].dom, to, seen)) return true;
    }
    return false;
}

/* The edge that closes a cycle is dropped. Members of a cycle are barred but
 * may be running: they would wait for each other for ever when they stop or
 * reboot. */
static void link_names(struct machine *m, unsigned int dom,
                       const struct strlist *names, bool requires)
{
    bool *seen = xcalloc(m->n, sizeof(*seen));
    size_t i;

    for (i = 0; i < names->n; i++) {
        int on = machine_find(m, names->v[i]);

        if (on < 0) continue;
        memset(seen, 0, m->n * sizeof(*seen));
        if (!leads_to(m, (unsigned int)on, dom, seen))
            add_edge(&m->doms[dom], (unsigned int)on, requires);
    }
    free(seen);
}

void machine_link(struct machine *m, msec now)
{
    unsigned int i;

    m->now = now;
    for (i = 0; i < m->n; i++)
        m->doms[i].n_edges = 0;
    for (i = 0; i < m->n; i++) {
        if (!m->doms[i].policy) continue;
        link_names(m, i, &m->doms[i].policy->after, false);
        link_names(m, i, &m->doms[i].policy->requires, true);
        machine_apply_bar(m, &m->doms[i]);
    }
    machine_run(m);
}
