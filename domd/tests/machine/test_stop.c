/* Stop, save and removal of domains, and the host shutdown. */
#include "tests/machine/steps.h"

static void stop_takes_dependents_first(void **state)
{
    unsigned int db = add("db", NULL, NULL);
    unsigned int web = add("web", NULL, "db");
    unsigned int log = add("log", "db", NULL);

    (void)state;
    machine_autostart(&m, NULL, now);
    bring_up(db);
    bring_up(web);
    bring_up(log);
    acts();
    assert_null(machine_stop(&m, db, now));
    assert_string_equal(acts(), "shutdown web");
    assert_state(db, "stop-wait");
    dies(web, MACHINE_POWEROFF, false);
    assert_string_equal(acts(), "destroy web");
    event(web, MACHINE_EV_GONE);
    assert_string_equal(acts(), "shutdown db");
    dies(db, MACHINE_POWEROFF, false);
    event(db, MACHINE_EV_GONE);
    assert_state(db, "stopped");
    assert_state(web, "blocked");
    assert_state(log, "ready");
    /* It starts again with its requirement. */
    machine_start(&m, db, now);
    bring_up(db);
    assert_state(web, "creating");
}

static void restart_brings_all_back(void **state)
{
    unsigned int db = add("db", NULL, NULL);
    unsigned int web = add("web", NULL, "db");

    (void)state;
    machine_autostart(&m, NULL, now);
    bring_up(db);
    bring_up(web);
    acts();
    assert_null(machine_restart(&m, db, now));
    dies(web, MACHINE_POWEROFF, false);
    event(web, MACHINE_EV_GONE);
    assert_state(web, "waiting");
    dies(db, MACHINE_POWEROFF, false);
    event(db, MACHINE_EV_GONE);
    bring_up(db);
    bring_up(web);
}

static void several_at_once(void **state)
{
    unsigned int a = add("a", NULL, NULL);
    unsigned int b = add("b", "a", NULL);

    (void)state;
    machine_autostart(&m, NULL, now);
    bring_up(a);
    bring_up(b);
    acts();
    machine_hold(&m);
    machine_stop(&m, a, now);
    machine_stop(&m, b, now);
    assert_string_equal(acts(), "");
    machine_release(&m, now);
    assert_string_equal(acts(), "shutdown b");
    event(b, MACHINE_EV_GONE);
    assert_string_equal(acts(), "shutdown a");
}

static void hangs_in_shutdown(void **state)
{
    unsigned int a = add("a", NULL, NULL);

    (void)state;
    machine_start(&m, a, now);
    bring_up(a);
    machine_stop(&m, a, now);
    acts();
    pass(119999);
    assert_string_equal(acts(), "");
    pass(1);
    assert_string_equal(acts(), "destroy! a");
    event(a, MACHINE_EV_GONE);
    assert_state(a, "stopped");
    assert_reason(a, "no shutdown within 120 s; destroyed");
}

static void cannot_be_destroyed(void **state)
{
    unsigned int a = add("a", NULL, NULL);
    int i;

    (void)state;
    policy(a)->on_stop = STOP_DESTROY;
    machine_start(&m, a, now);
    bring_up(a);
    machine_close(&m, now);
    for (i = 1; i < MACHINE_DESTROY_TRIES; i++) {
        acts();
        event_full(a, MACHINE_EV_DESTROY_FAILED, 0, false, false, "busy");
        assert_state(a, "destroying");
        pass(MACHINE_DESTROY_RETRY);
        assert_string_equal(acts(), "destroy! a");
        assert_false(machine_is_down(&m));
    }
    event_full(a, MACHINE_EV_DESTROY_FAILED, 0, false, false, "busy");
    assert_state(a, "stuck");
    assert_true(machine_is_down(&m));
}

/* The start request came just after the stop. */
static void started_while_it_is_removed(void **state)
{
    unsigned int a = add("a", NULL, NULL);

    (void)state;
    machine_start(&m, a, now);
    bring_up(a);
    dies(a, MACHINE_POWEROFF, false);
    assert_state(a, "destroying");
    assert_null(machine_start(&m, a, now));
    event(a, MACHINE_EV_GONE);
    assert_state(a, "creating");

    /* The instance was given up. */
    policy(a)->restart = RESTART_NO;
    event(a, MACHINE_EV_CREATED);
    dies(a, MACHINE_CRASH, false);
    assert_null(machine_start(&m, a, now));
    event(a, MACHINE_EV_GONE);
    assert_state(a, "creating");
    assert_int_equal(m.doms[a].n_failures, 0);
}

static void stopped_while_it_is_removed(void **state)
{
    unsigned int a = add("a", NULL, NULL);

    (void)state;
    policy(a)->restart = RESTART_NO;
    machine_start(&m, a, now);
    bring_up(a);
    dies(a, MACHINE_CRASH, false);
    assert_null(machine_stop(&m, a, now));
    event(a, MACHINE_EV_GONE);
    assert_state(a, "stopped");
}

static void save_and_its_failures(void **state)
{
    unsigned int a = add("a", NULL, NULL);

    (void)state;
    policy(a)->on_stop = STOP_SAVE;
    policy(a)->save_to = xstrdup("/data");
    machine_start(&m, a, now);
    bring_up(a);
    machine_stop(&m, a, now);
    assert_string_equal(acts(), "create a; save a");
    event(a, MACHINE_EV_SAVED);
    assert_string_equal(acts(), "destroy a");
    event(a, MACHINE_EV_GONE);
    assert_state(a, "stopped");

    machine_start(&m, a, now);
    bring_up(a);
    machine_stop(&m, a, now);
    acts();
    event_full(a, MACHINE_EV_SAVE_FAILED, 0, false, false, "no space");
    assert_string_equal(acts(), "shutdown a");
    dies(a, MACHINE_POWEROFF, false);
    event(a, MACHINE_EV_GONE);
    assert_state(a, "stopped");

    /* The save times out, and the guest ends meanwhile. */
    machine_start(&m, a, now);
    bring_up(a);
    machine_stop(&m, a, now);
    acts();
    pass(120000);
    assert_string_equal(acts(), "abort a");
    dies(a, MACHINE_CRASH, false);
    event_full(a, MACHINE_EV_SAVE_FAILED, 0, false, false, "aborted");
    assert_string_equal(acts(), "destroy a");
}

/* The share of the save is gone for good. */
static void save_that_hangs(void **state)
{
    unsigned int db = add("db", NULL, NULL);
    unsigned int web = add("web", NULL, "db");

    (void)state;
    policy(web)->on_stop = STOP_SAVE;
    policy(web)->save_to = xstrdup("/data");
    machine_start(&m, web, now);
    bring_up(db);
    bring_up(web);
    machine_close(&m, now);
    acts();
    pass(120000);
    assert_string_equal(acts(), "abort web");
    pass(MACHINE_ABORT_LIMIT - 1);
    assert_state(web, "saving");
    pass(1);
    assert_state(web, "stuck");
    assert_reason(web, "save has not ended 120 s after it was aborted");
    /* Nobody waits for the domain, and nobody touches it. */
    assert_string_equal(acts(), "shutdown db");
    event(db, MACHINE_EV_GONE);
    assert_true(machine_is_down(&m));
    assert_null(machine_stop(&m, web, now));
    assert_string_equal(acts(), "");
    assert_state(web, "stuck");
    assert_reason(web, "save has not ended 120 s after it was aborted");

    /* The share returns. */
    event_full(web, MACHINE_EV_SAVE_FAILED, 0, false, false, "aborted");
    assert_string_equal(acts(), "shutdown web");
    dies(web, MACHINE_POWEROFF, false);
    event(web, MACHINE_EV_GONE);
    assert_state(web, "stopped");
}

static void save_that_hangs_and_ends_well(void **state)
{
    unsigned int a = add("a", NULL, NULL);

    (void)state;
    policy(a)->on_stop = STOP_SAVE;
    policy(a)->save_to = xstrdup("/data");
    machine_start(&m, a, now);
    bring_up(a);
    machine_restart(&m, a, now);
    pass(120000);
    pass(MACHINE_ABORT_LIMIT);
    assert_state(a, "stuck");
    assert_string_equal(machine_start(&m, a, now),
                        "an operation on it has not ended; see its state");
    acts();
    event(a, MACHINE_EV_SAVED);
    assert_string_equal(acts(), "destroy a");
    event(a, MACHINE_EV_GONE);
    assert_state(a, "creating");
}

/* The end of a guest during its save is reported only by the end of the
 * save. */
static void dies_in_a_save_that_hangs(void **state)
{
    unsigned int a = add("a", NULL, NULL);

    (void)state;
    policy(a)->on_stop = STOP_SAVE;
    policy(a)->save_to = xstrdup("/data");
    machine_start(&m, a, now);
    bring_up(a);
    machine_stop(&m, a, now);
    pass(120000);
    pass(MACHINE_ABORT_LIMIT);
    dies(a, MACHINE_CRASH, false);
    event(a, MACHINE_EV_GONE);
    assert_state(a, "stuck");
    acts();
    event_full(a, MACHINE_EV_SAVE_FAILED, 0, false, false, "aborted");
    assert_string_equal(acts(), "destroy a");
}

/* Its slot is free for the next domain. */
static void creation_that_hangs(void **state)
{
    unsigned int a = add("a", NULL, NULL);
    unsigned int b = add("b", NULL, NULL);

    (void)state;
    m.max_creating = 1;
    policy(a)->priority = 100;
    machine_autostart(&m, NULL, now);
    pass(60000);
    assert_state(a, "aborting");
    assert_state(b, "waiting");
    pass(MACHINE_ABORT_LIMIT);
    assert_state(a, "stuck");
    assert_reason(a, "creation has not ended 120 s after it was aborted");
    assert_state(b, "creating");
    acts();
    event(a, MACHINE_EV_CREATED);
    assert_string_equal(acts(), "destroy! a");
    event(a, MACHINE_EV_GONE);
    assert_state(a, "backoff");

    /* The operation ends, and nothing is left. */
    bring_up(b);
    pass(1000);
    pass(60000);
    pass(MACHINE_ABORT_LIMIT);
    assert_state(a, "stuck");
    event(a, MACHINE_EV_CREATE_FAILED);
    assert_state(a, "backoff");
}

/* The state of the guest exists only in memory. */
static void restore_that_hangs_and_comes_up(void **state)
{
    unsigned int a = add("a", NULL, NULL);
    struct machine_result begun = {.resumed = true};

    (void)state;
    policy(a)->on_stop = STOP_SAVE;
    policy(a)->save_to = xstrdup("/data");
    machine_start(&m, a, now);
    begun.gen = m.doms[a].gen;
    machine_event(&m, a, MACHINE_EV_BEGUN, &begun, now);
    machine_stop(&m, a, now);
    pass(MACHINE_ABORT_LIMIT);
    assert_state(a, "stuck");
    acts();
    event(a, MACHINE_EV_CREATED);
    assert_string_equal(acts(), "save a");
}

static void removal_that_hangs(void **state)
{
    unsigned int a = add("a", NULL, NULL);

    (void)state;
    machine_start(&m, a, now);
    bring_up(a);
    pass(MACHINE_BRIEF);
    dies(a, MACHINE_REBOOT, true);
    pass(MACHINE_DESTROY_LIMIT);
    assert_state(a, "stuck");
    assert_reason(a, "removal has not ended within 600 s");
    event(a, MACHINE_EV_GONE);
    assert_state(a, "creating");
    event(a, MACHINE_EV_CREATED);
    event(a, MACHINE_EV_READY);

    /* An error is an answer: a stop may retry. */
    dies(a, MACHINE_REBOOT, true);
    pass(MACHINE_DESTROY_LIMIT);
    event_full(a, MACHINE_EV_DESTROY_FAILED, 0, false, false, "busy");
    assert_state(a, "stuck");
    assert_reason(a, "cannot remove it: busy");
    acts();
    assert_null(machine_stop(&m, a, now));
    assert_string_equal(acts(), "destroy a");
}

/* All attempts share one limit. */
static void removal_that_fails_and_hangs(void **state)
{
    unsigned int a = add("a", NULL, NULL);

    (void)state;
    policy(a)->on_stop = STOP_DESTROY;
    machine_start(&m, a, now);
    bring_up(a);
    machine_stop(&m, a, now);
    pass(MACHINE_DESTROY_LIMIT - 20000);
    event_full(a, MACHINE_EV_DESTROY_FAILED, 0, false, false, "busy");
    pass(MACHINE_DESTROY_RETRY);
    assert_state(a, "destroying");
    pass(15000);
    assert_state(a, "stuck");
}

/* While domd builds a domain, it receives no events. */
static void nothing_hangs_while_another_is_built(void **state)
{
    unsigned int a = add("a", NULL, NULL);
    unsigned int b = add("b", NULL, NULL);

    (void)state;
    policy(a)->on_stop = STOP_DESTROY;
    machine_start(&m, a, now);
    bring_up(a);
    machine_stop(&m, a, now);
    machine_start(&m, b, now);
    now += MACHINE_DESTROY_LIMIT;
    machine_stalled(&m, b, MACHINE_DESTROY_LIMIT);
    machine_tick(&m, now);
    assert_state(a, "destroying");
}

static void the_way_down_has_a_limit(void **state)
{
    unsigned int db = add("db", NULL, NULL);
    unsigned int web = add("web", NULL, "db");
    unsigned int other = add("other", NULL, NULL);
    msec removal = MACHINE_DESTROY_LIMIT +
                   2 * MACHINE_DESTROY_TRIES * MACHINE_DESTROY_RETRY;

    (void)state;
    assert_int_equal(machine_down_limit(&m, true), 0);
    policy(db)->stop_timeout = 1000;
    policy(web)->stop_timeout = 20000;
    policy(other)->stop_timeout = 30000;
    machine_autostart(&m, NULL, now);
    bring_up(db);
    bring_up(web);
    bring_up(other);
    assert_int_equal(machine_down_limit(&m, true), 21000 + 2 * removal);
    assert_int_equal(machine_down_limit(&m, false),
                     21000 + 2 * MACHINE_REMOVAL);
    policy(web)->on_stop = STOP_SAVE;
    assert_int_equal(machine_down_limit(&m, true),
                     41000 + MACHINE_ABORT_LIMIT + 2 * removal);
    assert_int_equal(machine_down_limit(&m, false),
                     41000 + 2 * MACHINE_REMOVAL);
}

/* The file changed, and lacks save_to. */
static void save_without_a_directory(void **state)
{
    unsigned int a = add("a", NULL, NULL);
    struct policy *p = policy_new("a", "some.cfg");

    (void)state;
    machine_start(&m, a, now);
    bring_up(a);
    acts();
    p->on_stop = STOP_SAVE;
    policy_bar(p, false, "on_stop: save needs save_to");
    machine_set_policy(&m, a, p);
    machine_link(&m, now);
    machine_stop(&m, a, now);
    assert_string_equal(acts(), "shutdown a");
}

static void close_is_the_reverse_of_start(void **state)
{
    unsigned int net = add("net", NULL, NULL);
    unsigned int db = add("db", "net", NULL);
    unsigned int web = add("web", NULL, "db");
    unsigned int app = add("app", NULL, "db");
    unsigned int hand = machine_add(&m, policy_new("hand", NULL));

    (void)state;
    machine_adopt_by_hand(&m, hand, now);
    machine_link(&m, now);
    machine_autostart(&m, NULL, now);
    bring_up(net);
    bring_up(db);
    bring_up(web);
    bring_up(app);
    acts();
    assert_non_null(machine_stop(&m, hand, now));
    machine_close(&m, now);
    assert_string_equal(acts(), "shutdown hand");
    event(hand, MACHINE_EV_GONE);
    assert_string_equal(acts(), "shutdown web; shutdown app");
    dies(app, MACHINE_POWEROFF, false);
    event(app, MACHINE_EV_GONE);
    assert_string_equal(acts(), "destroy app");
    pass(120000);
    event(web, MACHINE_EV_GONE);
    assert_string_equal(acts(), "destroy! web; shutdown db");
    event(db, MACHINE_EV_GONE);
    assert_string_equal(acts(), "shutdown net");
    assert_false(machine_is_down(&m));
    event(net, MACHINE_EV_GONE);
    assert_true(machine_is_down(&m));
    assert_string_equal(machine_start(&m, db, now), "the host is going down");
}

/* Another "db" was started with xl: web is ours and depends on db. */
static void by_hand_stops_before_what_is_after_it(void **state)
{
    unsigned int db = add("db", NULL, NULL);
    unsigned int web = add("web", "db", NULL);

    (void)state;
    machine_start(&m, web, now);
    bring_up(web);
    machine_adopt_by_hand(&m, db, now);
    acts();
    machine_close(&m, now);
    assert_string_equal(acts(), "shutdown db");
    event(db, MACHINE_EV_GONE);
    assert_string_equal(acts(), "shutdown web");
    event(web, MACHINE_EV_GONE);
    assert_true(machine_is_down(&m));
}

/* The files change while both run. */
static void circle_goes_down_and_comes_back(void **state)
{
    unsigned int db = add("db", NULL, NULL);
    unsigned int web = add("web", NULL, "db");

    (void)state;
    machine_autostart(&m, NULL, now);
    bring_up(db);
    bring_up(web);
    strlist_add(&policy(db)->requires, "web");
    policy_bar(policy(db), false, "dependency cycle");
    policy_bar(policy(web), false, "dependency cycle");
    machine_link(&m, now);
    acts();
    pass(MACHINE_BRIEF);
    dies(db, MACHINE_REBOOT, true);
    dies(web, MACHINE_REBOOT, true);
    event(db, MACHINE_EV_GONE);
    event(web, MACHINE_EV_GONE);
    assert_true((m.doms[db].state == MACHINE_CREATING) ^
                (m.doms[web].state == MACHINE_CREATING));
    if (m.doms[web].state == MACHINE_CREATING) {
        bring_up(web);
        bring_up(db);
    } else {
        bring_up(db);
        bring_up(web);
    }
    acts();
    machine_close(&m, now);
    assert_true((m.doms[db].state == MACHINE_SHUTDOWN) ^
                (m.doms[web].state == MACHINE_SHUTDOWN));
    event(db, MACHINE_EV_GONE);
    event(web, MACHINE_EV_GONE);
    assert_true(machine_is_down(&m));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(stop_takes_dependents_first),
        T(restart_brings_all_back),
        T(several_at_once),
        T(hangs_in_shutdown),
        T(cannot_be_destroyed),
        T(started_while_it_is_removed),
        T(stopped_while_it_is_removed),
        T(save_and_its_failures),
        T(save_that_hangs),
        T(save_that_hangs_and_ends_well),
        T(dies_in_a_save_that_hangs),
        T(creation_that_hangs),
        T(restore_that_hangs_and_comes_up),
        T(removal_that_hangs),
        T(removal_that_fails_and_hangs),
        T(nothing_hangs_while_another_is_built),
        T(the_way_down_has_a_limit),
        T(save_without_a_directory),
        T(close_is_the_reverse_of_start),
        T(by_hand_stops_before_what_is_after_it),
        T(circle_goes_down_and_comes_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
