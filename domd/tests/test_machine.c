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
        [MC_ACT_DESTROY] = "destroy",
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
    assert_string_equal(mc_autostart(&m, &only, now), "nobody");
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
    assert_null(mc_autostart(&m, &none, now));
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
    dies(a, MC_REBOOT, true);
    event(a, MC_EV_GONE);
    bring_up(a);
    old.death = MC_CRASH;
    mc_event(&m, a, MC_EV_DIED, &old, now);
    mc_event(&m, a, MC_EV_GONE, &old, now);
    assert_state(a, "ready");
}

static void adoption(void **state)
{
    unsigned int db = add("db", NULL, NULL);
    unsigned int web = add("web", NULL, "db");
    unsigned int half = add("half", NULL, NULL);
    unsigned int off = add("off", NULL, NULL);

    (void)state;
    mc_adopt_running(&m, db, true, now - 100000, now);
    mc_adopt_running(&m, web, false, now - 10000, now);
    mc_adopt_broken(&m, half, true, now);
    mc_adopt_broken(&m, off, false, now);
    mc_link(&m, now);
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

/* Every state has a name, and each name is found again. */
static void names(void **state)
{
    int i;

    (void)state;
    for (i = 0; i < MC_STATES; i++)
        assert_int_equal(mc_state_find(mc_state_name(i)), i);
    assert_int_equal(mc_state_find("nonsense"), -1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(chain_starts_in_order),
        T(names_may_come_later),
        T(priority_and_bound),
        T(start_delay_counts_after_the_dependencies),
        T(late_one_goes_on_and_holds_back),
        T(creation_that_takes_too_long_is_called_off),
        T(creation_that_ends_after_it_was_called_off),
        T(crash_backs_off_and_is_held),
        T(failures_are_forgotten_after_the_window),
        T(restart_no_fails_at_once),
        T(crash_leaves_the_others_alone),
        T(reboot_is_no_failure),
        T(reboot_before_ready_is_a_loop),
        T(poweroff_stays_off),
        T(poweroff_with_always),
        T(preserved_crash),
        T(stop_takes_dependents_first),
        T(restart_brings_all_back),
        T(hangs_in_shutdown),
        T(cannot_be_destroyed),
        T(save_and_its_failures),
        T(close_is_the_reverse_of_start),
        T(no_two_writers),
        T(barred_ones_say_why),
        T(autostart_selection),
        T(autostart_none),
        T(results_of_an_earlier_instance_do_not_count),
        T(adoption),
        T(removed_from_the_configuration),
        T(names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
