/*
 * Steps for the tests of the state machine: each test leads one machine
 * through a situation, and checks its actions and states.
 */
#ifndef DOMD_TESTS_MACHINE_STEPS_H
#define DOMD_TESTS_MACHINE_STEPS_H

#include "tests/base/harness.h"

#include "machine/machine.h"

static struct machine m;
static msec now;

static inline int setup(void **state)
{
    (void)state;
    now = 1000;
    machine_init(&m, 8);
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    machine_dispose(&m);
    return 0;
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static inline unsigned int add(const char *name, const char *after,
                               const char *requires)
{
    struct policy *p = policy_new(name, "some.cfg");
    unsigned int dom;

    if (after) strlist_add(&p->after, after);
    if (requires) strlist_add(&p->requires, requires);
    dom = machine_add(&m, p);
    machine_link(&m, now);
    return dom;
}

static inline struct policy *policy(unsigned int dom)
{
    return m.doms[dom].policy;
}

/* Empties the list of actions, and returns it as text: "create a; destroy! b",
 * without changes of state. */
static inline const char *acts(void)
{
    static const char *const words[] = {
        [MACHINE_ACT_CREATE] = "create",     [MACHINE_ACT_ABORT] = "abort",
        [MACHINE_ACT_SHUTDOWN] = "shutdown", [MACHINE_ACT_SAVE] = "save",
        [MACHINE_ACT_DESTROY] = "destroy",   [MACHINE_ACT_REMARK] = "remark",
        [MACHINE_ACT_UNPAUSE] = "unpause",
    };
    static char text[512];
    struct machine_action a;

    text[0] = '\0';
    while (machine_take(&m, &a)) {
        size_t len = strlen(text);

        if (a.act == MACHINE_ACT_CHANGED) continue;
        snprintf(text + len, sizeof(text) - len, "%s%s%s%s %s",
                 len ? "; " : "", words[a.act], a.forced ? "!" : "",
                 a.ahead ? " ahead" : "", m.doms[a.dom].policy->name);
    }
    return text;
}

/* Empties the list of actions. */
static inline bool last_create_is_fresh(void)
{
    struct machine_action a;
    bool fresh = false;

    while (machine_take(&m, &a)) {
        if (a.act == MACHINE_ACT_CREATE) fresh = a.fresh;
    }
    return fresh;
}

static inline void event_full(unsigned int dom, enum machine_event ev,
                              enum machine_death death, bool again, bool keep,
                              const char *why)
{
    struct machine_result r = {0};

    r.gen = m.doms[dom].gen;
    r.death = death;
    r.again = again;
    r.keep = keep;
    r.why = why;
    machine_event(&m, dom, ev, &r, now);
}

static inline void event(unsigned int dom, enum machine_event ev)
{
    event_full(dom, ev, MACHINE_VANISHED, false, false, NULL);
}

static inline void dies(unsigned int dom, enum machine_death death, bool again)
{
    event_full(dom, MACHINE_EV_DIED, death, again, false, NULL);
}

static inline void pass(msec time)
{
    now += time;
    machine_tick(&m, now);
}

#define assert_state(dom, name)                                               \
    assert_string_equal(machine_state_name(m.doms[dom].state), name)
#define assert_reason(dom, text) assert_string_equal(m.doms[dom].reason, text)

static inline void bring_up(unsigned int dom)
{
    assert_state(dom, "creating");
    event(dom, MACHINE_EV_CREATED);
    assert_state(dom, "booting");
    event(dom, MACHINE_EV_READY);
    assert_state(dom, "ready");
}

#endif
