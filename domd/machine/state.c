/*
 * States: their names, how to enter one, and the list of actions.
 */
#include "machine/internal.h"

#include <stdio.h>
#include <string.h>

/* ---- names -------------------------------------------------------------- */

static const struct {
    const char *name;
    bool instance; /* the hypervisor may have an instance */
    bool rest;     /* lasts until somebody acts */
} state_facts[MACHINE_STATES] = {
    [MACHINE_STOPPED] = {"stopped", false, true},
    [MACHINE_WAITING] = {"waiting", false, false},
    [MACHINE_BLOCKED] = {"blocked", false, true},
    [MACHINE_DELAY] = {"delay", false, false},
    [MACHINE_CREATING] = {"creating", true, false},
    [MACHINE_BUILT] = {"built", true, false},
    [MACHINE_ABORTING] = {"aborting", true, false},
    [MACHINE_BOOTING] = {"booting", true, false},
    [MACHINE_READY] = {"ready", true, true},
    [MACHINE_LATE] = {"late", true, true},
    [MACHINE_STOP_WAIT] = {"stop-wait", true, false},
    [MACHINE_SHUTDOWN] = {"shutdown", true, false},
    [MACHINE_SAVING] = {"saving", true, false},
    [MACHINE_DESTROYING] = {"destroying", true, false},
    [MACHINE_BACKOFF] = {"backoff", false, false},
    [MACHINE_FAILED] = {"failed", false, true},
    [MACHINE_HELD] = {"held", false, true},
    [MACHINE_SKIPPED] = {"skipped", false, true},
    [MACHINE_KEPT] = {"kept", true, true},
    [MACHINE_STUCK] = {"stuck", true, true},
    [MACHINE_BY_HAND] = {"by-hand", true, true},
};

bool machine_has_instance(enum machine_state state)
{
    return state_facts[state].instance;
}

bool machine_at_rest(enum machine_state state)
{
    return state_facts[state].rest;
}

const char *machine_state_name(enum machine_state state)
{
    return state_facts[state].name;
}

int machine_state_find(const char *name)
{
    int i;

    for (i = 0; i < MACHINE_STATES; i++) {
        if (!strcmp(state_facts[i].name, name)) return i;
    }
    return -1;
}

static const char *const outcome_names[MACHINE_OUTCOMES] = {
    [MACHINE_NEXT_STOPPED] = "stopped", [MACHINE_NEXT_AGAIN] = "again",
    [MACHINE_NEXT_BACKOFF] = "backoff", [MACHINE_NEXT_FAILED] = "failed",
    [MACHINE_NEXT_HELD] = "held",
};

const char *machine_outcome_name(enum machine_outcome outcome)
{
    return outcome_names[outcome];
}

int machine_outcome_find(const char *name)
{
    int i;

    for (i = 0; i < MACHINE_OUTCOMES; i++) {
        if (!strcmp(outcome_names[i], name)) return i;
    }
    return -1;
}

/* ---- the list of actions ------------------------------------------------ */

void machine_emit(struct machine *m, const struct machine_action *action)
{
    if (m->n_acts == m->size_acts) {
        m->size_acts = m->size_acts ? m->size_acts * 2 : 16;
        m->acts = xrealloc(m->acts, m->size_acts, sizeof(*m->acts));
    }
    m->acts[m->n_acts++] = *action;
}

void machine_act_on(struct machine *m, struct machine_domain *d,
                    enum machine_act what)
{
    struct machine_action a = {0};

    a.act = what;
    a.dom = (unsigned int)(d - m->doms);
    a.gen = d->gen;
    machine_emit(m, &a);
}

bool machine_take(struct machine *m, struct machine_action *action_r)
{
    if (!m->n_acts) return false;
    *action_r = m->acts[0];
    m->n_acts--;
    memmove(m->acts, m->acts + 1, m->n_acts * sizeof(*m->acts));
    return true;
}

/* ---- transitions -------------------------------------------------------- */

void machine_enter(struct machine *m, struct machine_domain *d,
                   enum machine_state state)
{
    struct machine_action a = {0};

    d->deadline = MACHINE_NEVER;
    d->last_resort = false;
    if (d->state == state) return;
    d->hung_in = MACHINE_STOPPED;
    a.act = MACHINE_ACT_CHANGED;
    a.dom = (unsigned int)(d - m->doms);
    a.gen = d->gen;
    a.before = d->state;
    a.after = state;
    d->state = state;
    d->since = m->now;
    machine_emit(m, &a);
}

void machine_set_timer(struct machine *m, struct machine_domain *d, msec delay)
{
    d->deadline = m->now + delay;
    d->last_resort = false;
}

void machine_set_last_resort(struct machine *m, struct machine_domain *d,
                             msec delay)
{
    machine_set_timer(m, d, delay);
    d->last_resort = true;
}

void machine_set_reason(struct machine_domain *d, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(d->reason, sizeof(d->reason), format, args);
    va_end(args);
}

/* ---- the config of an instance ------------------------------------------ */

bool machine_is_stale(const struct machine_domain *d)
{
    return d->listed && !d->by_hand && machine_has_instance(d->state) &&
           d->stamp != d->policy->stamp;
}

void machine_copy_names(struct strlist *to, const struct strlist *from)
{
    size_t i;

    strlist_dispose(to);
    for (i = 0; i < from->n; i++)
        strlist_add(to, from->v[i]);
}

void machine_take_facts(struct machine_domain *d)
{
    d->stamp = d->policy->stamp;
    machine_copy_names(&d->writes, &d->policy->writes);
}

/* Of the file at that time only the disks are known. If these differ now, the
 * file has changed. */
void machine_take_saved_facts(struct machine_domain *d,
                              const struct strlist *writes)
{
    bool same = writes->n == d->policy->writes.n;
    size_t i;

    for (i = 0; i < writes->n; i++)
        same = same && strlist_has(&d->policy->writes, writes->v[i]);
    if (!same) d->stamp = ~d->policy->stamp;
    machine_copy_names(&d->writes, writes);
}
