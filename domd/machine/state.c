/*
 * States: their names, how one is entered, and the list of actions that comes
 * out of it.
 */
#include "machine/internal.h"

#include <stdio.h>
#include <string.h>

/* ---- their names -------------------------------------------------------- */

static const struct {
    const char *name;
    bool instance; /* the hypervisor may have something of it */
    bool rest;     /* lasts until somebody does something */
} state_facts[MC_STATES] = {
    [MC_STOPPED] = {"stopped", false, true},
    [MC_WAITING] = {"waiting", false, false},
    [MC_BLOCKED] = {"blocked", false, true},
    [MC_DELAY] = {"delay", false, false},
    [MC_CREATING] = {"creating", true, false},
    [MC_ABORTING] = {"aborting", true, false},
    [MC_BOOTING] = {"booting", true, false},
    [MC_READY] = {"ready", true, true},
    [MC_LATE] = {"late", true, true},
    [MC_STOP_WAIT] = {"stop-wait", true, false},
    [MC_SHUTDOWN] = {"shutdown", true, false},
    [MC_SAVING] = {"saving", true, false},
    [MC_DESTROYING] = {"destroying", true, false},
    [MC_BACKOFF] = {"backoff", false, false},
    [MC_FAILED] = {"failed", false, true},
    [MC_HELD] = {"held", false, true},
    [MC_SKIPPED] = {"skipped", false, true},
    [MC_KEPT] = {"kept", true, true},
    [MC_STUCK] = {"stuck", true, true},
    [MC_BY_HAND] = {"by-hand", true, true},
};

bool mc_has_instance(enum mc_state state)
{
    return state_facts[state].instance;
}

bool mc_at_rest(enum mc_state state)
{
    return state_facts[state].rest;
}

const char *mc_state_name(enum mc_state state)
{
    return state_facts[state].name;
}

int mc_state_find(const char *name)
{
    int i;

    for (i = 0; i < MC_STATES; i++) {
        if (!strcmp(state_facts[i].name, name)) return i;
    }
    return -1;
}

static const char *const outcome_names[MC_OUTCOMES] = {
    [MC_NEXT_STOPPED] = "stopped", [MC_NEXT_AGAIN] = "again",
    [MC_NEXT_BACKOFF] = "backoff", [MC_NEXT_FAILED] = "failed",
    [MC_NEXT_HELD] = "held",
};

const char *mc_outcome_name(enum mc_outcome outcome)
{
    return outcome_names[outcome];
}

int mc_outcome_find(const char *name)
{
    int i;

    for (i = 0; i < MC_OUTCOMES; i++) {
        if (!strcmp(outcome_names[i], name)) return i;
    }
    return -1;
}

/* ---- the list of actions ------------------------------------------------ */

void mi_act(struct machine *m, const struct mc_action *action)
{
    if (m->n_acts == m->size_acts) {
        m->size_acts = m->size_acts ? m->size_acts * 2 : 16;
        m->acts = xrealloc(m->acts, m->size_acts, sizeof(*m->acts));
    }
    m->acts[m->n_acts++] = *action;
}

void mi_act_on(struct machine *m, struct mc_domain *d, enum mc_act what)
{
    struct mc_action a = {0};

    a.act = what;
    a.dom = (unsigned int)(d - m->doms);
    a.gen = d->gen;
    mi_act(m, &a);
}

bool mc_take(struct machine *m, struct mc_action *action_r)
{
    if (!m->n_acts) return false;
    *action_r = m->acts[0];
    m->n_acts--;
    memmove(m->acts, m->acts + 1, m->n_acts * sizeof(*m->acts));
    return true;
}

/* ---- a domain changes --------------------------------------------------- */

void mi_enter(struct machine *m, struct mc_domain *d, enum mc_state state)
{
    struct mc_action a = {0};

    d->deadline = MC_NEVER;
    d->last_resort = false;
    if (d->state == state) return;
    d->hung_in = MC_STOPPED;
    a.act = MC_ACT_CHANGED;
    a.dom = (unsigned int)(d - m->doms);
    a.gen = d->gen;
    a.before = d->state;
    a.after = state;
    d->state = state;
    d->since = m->now;
    mi_act(m, &a);
}

void mi_set_timer(struct machine *m, struct mc_domain *d, msec delay)
{
    d->deadline = m->now + delay;
    d->last_resort = false;
}

void mi_set_last_resort(struct machine *m, struct mc_domain *d, msec delay)
{
    mi_set_timer(m, d, delay);
    d->last_resort = true;
}

void mi_set_reason(struct mc_domain *d, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(d->reason, sizeof(d->reason), format, args);
    va_end(args);
}

/* ---- what an instance was made of --------------------------------------- */

bool mc_is_stale(const struct mc_domain *d)
{
    return d->listed && !d->by_hand && mc_has_instance(d->state) &&
           d->stamp != d->policy->stamp;
}

void mi_copy_names(struct strlist *to, const struct strlist *from)
{
    size_t i;

    strlist_dispose(to);
    for (i = 0; i < from->n; i++)
        strlist_add(to, from->v[i]);
}

void mi_take_facts(struct mc_domain *d)
{
    d->stamp = d->policy->stamp;
    mi_copy_names(&d->writes, &d->policy->writes);
}

/* Of the file of that time only the disks are known. If they are others now,
 * so is the file. */
void mi_take_saved_facts(struct mc_domain *d, const struct strlist *writes)
{
    bool same = writes->n == d->policy->writes.n;
    size_t i;

    for (i = 0; i < writes->n; i++)
        same = same && strlist_has(&d->policy->writes, writes->v[i]);
    if (!same) d->stamp = ~d->policy->stamp;
    mi_copy_names(&d->writes, writes);
}
