/* Single situations: what each of them leads to, step by step. */
#include "harness.h"

#include "../machine.h"

static struct machine m;
static msec now;

static int setup(void **state)
{
    (void)state;
    now = 1000;
    mc_init(&m, 8);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    mc_dispose(&m);
    return 0;
}

static unsigned int add(const char *name, const char *after,
                        const char *requires)
{
    struct policy *p = policy_new(name, "some.cfg");
    unsigned int dom;

    if (after) strlist_add(&p->after, after);
    if (requires) strlist_add(&p->requires, requires);
    dom = mc_add(&m, p);
    mc_link(&m, now);
    return dom;
}

static struct policy *policy(unsigned int dom)
{
    return m.doms[dom].policy;
}

/* Takes the actions out, and returns them as text: "create a; destroy! b",
 * without the changes of state. */
static const char *acts(void)
{
    static const char *const words[] = {
        [MC_ACT_CREATE] = "create",     [MC_ACT_ABORT] = "abort",
        [MC_ACT_SHUTDOWN] = "shutdown", [MC_ACT_SAVE] = "save",
        [MC_ACT_DESTROY] = "destroy",   [MC_ACT_REMARK] = "remark",
    };
    static char text[512];
    struct mc_action a;

    text[0] = '\0';
    while (mc_take(&m, &a)) {
        size_t len = strlen(text);

        if (a.act == MC_ACT_CHANGED) continue;
        snprintf(text + len, sizeof(text) - len, "%s%s%s %s", len ? "; " : "",
                 words[a.act], a.forced ? "!" : "",
                 m.doms[a.dom].policy->name);
    }
    return text;
}

static void event_full(unsigned int dom, enum mc_event ev, enum mc_death death,
                       bool again, bool keep, const char *why)
{
    struct mc_result r = {0};

    r.gen = m.doms[dom].gen;
    r.death = death;
    r.again = again;
    r.keep = keep;
    r.why = why;
    mc_event(&m, dom, ev, &r, now);
}

static void event(unsigned int dom, enum mc_event ev)
{
    event_full(dom, ev, MC_VANISHED, false, false, NULL);
}

static void dies(unsigned int dom, enum mc_death death, bool again)
{
    event_full(dom, MC_EV_DIED, death, again, false, NULL);
}

static void pass(msec time)
{
    now += time;
    mc_tick(&m, now);
}

/* Takes the actions out, too. */
static bool last_create_is_fresh(void)
{
    struct mc_action a;
    bool fresh = false;

    while (mc_take(&m, &a)) {
        if (a.act == MC_ACT_CREATE) fresh = a.fresh;
    }
    return fresh;
}

#define assert_state(dom, name)                                               \
    assert_string_equal(mc_state_name(m.doms[dom].state), name)
#define assert_reason(dom, text) assert_string_equal(m.doms[dom].reason, text)

static void bring_up(unsigned int dom)
{
    assert_state(dom, "creating");
    event(dom, MC_EV_CREATED);
    assert_state(dom, "booting");
    event(dom, MC_EV_READY);
    assert_state(dom, "ready");
}

static void chain_starts_in_order(void **state)
{
    unsigned int web = add("web", NULL, "db");
    unsigned int db = add("db", "net", NULL);
    unsigned int net = add("net", NULL, NULL);

    (void)state;
    mc_autostart(&m, NULL, now);
    assert_string_equal(acts(), "create net");
    bring_up(net);
    assert_string_equal(acts(), "create db");
    event(db, MC_EV_CREATED);
    assert_string_equal(acts(), "");
    event(db, MC_EV_READY);
    assert_string_equal(acts(), "create web");
    bring_up(web);
    assert_int_equal(mc_deadline(&m), MC_NEVER);
}

static void names_may_come_later(void **state)
{
    unsigned int web = add("web", NULL, "db");

    (void)state;
    add("db", NULL, NULL);
    assert_null(mc_start(&m, web, now));
    assert_string_equal(acts(), "create db");
    assert_state(web, "waiting");
}

static void priority_and_bound(void **state)
{
    unsigned int a = add("a", NULL, NULL);
    unsigned int b = add("b", NULL, NULL);
    unsigned int c = add("c", NULL, NULL);

    (void)state;
    m.max_creating = 2;
    policy(c)->priority = 90;
    policy(b)->priority = 60;
    mc_autostart(&m, NULL, now);
    assert_string_equal(acts(), "create c; create b");
    assert_state(a, "waiting");
    event(b, MC_EV_CREATED);
    assert_string_equal(acts(), "create a");
}

static void start_delay_counts_after_the_dependencies(void **state)
{
    unsigned int db = add("db", NULL, NULL);
    unsigned int web = add("web", "db", NULL);

    (void)state;
    policy(web)->start_delay = 3000;
    mc_autostart(&m, NULL, now);
    pass(5000);
    bring_up(db);
    assert_string_equal(acts(), "create db");
    assert_state(web, "delay");
    pass(2999);
    assert_state(web, "delay");
    pass(1);
    assert_string_equal(acts(), "create web");
}

static void late_one_goes_on_and_holds_back(void **state)
{
    unsigned int db = add("db", NULL, NULL);
    unsigned int web = add("web", NULL, "db");
    unsigned int log = add("log", "db", NULL);

    (void)state;
    mc_autostart(&m, NULL, now);
    event(db, MC_EV_CREATED);
    pass(59999);
    assert_state(db, "booting");
    pass(1);
    assert_state(db, "late");
    assert_reason(db, "not ready (frontends) within 60 s");
    assert_state(log, "creating");
    assert_state(web, "blocked");
    assert_reason(web, "requires db, which is late");
    event(db, MC_EV_READY);
    assert_state(web, "creating");
    assert_int_equal(m.doms[db].latency, 60000);
}

static void creation_that_takes_too_long_is_called_off(void **state)
{
    unsigned int a = add("a", NULL, NULL);

    (void)state;
    mc_start(&m, a, now);
    acts();
    pass(60000);
    assert_string_equal(acts(), "abort a");
    event_full(a, MC_EV_CREATE_FAILED, 0, false, false, "aborted");
    assert_state(a, "backoff");
    assert_reason(a, "it was not created within 60 s");
    pass(1000);
    assert_string_equal(acts(), "create a");
}

/* Not even the next one may start before it is gone. */
static void remains_of_a_creation(void **state)
{
    unsigned int a = add("a", NULL, NULL);
    int i;

    (void)state;
    mc_start(&m, a, now);
    acts();
    event_full(a, MC_EV_CREATE_LEFT, 0, false, false, "no bridge");
    assert_string_equal(acts(), "destroy! a");
    assert_state(a, "destroying");
    assert_reason(a, "no bridge");
    event(a, MC_EV_GONE);
    assert_state(a, "backoff");
    pass(1000);
    assert_string_equal(acts(), "create a");
    mc_stop(&m, a, now);
    assert_state(a, "aborting");
    acts();
    event(a, MC_EV_CREATE_LEFT);
    for (i = 0; i < MC_DESTROY_TRIES; i++) {
        assert_string_equal(acts(), "destroy! a");
        event(a, MC_EV_DESTROY_FAILED);
        pass(MC_DESTROY_RETRY);
    }
    assert_state(a, "stuck");
}

/* Whoever holds the machine reads the file in between. */
static void file_that_changes_before_the_start(void **state)
{
    unsigned int a = add("a", NULL, NULL);
    struct policy *p = policy_new("a", "some.cfg");

    (void)state;
    policy(a)->start_delay = 3000;
    mc_start(&m, a, now);
    pass(3000);
    assert_string_equal(acts(), "create a");
    mc_hold(&m);
    event(a, MC_EV_FILE_CHANGED);
    assert_state(a, "waiting");
    policy_bar(p, false, "wrong");
    mc_set_policy(&m, a, p);
    mc_link(&m, now);
    mc_release(&m, now);
    assert_state(a, "failed");
    assert_reason(a, "wrong");
    assert_string_equal(acts(), "");

    p = policy_new("a", "some.cfg");
    p->start_delay = 3000;
    mc_set_policy(&m, a, p);
    mc_link(&m, now);
    mc_start(&m, a, now);
    pass(3000);
    acts();
    event(a, MC_EV_FILE_CHANGED);
    /* It has waited already, and this was no failure. */
    assert_string_equal(acts(), "create a");
    assert_int_equal(m.doms[a].n_failures, 0);
    mc_stop(&m, a, now);
    event(a, MC_EV_FILE_CHANGED);
    assert_state(a, "stopped");
}

static void creation_that_ends_after_it_was_called_off(void **state)
{
    unsigned int a = add("a", NULL, NULL);

    (void)state;
    mc_start(&m, a, now);
    mc_stop(&m, a, now);
    assert_string_equal(acts(), "create a; abort a");
    event(a, MC_EV_CREATED);
    assert_string_equal(acts(), "destroy! a");
    event(a, MC_EV_GONE);
    assert_state(a, "stopped");
}

/* Its memory is nowhere but in the domain, then. */
static void restore_that_ends_after_it_was_called_off(void **state)
{
    unsigned int a = add("a", NULL, "b");
    unsigned int b = add("b", NULL, NULL);
    struct mc_result r = {.resumed = true};

    (void)state;
    policy(a)->on_stop = STOP_SAVE;
    policy(a)->save_to = xstrdup("/data");
    policy(b)->restart = RESTART_NO;
    mc_start(&m, a, now);
    bring_up(b);
    r.gen = m.doms[a].gen;
    mc_event(&m, a, MC_EV_BEGUN, &r, now);
    mc_stop(&m, a, now);
    assert_string_equal(acts(), "create b; create a; abort a");
    event(a, MC_EV_CREATED);
    assert_string_equal(acts(), "save a");
    event(a, MC_EV_SAVED);
    event(a, MC_EV_GONE);
    assert_state(a, "stopped");

    /* It was only late. */
    mc_start(&m, a, now);
    r.gen = m.doms[a].gen;
    mc_event(&m, a, MC_EV_BEGUN, &r, now);
    pass(180000);
    assert_string_equal(acts(), "destroy a; create a; abort a");
    event(a, MC_EV_CREATED);
    pass(59999);
    assert_state(a, "booting");
    event(a, MC_EV_READY);
    assert_state(a, "ready");
    assert_reason(a, "");
    mc_stop(&m, a, now);
    event(a, MC_EV_SAVED);
    event(a, MC_EV_GONE);
    assert_string_equal(acts(), "save a; destroy a");

    /* What it requires has failed. */
    mc_start(&m, a, now);
    r.gen = m.doms[a].gen;
    mc_event(&m, a, MC_EV_BEGUN, &r, now);
    dies(b, MC_CRASH, false);
    event(b, MC_EV_GONE);
    assert_string_equal(acts(), "create a; destroy b; abort a");
    event(a, MC_EV_CREATED);
    assert_string_equal(acts(), "save a");
    event(a, MC_EV_SAVED);
    event(a, MC_EV_GONE);
    assert_state(a, "blocked");

    /* It did not come up. */
    mc_start(&m, b, now);
    bring_up(b);
    r.gen = m.doms[a].gen;
    mc_event(&m, a, MC_EV_BEGUN, &r, now);
    mc_close(&m, now);
    acts();
    event(a, MC_EV_CREATE_LEFT);
    assert_string_equal(acts(), "destroy! a");
}

/* The others that are built first take as long as they like. */
static void waiting_for_the_builder_does_not_count(void **state)
{
    unsigned int a = add("a", NULL, NULL);

    (void)state;
    mc_start(&m, a, now);
    acts();
    pass(59000);
    event(a, MC_EV_QUEUED);
    pass(3600 * 1000);
    assert_state(a, "creating");
    event(a, MC_EV_BEGUN);
    pass(59999);
    assert_state(a, "creating");
    pass(1);
    assert_string_equal(acts(), "abort a");
    assert_reason(a, "it was not created within 60 s");
    /* And nothing of that counts for one that was called off. */
    event(a, MC_EV_QUEUED);
    event(a, MC_EV_BEGUN);
    assert_int_equal(mc_deadline(&m), MC_NEVER);
    event(a, MC_EV_CREATE_FAILED);
    assert_state(a, "backoff");
    pass(1000);
    event(a, MC_EV_QUEUED);
    pass(100000);
    event(a, MC_EV_BEGUN);
    pass(20000);
    event(a, MC_EV_CREATED);
    pass(39999);
    assert_state(a, "booting");
    event(a, MC_EV_READY);
    assert_int_equal(m.doms[a].latency, 59999);
}

/* While one is built, the events of the others wait. */
static void building_others_does_not_count(void **state)
{
    unsigned int a = add("a", NULL, NULL);
    unsigned int b = add("b", NULL, NULL);
    unsigned int c = add("c", NULL, NULL);

    (void)state;
    mc_autostart(&m, NULL, now);
    event(a, MC_EV_BEGUN);
    event(b, MC_EV_BEGUN);
    event(c, MC_EV_QUEUED);
    now += 50000;
    mc_stalled(&m, b, 50000);
    acts();
    pass(10000);
    assert_string_equal(acts(), "abort b");
    pass(49999);
    assert_state(a, "creating");
    event(a, MC_EV_CREATED);
    pass(0);
    assert_state(a, "booting");
    pass(1);
    assert_state(a, "late");
    assert_state(c, "creating");
    assert_int_equal(mc_deadline(&m), MC_NEVER);
}

/* What could be saved within stop_timeout can be restored. */
static void a_restore_has_the_time_of_a_save(void **state)
{
    unsigned int a = add("a", NULL, NULL);
    struct mc_result r = {.resumed = true};

    (void)state;
    mc_start(&m, a, now);
    acts();
    r.gen = m.doms[a].gen;
    mc_event(&m, a, MC_EV_BEGUN, &r, now);
    pass(179999);
    assert_state(a, "creating");
    event(a, MC_EV_CREATED);
    pass(59999);
    assert_state(a, "booting");
    pass(1);
    assert_state(a, "late");
    event(a, MC_EV_READY);
    assert_int_equal(m.doms[a].latency, 60000);
    dies(a, MC_CRASH, false);
    event(a, MC_EV_GONE);
    pass(1000);
    /* The next is none. */
    event(a, MC_EV_BEGUN);
    pass(60000);
    assert_state(a, "aborting");
    event(a, MC_EV_CREATE_FAILED);
    pass(2000);
    r.gen = m.doms[a].gen;
    mc_event(&m, a, MC_EV_BEGUN, &r, now);
    pass(180000);
    assert_reason(a, "it was not restored within 180 s");
}

static void crash_backs_off_and_is_held(void **state)
{
    static const msec delays[] = {1000, 2000, 4000};
    unsigned int a = add("a", NULL, NULL);
    unsigned int web = add("web", NULL, "a");
    size_t i;

    (void)state;
    mc_autostart(&m, NULL, now);
    for (i = 0; i < 3; i++) {
        assert_string_equal(acts(), "create a");
        event(a, MC_EV_CREATED);
        dies(a, MC_CRASH, false);
        assert_string_equal(acts(), "destroy a");
        event(a, MC_EV_GONE);
        assert_state(a, "backoff");
        assert_state(web, "waiting");
        pass(delays[i] - 1);
        assert_string_equal(acts(), "");
        pass(1);
    }
    event(a, MC_EV_CREATED);
    dies(a, MC_CRASH, false);
    event(a, MC_EV_GONE);
    assert_state(a, "held");
    assert_reason(a, "it crashed; held after 4 failures in 600 s");
    assert_state(web, "blocked");
    assert_reason(web, "requires a, which is held");
    assert_int_equal(m.doms[a].restarts, 3);
    acts();

    /* Somebody repairs it: the one that waits follows by itself. */
    assert_null(mc_start(&m, a, now));
    assert_string_equal(acts(), "create a");
    assert_state(web, "waiting");
    bring_up(a);
    assert_string_equal(acts(), "create web");
}

static void failures_are_forgotten_after_the_window(void **state)
{
    unsigned int a = add("a", NULL, NULL);
    int i;

    (void)state;
    mc_start(&m, a, now);
    for (i = 0; i < 20; i++) {
        bring_up(a);
        pass(599 * 1000);
        dies(a, MC_CRASH, false);
        event(a, MC_EV_GONE);
        assert_state(a, "backoff");
        pass(2000);
    }
}

static void restart_no_fails_at_once(void **state)
{
    unsigned int a = add("a", NULL, NULL);
    unsigned int web = add("web", NULL, "a");

    (void)state;
    policy(a)->restart = RESTART_NO;
    mc_autostart(&m, NULL, now);
    bring_up(a);
    bring_up(web);
    acts();
    dies(a, MC_CRASH, false);
    event(a, MC_EV_GONE);
    assert_state(a, "failed");
    /* What requires it goes down, too, and is held back. */
    assert_string_equal(acts(), "destroy a; shutdown web");
    dies(web, MC_POWEROFF, false);
    event(web, MC_EV_GONE);
    assert_state(web, "blocked");
}

static void crash_leaves_the_others_alone(void **state)
{
    unsigned int a = add("a", NULL, NULL);
    unsigned int b = add("b", "a", NULL);
    unsigned int c = add("c", NULL, "a");

    (void)state;
    mc_autostart(&m, NULL, now);
    bring_up(a);
    bring_up(b);
    bring_up(c);
    dies(a, MC_CRASH, false);
    event(a, MC_EV_GONE);
    assert_state(a, "backoff");
    assert_state(b, "ready");
    assert_state(c, "ready");
}

static void reboot_is_no_failure(void **state)
{
    unsigned int a = add("a", NULL, NULL);
    int i;

    (void)state;
    mc_start(&m, a, now);
    for (i = 0; i < 50; i++) {
        bring_up(a);
        pass(MC_BRIEF);
        dies(a, MC_REBOOT, true);
        event(a, MC_EV_GONE);
    }
    assert_state(a, "creating");
}

static void reboot_before_ready_is_a_loop(void **state)
{
    unsigned int a = add("a", NULL, NULL);

    (void)state;
    policy(a)->restart = RESTART_NO;
    mc_start(&m, a, now);
    event(a, MC_EV_CREATED);
    dies(a, MC_REBOOT, true);
    event(a, MC_EV_GONE);
    assert_state(a, "backoff");
    assert_reason(a, "it rebooted itself before it was ready");
}

/* It counts as up early in its boot, and something later in it reboots. */
static void reboots_without_end_are_a_loop(void **state)
{
    unsigned int a = add("a", NULL, NULL);
    int i;

    (void)state;
    mc_start(&m, a, now);
    for (i = 0; i < 3; i++) {
        bring_up(a);
        pass(MC_BRIEF - 1);
        dies(a, MC_REBOOT, true);
        event(a, MC_EV_GONE);
        assert_state(a, "backoff");
        assert_reason(a, "it rebooted itself 59 s after it was ready");
        acts();
        pass((msec)1000 << i);
        assert_false(last_create_is_fresh());
    }
    bring_up(a);
    dies(a, MC_REBOOT, true);
    event(a, MC_EV_GONE);
    assert_state(a, "held");
    assert_reason(a, "it rebooted itself 0 s after it was ready; "
                     "held after 4 failures in 600 s");
}

/* The time counts on through the end of a domd. */
static void up_for_how_long_is_adopted(void **state)
{
    unsigned int a = add("a", NULL, NULL);
    struct mc_past past = {.state = MC_READY, .want = true, .was_ready = true};

    (void)state;
    now = 1000000;
    past.started = now - 30000;
    past.latency = 5000;
    mc_adopt(&m, a, &past, MC_FOUND_RUNNING, now);
    pass(34999);
    dies(a, MC_REBOOT, true);
    event(a, MC_EV_GONE);
    assert_state(a, "backoff");
    pass(1000);
    bring_up(a);
    pass(MC_BRIEF);
    dies(a, MC_REBOOT, true);
    event(a, MC_EV_GONE);
    assert_state(a, "creating");
}

static void poweroff_stays_off(void **state)
{
    unsigned int a = add("a", NULL, NULL);
    unsigned int web = add("web", NULL, "a");

    (void)state;
    mc_autostart(&m, NULL, now);
    bring_up(a);
    bring_up(web);
    dies(a, MC_POWEROFF, false);
    event(a, MC_EV_GONE);
    assert_state(a, "stopped");
    assert_reason(a, "it powered itself off");
    assert_state(web, "ready");
    assert_false(m.doms[a].want);
}

static void poweroff_with_always(void **state)
{
    unsigned int a = add("a", NULL, NULL);

    (void)state;
    policy(a)->restart = RESTART_ALWAYS;
    mc_start(&m, a, now);
    bring_up(a);
    pass(MC_BRIEF);
    dies(a, MC_POWEROFF, false);
    event(a, MC_EV_GONE);
    assert_state(a, "creating");
}

static void preserved_crash(void **state)
{
    unsigned int a = add("a", NULL, NULL);

    (void)state;
    mc_start(&m, a, now);
    bring_up(a);
    acts();
    event_full(a, MC_EV_DIED, MC_CRASH, false, true, NULL);
    assert_state(a, "kept");
    assert_string_equal(acts(), "");
    assert_non_null(mc_start(&m, a, now));
    assert_null(mc_stop(&m, a, now));
    assert_string_equal(acts(), "destroy a");
    event(a, MC_EV_GONE);
    assert_state(a, "stopped");
}

static void stop_takes_dependents_first(void **state)
{
    unsigned int db = add("db", NULL, NULL);
    unsigned int web = add("web", NULL, "db");
    unsigned int log = add("log", "db", NULL);

    (void)state;
    mc_autostart(&m, NULL, now);
    bring_up(db);
    bring_up(web);
    bring_up(log);
    acts();
    assert_null(mc_stop(&m, db, now));
    assert_string_equal(acts(), "shutdown web");
    assert_state(db, "stop-wait");
    dies(web, MC_POWEROFF, false);
    assert_string_equal(acts(), "destroy web");
    event(web, MC_EV_GONE);
    assert_string_equal(acts(), "shutdown db");
    dies(db, MC_POWEROFF, false);
    event(db, MC_EV_GONE);
    assert_state(db, "stopped");
    assert_state(web, "blocked");
    assert_state(log, "ready");
    /* And it comes back with it. */
    mc_start(&m, db, now);
    bring_up(db);
    assert_state(web, "creating");
}

static void restart_brings_all_back(void **state)
{
    unsigned int db = add("db", NULL, NULL);
    unsigned int web = add("web", NULL, "db");

    (void)state;
    mc_autostart(&m, NULL, now);
    bring_up(db);
    bring_up(web);
    acts();
    assert_null(mc_restart(&m, db, now));
    dies(web, MC_POWEROFF, false);
    event(web, MC_EV_GONE);
    assert_state(web, "waiting");
    dies(db, MC_POWEROFF, false);
    event(db, MC_EV_GONE);
    bring_up(db);
    bring_up(web);
}

static void hangs_in_shutdown(void **state)
{
    unsigned int a = add("a", NULL, NULL);

    (void)state;
    mc_start(&m, a, now);
    bring_up(a);
    mc_stop(&m, a, now);
    acts();
    pass(119999);
    assert_string_equal(acts(), "");
    pass(1);
    assert_string_equal(acts(), "destroy! a");
    event(a, MC_EV_GONE);
    assert_state(a, "stopped");
    assert_reason(a, "it did not shut down within 120 s, and was destroyed");
}

static void cannot_be_destroyed(void **state)
{
    unsigned int a = add("a", NULL, NULL);
    int i;

    (void)state;
    policy(a)->on_stop = STOP_DESTROY;
    mc_start(&m, a, now);
    bring_up(a);
    mc_close(&m, now);
    for (i = 1; i < MC_DESTROY_TRIES; i++) {
        acts();
        event_full(a, MC_EV_DESTROY_FAILED, 0, false, false, "busy");
        assert_state(a, "destroying");
        pass(MC_DESTROY_RETRY);
        assert_string_equal(acts(), "destroy! a");
        assert_false(mc_is_down(&m));
    }
    event_full(a, MC_EV_DESTROY_FAILED, 0, false, false, "busy");
    assert_state(a, "stuck");
    assert_true(mc_is_down(&m));
}

static void save_and_its_failures(void **state)
{
    unsigned int a = add("a", NULL, NULL);

    (void)state;
    policy(a)->on_stop = STOP_SAVE;
    policy(a)->save_to = xstrdup("/data");
    mc_start(&m, a, now);
    bring_up(a);
    mc_stop(&m, a, now);
    assert_string_equal(acts(), "create a; save a");
    event(a, MC_EV_SAVED);
    assert_string_equal(acts(), "destroy a");
    event(a, MC_EV_GONE);
    assert_state(a, "stopped");

    mc_start(&m, a, now);
    bring_up(a);
    mc_stop(&m, a, now);
    acts();
    event_full(a, MC_EV_SAVE_FAILED, 0, false, false, "no space");
    assert_string_equal(acts(), "shutdown a");
    dies(a, MC_POWEROFF, false);
    event(a, MC_EV_GONE);
    assert_state(a, "stopped");

    /* It takes too long; and the guest ends in between. */
    mc_start(&m, a, now);
    bring_up(a);
    mc_stop(&m, a, now);
    acts();
    pass(120000);
    assert_string_equal(acts(), "abort a");
    dies(a, MC_CRASH, false);
    event_full(a, MC_EV_SAVE_FAILED, 0, false, false, "aborted");
    assert_string_equal(acts(), "destroy a");
}

static void close_is_the_reverse_of_start(void **state)
{
    unsigned int net = add("net", NULL, NULL);
    unsigned int db = add("db", "net", NULL);
    unsigned int web = add("web", NULL, "db");
    unsigned int app = add("app", NULL, "db");
    unsigned int hand = mc_add(&m, policy_new("hand", NULL));

    (void)state;
    mc_adopt_by_hand(&m, hand, now);
    mc_link(&m, now);
    mc_autostart(&m, NULL, now);
    bring_up(net);
    bring_up(db);
    bring_up(web);
    bring_up(app);
    acts();
    assert_non_null(mc_stop(&m, hand, now));
    mc_close(&m, now);
    assert_string_equal(acts(), "shutdown hand");
    event(hand, MC_EV_GONE);
    assert_string_equal(acts(), "shutdown web; shutdown app");
    dies(app, MC_POWEROFF, false);
    event(app, MC_EV_GONE);
    assert_string_equal(acts(), "destroy app");
    pass(120000);
    event(web, MC_EV_GONE);
    assert_string_equal(acts(), "destroy! web; shutdown db");
    event(db, MC_EV_GONE);
    assert_string_equal(acts(), "shutdown net");
    assert_false(mc_is_down(&m));
    event(net, MC_EV_GONE);
    assert_true(mc_is_down(&m));
    assert_string_equal(mc_start(&m, db, now), "the host is going down");
}

/* A namesake of db was started with xl: web is ours, and after it. */
static void by_hand_stops_before_what_is_after_it(void **state)
{
    unsigned int db = add("db", NULL, NULL);
    unsigned int web = add("web", "db", NULL);

    (void)state;
    mc_start(&m, web, now);
    bring_up(web);
    mc_adopt_by_hand(&m, db, now);
    acts();
    mc_close(&m, now);
    assert_string_equal(acts(), "shutdown db");
    event(db, MC_EV_GONE);
    assert_string_equal(acts(), "shutdown web");
    event(web, MC_EV_GONE);
    assert_true(mc_is_down(&m));
}

/* The files were changed while both run. */
static void circle_goes_down_and_comes_back(void **state)
{
    unsigned int db = add("db", NULL, NULL);
    unsigned int web = add("web", NULL, "db");

    (void)state;
    mc_autostart(&m, NULL, now);
    bring_up(db);
    bring_up(web);
    strlist_add(&policy(db)->requires, "web");
    policy_bar(policy(db), false, "a circle");
    policy_bar(policy(web), false, "a circle");
    mc_link(&m, now);
    acts();
    pass(MC_BRIEF);
    dies(db, MC_REBOOT, true);
    dies(web, MC_REBOOT, true);
    event(db, MC_EV_GONE);
    event(web, MC_EV_GONE);
    assert_true((m.doms[db].state == MC_CREATING) ^
                (m.doms[web].state == MC_CREATING));
    if (m.doms[web].state == MC_CREATING) {
        bring_up(web);
        bring_up(db);
    } else {
        bring_up(db);
        bring_up(web);
    }
    acts();
    mc_close(&m, now);
    assert_true((m.doms[db].state == MC_SHUTDOWN) ^
                (m.doms[web].state == MC_SHUTDOWN));
    event(db, MC_EV_GONE);
    event(web, MC_EV_GONE);
    assert_true(mc_is_down(&m));
}

static void no_two_writers(void **state)
{
    unsigned int a = add("a", NULL, NULL);
    unsigned int b = add("b", NULL, NULL);

    (void)state;
    strlist_add(&policy(a)->writes, "/dev/x");
    strlist_add(&policy(b)->writes, "/dev/x");
    mc_autostart(&m, NULL, now);
    assert_string_equal(acts(), "create a");
    assert_state(b, "blocked");
    assert_reason(b, "the disk /dev/x is written by a");
    bring_up(a);
    dies(a, MC_POWEROFF, false);
    assert_state(b, "blocked");
    event(a, MC_EV_GONE);
    assert_state(b, "creating");
}

static void barred_ones_say_why(void **state)
{
    struct policy *p = policy_new("win", "win.cfg");
    unsigned int win;
    unsigned int web = add("web", NULL, "win");

    (void)state;
    policy_bar(p, true, "needs hvm, which this host does not have");
    win = mc_add(&m, p);
    mc_link(&m, now);
    mc_autostart(&m, NULL, now);
    assert_state(win, "skipped");
    assert_state(web, "blocked");
    assert_reason(web, "requires win, which is skipped");
    assert_string_equal(mc_start(&m, win, now),
                        "needs hvm, which this host does not have");
    /* The file is mended. */
    mc_set_policy(&m, win, policy_new("win", "win.cfg"));
    mc_link(&m, now);
    assert_state(win, "stopped");
}

static void autostart_selection(void **state)
{
    struct strlist only = {0};
    unsigned int db = add("db", NULL, NULL);
    unsigned int web = add("web", NULL, "db");
    unsigned int x = add("x", NULL, NULL);

    (void)state;
    policy(db)->autostart = false;
    strlist_add(&only, "web");
    strlist_add(&only, "nobody");
    mc_autostart(&m, &only, now);
    assert_state(db, "creating");
    assert_state(web, "waiting");
    assert_state(x, "stopped");
    strlist_dispose(&only);
}

static void autostart_none(void **state)
{
    struct strlist none = {0};
    unsigned int a = add("a", NULL, NULL);

    (void)state;
    mc_autostart(&m, &none, now);
    assert_state(a, "stopped");
}

static void results_of_an_earlier_instance_do_not_count(void **state)
{
    unsigned int a = add("a", NULL, NULL);
    struct mc_result old = {0};

    (void)state;
    mc_start(&m, a, now);
    bring_up(a);
    old.gen = m.doms[a].gen;
    pass(MC_BRIEF);
    dies(a, MC_REBOOT, true);
    event(a, MC_EV_GONE);
    bring_up(a);
    old.death = MC_CRASH;
    mc_event(&m, a, MC_EV_DIED, &old, now);
    mc_event(&m, a, MC_EV_GONE, &old, now);
    assert_state(a, "ready");
}

static void adopt(unsigned int dom, enum mc_state state, enum mc_outcome next,
                  bool want, enum mc_found found)
{
    struct mc_past past = {
        .state = state,
        .next = next,
        .want = want,
        .was_ready = state == MC_READY,
        .started = now - 10000,
        .latency = -1,
        .reason = "why it is so",
    };

    mc_adopt(&m, dom, &past, found, now);
}

static void adoption(void **state)
{
    unsigned int db = add("db", NULL, NULL);
    unsigned int web = add("web", NULL, "db");
    unsigned int half = add("half", NULL, NULL);
    unsigned int off = add("off", NULL, NULL);

    (void)state;
    now = 1000000;
    adopt(db, MC_READY, MC_NEXT_STOPPED, true, MC_FOUND_RUNNING);
    adopt(web, MC_BOOTING, MC_NEXT_STOPPED, true, MC_FOUND_RUNNING);
    adopt(half, MC_CREATING, MC_NEXT_STOPPED, true, MC_FOUND_BROKEN);
    adopt(off, MC_DESTROYING, MC_NEXT_STOPPED, true, MC_FOUND_RUNNING);
    assert_string_equal(acts(), "destroy! half; destroy! off");
    event(half, MC_EV_GONE);
    event(off, MC_EV_GONE);
    assert_string_equal(acts(), "create half");
    assert_state(off, "stopped");
    pass(49999);
    assert_state(web, "booting");
    pass(1);
    assert_state(web, "late");
    assert_state(db, "ready");
}

/* What had been decided about one that ended still counts. */
static void adoption_of_ends(void **state)
{
    unsigned int no = add("no", NULL, NULL);
    unsigned int off = add("off", NULL, NULL);
    unsigned int held = add("held", NULL, NULL);
    unsigned int again = add("again", NULL, NULL);
    unsigned int web = add("web", NULL, "held");
    unsigned int kept = add("kept", NULL, NULL);
    unsigned int mended = add("mended", NULL, NULL);

    (void)state;
    now = 1000000;
    mc_hold(&m);
    adopt(no, MC_DESTROYING, MC_NEXT_FAILED, true, MC_FOUND_NOTHING);
    adopt(off, MC_DESTROYING, MC_NEXT_STOPPED, true, MC_FOUND_NOTHING);
    adopt(held, MC_HELD, MC_NEXT_STOPPED, true, MC_FOUND_NOTHING);
    adopt(again, MC_DESTROYING, MC_NEXT_AGAIN, true, MC_FOUND_BROKEN);
    adopt(web, MC_BLOCKED, MC_NEXT_STOPPED, true, MC_FOUND_NOTHING);
    adopt(kept, MC_KEPT, MC_NEXT_FAILED, true, MC_FOUND_DEAD);
    adopt(mended, MC_FAILED, MC_NEXT_STOPPED, false, MC_FOUND_NOTHING);
    assert_string_equal(acts(), "destroy! again");
    mc_release(&m, now);
    assert_string_equal(acts(), "");
    assert_state(no, "failed");
    assert_reason(no, "why it is so");
    assert_state(off, "stopped");
    assert_state(held, "held");
    assert_state(web, "blocked");
    assert_state(kept, "kept");
    assert_state(mended, "stopped");
    assert_reason(mended, "");
    event(again, MC_EV_GONE);
    assert_state(again, "creating");
    assert_int_equal(mc_deadline(&m), now + 60000);
}

/* A requirement that died in the meantime is none that is ready. */
/* Somebody has destroyed them, as if we had been there. */
static void adoption_of_the_missing(void **state)
{
    unsigned int a = add("a", NULL, NULL);
    unsigned int b = add("b", NULL, NULL);
    unsigned int c = add("c", NULL, NULL);
    unsigned int d = add("d", NULL, NULL);
    struct mc_past past = {.state = MC_READY, .want = true, .was_ready = true};

    (void)state;
    now = 1000000;
    policy(b)->restart = RESTART_ALWAYS;
    policy(c)->restart = RESTART_ALWAYS;
    adopt(a, MC_READY, MC_NEXT_STOPPED, true, MC_FOUND_NOTHING);
    adopt(b, MC_READY, MC_NEXT_STOPPED, true, MC_FOUND_NOTHING);
    past.started = now - 50000;
    mc_adopt(&m, c, &past, MC_FOUND_NOTHING, now);
    adopt(d, MC_CREATING, MC_NEXT_STOPPED, true, MC_FOUND_NOTHING);
    assert_state(a, "stopped");
    assert_reason(a, "somebody else destroyed it");
    assert_false(m.doms[a].want);
    assert_state(c, "backoff");
    assert_string_equal(acts(), "create b; create d");
}

static void adoption_of_the_dead(void **state)
{
    unsigned int db = add("db", NULL, NULL);
    unsigned int web = add("web", NULL, "db");

    (void)state;
    now = 1000000;
    mc_hold(&m);
    adopt(db, MC_READY, MC_NEXT_STOPPED, true, MC_FOUND_DEAD);
    adopt(web, MC_WAITING, MC_NEXT_STOPPED, true, MC_FOUND_NOTHING);
    mc_release(&m, now);
    assert_string_equal(acts(), "");
    dies(db, MC_REBOOT, true);
    event(db, MC_EV_GONE);
    /* It had been ready: that was no loop. */
    assert_string_equal(acts(), "destroy db; create db");
    assert_state(web, "waiting");
}

static void adoption_of_stops(void **state)
{
    unsigned int db = add("db", NULL, NULL);
    unsigned int log = add("log", "db", NULL);

    (void)state;
    now = 1000000;
    mc_hold(&m);
    adopt(db, MC_STOP_WAIT, MC_NEXT_AGAIN, true, MC_FOUND_RUNNING);
    adopt(log, MC_SHUTDOWN, MC_NEXT_STOPPED, false, MC_FOUND_RUNNING);
    assert_string_equal(acts(), "");
    mc_release(&m, now);
    assert_string_equal(acts(), "shutdown log");
    event(log, MC_EV_GONE);
    assert_string_equal(acts(), "shutdown db");
    event(db, MC_EV_GONE);
    assert_string_equal(acts(), "create db");
    assert_state(log, "stopped");
}

/* It went on from what was saved just before it could be called off: what it
 * was is in its memory only. */
static void adoption_of_one_that_was_resumed_too_late(void **state)
{
    struct mc_past past = {
        .state = MC_ABORTING, .started = now, .latency = -1, .resumed = true};
    struct mc_past next;
    unsigned int a = add("a", NULL, NULL);
    unsigned int b = add("b", NULL, NULL);
    unsigned int c = add("c", NULL, NULL);

    (void)state;
    mc_adopt(&m, a, &past, MC_FOUND_RUNNING, now);
    assert_string_equal(acts(), "shutdown a");
    event(a, MC_EV_GONE);
    assert_state(a, "stopped");
    /* It was to be started again. */
    past.want = true;
    past.next = MC_NEXT_AGAIN;
    mc_adopt(&m, a, &past, MC_FOUND_RUNNING, now);
    assert_string_equal(acts(), "shutdown a");
    event(a, MC_EV_GONE);
    assert_string_equal(acts(), "create a");
    /* It had taken too long. */
    past.next = MC_NEXT_FAILED;
    mc_adopt(&m, b, &past, MC_FOUND_RUNNING, now);
    assert_string_equal(acts(), "");
    assert_state(b, "booting");
    mc_past_of(&m, b, &next);
    assert_true(next.resumed);
    mc_past_dispose(&next);
    event(b, MC_EV_READY);
    assert_state(b, "ready");
    /* It died at once, or it had not gone on. */
    mc_adopt(&m, c, &past, MC_FOUND_DEAD, now);
    assert_string_equal(acts(), "destroy! c");
    event(c, MC_EV_GONE);
    assert_state(c, "failed");
    mc_adopt(&m, c, &past, MC_FOUND_BROKEN, now);
    assert_string_equal(acts(), "destroy! c");
    event(c, MC_EV_GONE);
    past.resumed = false;
    mc_adopt(&m, c, &past, MC_FOUND_RUNNING, now);
    assert_string_equal(acts(), "destroy! c");
}

/* What one machine writes down is what the next one goes on with. */
static void past_is_complete(void **state)
{
    unsigned int a = add("a", NULL, NULL);
    struct mc_past past;

    (void)state;
    policy(a)->stamp = 77;
    strlist_add(&policy(a)->writes, "/dev/x");
    mc_start(&m, a, now);
    bring_up(a);
    dies(a, MC_CRASH, false);
    mc_past_of(&m, a, &past);
    assert_int_equal(past.state, MC_DESTROYING);
    assert_int_equal(past.next, MC_NEXT_BACKOFF);
    assert_true(past.want);
    assert_int_equal(past.n_failures, 1);
    assert_int_equal(past.stamp, 77);
    assert_true(strlist_has(&past.writes, "/dev/x"));
    assert_string_equal(past.reason, "it crashed");
    mc_past_dispose(&past);
    /* A stop before a new start: what follows is the start. */
    assert_null(mc_restart(&m, a, now));
    mc_past_of(&m, a, &past);
    assert_int_equal(past.next, MC_NEXT_AGAIN);
    mc_past_dispose(&past);
}

/* A reboot and a crash go on with what the instance had; a start does not. */
static void where_an_instance_comes_from(void **state)
{
    unsigned int a = add("a", NULL, NULL);

    (void)state;
    now = 1000000;
    policy(a)->stamp = 1;
    adopt(a, MC_READY, MC_NEXT_STOPPED, true, MC_FOUND_RUNNING);
    assert_false(mc_is_stale(&m.doms[a]));
    policy(a)->stamp = 2;
    assert_true(mc_is_stale(&m.doms[a]));
    dies(a, MC_REBOOT, true);
    event(a, MC_EV_GONE);
    assert_false(last_create_is_fresh());
    assert_true(mc_is_stale(&m.doms[a]));
    event(a, MC_EV_CREATED);
    dies(a, MC_CRASH, false);
    event(a, MC_EV_GONE);
    assert_state(a, "backoff");
    pass(1000);
    assert_false(last_create_is_fresh());
    /* What it had cannot be created: the file, then. */
    event_full(a, MC_EV_CREATE_FAILED, 0, false, false, "no");
    pass(60000);
    assert_true(last_create_is_fresh());
    assert_false(mc_is_stale(&m.doms[a]));
    bring_up(a);
    dies(a, MC_CRASH, false);
    event(a, MC_EV_GONE);
    assert_state(a, "backoff");
    mc_start(&m, a, now);
    assert_true(last_create_is_fresh());
}

/* A file that is wrong by now bars what is started from it. */
static void barred_while_it_runs(void **state)
{
    unsigned int a = add("a", NULL, NULL);
    unsigned int b = add("b", NULL, "a");

    (void)state;
    mc_autostart(&m, NULL, now);
    bring_up(a);
    bring_up(b);
    policy_bar(policy(b), false, "wrong");
    mc_link(&m, now);
    assert_state(b, "ready");
    pass(MC_BRIEF);
    dies(b, MC_REBOOT, true);
    event(b, MC_EV_GONE);
    bring_up(b);
    mc_restart(&m, a, now);
    dies(b, MC_POWEROFF, false);
    event(b, MC_EV_GONE);
    assert_state(b, "failed");
    assert_reason(b, "wrong");
}

/* A mistake in the file of what does not run stops nobody who does. */
static void a_wrong_file_stops_nobody(void **state)
{
    unsigned int db = add("db", NULL, NULL);
    unsigned int web = add("web", NULL, "db");

    (void)state;
    mc_autostart(&m, NULL, now);
    bring_up(db);
    bring_up(web);
    dies(db, MC_POWEROFF, false);
    event(db, MC_EV_GONE);
    policy_bar(policy(db), false, "wrong");
    mc_link(&m, now);
    assert_state(db, "failed");
    assert_state(web, "ready");
}

static void several_at_once(void **state)
{
    unsigned int a = add("a", NULL, NULL);
    unsigned int b = add("b", "a", NULL);

    (void)state;
    mc_autostart(&m, NULL, now);
    bring_up(a);
    bring_up(b);
    acts();
    mc_hold(&m);
    mc_stop(&m, a, now);
    mc_stop(&m, b, now);
    assert_string_equal(acts(), "");
    mc_release(&m, now);
    assert_string_equal(acts(), "shutdown b");
    event(b, MC_EV_GONE);
    assert_string_equal(acts(), "shutdown a");
}

static void removed_from_the_configuration(void **state)
{
    unsigned int a = add("a", NULL, NULL);

    (void)state;
    mc_start(&m, a, now);
    bring_up(a);
    mc_unlist(&m, a);
    mc_link(&m, now);
    assert_state(a, "ready");
    dies(a, MC_CRASH, false);
    event(a, MC_EV_GONE);
    assert_state(a, "stopped");
    mc_forget(&m, a);
    assert_int_equal(mc_find(&m, "a"), -1);
    assert_int_equal(add("b", NULL, NULL), a);
}

/* It was missing while the files were read once. */
static void back_in_the_configuration(void **state)
{
    unsigned int a = add("a", NULL, NULL);

    (void)state;
    mc_start(&m, a, now);
    bring_up(a);
    mc_unlist(&m, a);
    mc_link(&m, now);
    mc_set_policy(&m, a, policy_new("a", "some.cfg"));
    mc_link(&m, now);
    dies(a, MC_CRASH, false);
    event(a, MC_EV_GONE);
    assert_state(a, "backoff");
    /* It is not started without its file. */
    mc_unlist(&m, a);
    mc_link(&m, now);
    assert_state(a, "stopped");
    assert_false(m.doms[a].want);
}

/* A reboot is no start: start_delay is not waited for a second time. */
static void reboot_needs_no_start_delay(void **state)
{
    unsigned int a = add("a", NULL, NULL);

    (void)state;
    policy(a)->start_delay = 3000;
    mc_start(&m, a, now);
    pass(3000);
    bring_up(a);
    pass(MC_BRIEF);
    dies(a, MC_REBOOT, true);
    event(a, MC_EV_GONE);
    assert_state(a, "creating");
}

/* A requirement that goes away and comes back makes the delay begin anew. */
static void start_delay_counts_from_the_last_time(void **state)
{
    unsigned int db = add("db", NULL, NULL);
    unsigned int web = add("web", NULL, "db");

    (void)state;
    policy(web)->start_delay = 3000;
    mc_autostart(&m, NULL, now);
    bring_up(db);
    assert_state(web, "delay");
    pass(1000);
    dies(db, MC_CRASH, false);
    event(db, MC_EV_GONE);
    pass(2000);
    assert_state(web, "waiting");
    bring_up(db);
    assert_state(web, "delay");
}

/* Many ways lead from the top to the bottom; each domain is visited once. */
static void diamonds(void **state)
{
    unsigned int last[2] = {0};
    char names[2][2][16] = {{""}};
    unsigned int i;
    unsigned int k;

    (void)state;
    for (i = 0; i < 128; i++) {
        for (k = 0; k < 2; k++) {
            struct policy *p;

            snprintf(names[i & 1][k], sizeof(names[0][0]), "d%u-%u", i, k);
            p = policy_new(names[i & 1][k], "some.cfg");
            p->autostart = false;
            if (i) {
                strlist_add(&p->requires, names[(i - 1) & 1][0]);
                strlist_add(&p->requires, names[(i - 1) & 1][1]);
            }
            last[k] = mc_add(&m, p);
        }
    }
    mc_link(&m, now);
    assert_null(mc_start(&m, last[0], now));
    assert_string_equal(acts(), "create d0-0; create d0-1");
    assert_state(last[0], "waiting");
    assert_state(last[1], "stopped");
    assert_null(mc_stop(&m, 0, now));
}

/* The wish of somebody who was just too late for the one before. */
static void started_while_it_is_removed(void **state)
{
    unsigned int a = add("a", NULL, NULL);

    (void)state;
    mc_start(&m, a, now);
    bring_up(a);
    dies(a, MC_POWEROFF, false);
    assert_state(a, "destroying");
    assert_null(mc_start(&m, a, now));
    event(a, MC_EV_GONE);
    assert_state(a, "creating");

    /* And of one that was given up. */
    policy(a)->restart = RESTART_NO;
    event(a, MC_EV_CREATED);
    dies(a, MC_CRASH, false);
    assert_null(mc_start(&m, a, now));
    event(a, MC_EV_GONE);
    assert_state(a, "creating");
    assert_int_equal(m.doms[a].n_failures, 0);
}

static void stopped_while_it_is_removed(void **state)
{
    unsigned int a = add("a", NULL, NULL);

    (void)state;
    policy(a)->restart = RESTART_NO;
    mc_start(&m, a, now);
    bring_up(a);
    dies(a, MC_CRASH, false);
    assert_null(mc_stop(&m, a, now));
    event(a, MC_EV_GONE);
    assert_state(a, "stopped");
}

/* A file that was changed while the domain runs may lack it. */
static void save_without_a_directory(void **state)
{
    unsigned int a = add("a", NULL, NULL);
    struct policy *p = policy_new("a", "some.cfg");

    (void)state;
    mc_start(&m, a, now);
    bring_up(a);
    acts();
    p->on_stop = STOP_SAVE;
    policy_bar(p, false, "on_stop: save needs save_to");
    mc_set_policy(&m, a, p);
    mc_link(&m, now);
    mc_stop(&m, a, now);
    assert_string_equal(acts(), "shutdown a");
}

/* What counts is what the instance writes, whatever the file says now. */
static void writes_what_it_was_started_with(void **state)
{
    unsigned int a = add("a", NULL, NULL);
    unsigned int b = add("b", NULL, NULL);
    struct policy *p;

    (void)state;
    strlist_add(&policy(a)->writes, "/dev/x");
    strlist_add(&policy(b)->writes, "/dev/x");
    mc_start(&m, a, now);
    bring_up(a);
    p = policy_new("a", "some.cfg");
    strlist_add(&p->writes, "/dev/y");
    mc_set_policy(&m, a, p);
    mc_link(&m, now);
    mc_start(&m, b, now);
    assert_state(b, "blocked");
    assert_reason(b, "the disk /dev/x is written by a");
    /* It still does after a reboot, and does no longer after a stop. */
    pass(MC_BRIEF);
    dies(a, MC_REBOOT, true);
    event(a, MC_EV_GONE);
    assert_state(a, "creating");
    assert_state(b, "blocked");
    event(a, MC_EV_CREATED);
    acts();
    mc_restart(&m, a, now);
    event(a, MC_EV_GONE);
    assert_string_equal(acts(), "shutdown a; create a; create b");
}

/* By hand, in the way of others: they learn it at once. */
static void by_hand_blocks_at_once(void **state)
{
    unsigned int db = add("db", NULL, NULL);
    unsigned int web = add("web", NULL, "db");

    (void)state;
    m.max_creating = 1;
    add("other", NULL, NULL);
    policy(db)->priority = 1;
    mc_autostart(&m, NULL, now);
    assert_state(db, "waiting");
    mc_adopt_by_hand(&m, db, now);
    assert_state(web, "blocked");
    assert_reason(web, "requires db, which is by-hand");
}

/* Every state has a name, and each name is found again. */
static void names(void **state)
{
    int i;

    (void)state;
    for (i = 0; i < MC_STATES; i++)
        assert_int_equal(mc_state_find(mc_state_name(i)), i);
    assert_int_equal(mc_state_find("nonsense"), -1);
    for (i = 0; i < MC_OUTCOMES; i++)
        assert_int_equal(mc_outcome_find(mc_outcome_name(i)), i);
    assert_int_equal(mc_outcome_find("nonsense"), -1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* Its state is what it was, and no later reason hides it. */
static void device_model_ends(void **state)
{
    unsigned int a = add("a", NULL, NULL);

    (void)state;
    mc_autostart(&m, NULL, now);
    event(a, MC_EV_CREATED);
    assert_string_equal(acts(), "create a");
    event_full(a, MC_EV_DM_ENDED, 0, false, false, "last words");
    assert_string_equal(acts(), "remark a");
    assert_state(a, "booting");
    assert_string_equal(m.doms[a].remark,
                        "its device model (QEMU) has ended: last words");
    pass(policy(a)->start_timeout);
    assert_state(a, "late");
    event(a, MC_EV_READY);
    assert_state(a, "ready");
    assert_reason(a, "");
    assert_string_equal(m.doms[a].remark,
                        "its device model (QEMU) has ended: last words");
    event(a, MC_EV_DM_ENDED);
    assert_string_equal(
        m.doms[a].remark,
        "its device model (QEMU) has ended: its log does not say why");
    acts();
    mc_restart(&m, a, now);
    dies(a, MC_POWEROFF, false);
    /* The one is ended for the other's sake. */
    event(a, MC_EV_DM_ENDED);
    assert_string_equal(acts(), "shutdown a; destroy a");
    event(a, MC_EV_GONE);
    assert_state(a, "creating");
    assert_string_equal(m.doms[a].remark, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(chain_starts_in_order),
        T(names_may_come_later),
        T(priority_and_bound),
        T(start_delay_counts_after_the_dependencies),
        T(late_one_goes_on_and_holds_back),
        T(creation_that_takes_too_long_is_called_off),
        T(remains_of_a_creation),
        T(file_that_changes_before_the_start),
        T(creation_that_ends_after_it_was_called_off),
        T(restore_that_ends_after_it_was_called_off),
        T(waiting_for_the_builder_does_not_count),
        T(building_others_does_not_count),
        T(a_restore_has_the_time_of_a_save),
        T(crash_backs_off_and_is_held),
        T(failures_are_forgotten_after_the_window),
        T(restart_no_fails_at_once),
        T(crash_leaves_the_others_alone),
        T(reboot_is_no_failure),
        T(reboot_before_ready_is_a_loop),
        T(reboots_without_end_are_a_loop),
        T(up_for_how_long_is_adopted),
        T(poweroff_stays_off),
        T(poweroff_with_always),
        T(preserved_crash),
        T(stop_takes_dependents_first),
        T(restart_brings_all_back),
        T(hangs_in_shutdown),
        T(cannot_be_destroyed),
        T(save_and_its_failures),
        T(close_is_the_reverse_of_start),
        T(by_hand_stops_before_what_is_after_it),
        T(circle_goes_down_and_comes_back),
        T(no_two_writers),
        T(barred_ones_say_why),
        T(autostart_selection),
        T(autostart_none),
        T(results_of_an_earlier_instance_do_not_count),
        T(adoption),
        T(adoption_of_ends),
        T(adoption_of_the_missing),
        T(adoption_of_the_dead),
        T(adoption_of_stops),
        T(adoption_of_one_that_was_resumed_too_late),
        T(past_is_complete),
        T(where_an_instance_comes_from),
        T(barred_while_it_runs),
        T(a_wrong_file_stops_nobody),
        T(several_at_once),
        T(removed_from_the_configuration),
        T(back_in_the_configuration),
        T(reboot_needs_no_start_delay),
        T(start_delay_counts_from_the_last_time),
        T(diamonds),
        T(started_while_it_is_removed),
        T(stopped_while_it_is_removed),
        T(save_without_a_directory),
        T(writes_what_it_was_started_with),
        T(by_hand_blocks_at_once),
        T(device_model_ends),
        T(names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
