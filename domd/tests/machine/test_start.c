/* Starts that are slow, fail, or are cancelled. */
#include "tests/machine/steps.h"

static void late_one_goes_on_and_holds_back(void **state)
{
    unsigned int db = add("db", NULL, NULL);
    unsigned int web = add("web", NULL, "db");
    unsigned int log = add("log", "db", NULL);

    (void)state;
    machine_autostart(&m, NULL, now);
    event(db, MACHINE_EV_CREATED);
    pass(59999);
    assert_state(db, "booting");
    pass(1);
    assert_state(db, "late");
    assert_reason(db, "not ready (frontends) within 60 s");
    assert_state(log, "creating");
    assert_state(web, "blocked");
    assert_reason(web, "requires db, which is late");
    event(db, MACHINE_EV_READY);
    assert_state(web, "creating");
    assert_int_equal(m.doms[db].latency, 60000);
}

static void creation_that_takes_too_long_is_called_off(void **state)
{
    unsigned int a = add("a", NULL, NULL);

    (void)state;
    machine_start(&m, a, now);
    acts();
    pass(60000);
    assert_string_equal(acts(), "abort a");
    event_full(a, MACHINE_EV_CREATE_FAILED, 0, false, false, "aborted");
    assert_state(a, "backoff");
    assert_reason(a, "not created within 60 s");
    pass(1000);
    assert_string_equal(acts(), "create a");
}

/* The next instance may not start before the last is gone. */
static void remains_of_a_creation(void **state)
{
    unsigned int a = add("a", NULL, NULL);
    int i;

    (void)state;
    machine_start(&m, a, now);
    acts();
    event_full(a, MACHINE_EV_CREATE_LEFT, 0, false, false, "no bridge");
    assert_string_equal(acts(), "destroy! a");
    assert_state(a, "destroying");
    assert_reason(a, "no bridge");
    event(a, MACHINE_EV_GONE);
    assert_state(a, "backoff");
    pass(1000);
    assert_string_equal(acts(), "create a");
    machine_stop(&m, a, now);
    assert_state(a, "aborting");
    acts();
    event(a, MACHINE_EV_CREATE_LEFT);
    for (i = 0; i < MACHINE_DESTROY_TRIES; i++) {
        assert_string_equal(acts(), "destroy! a");
        event(a, MACHINE_EV_DESTROY_FAILED);
        pass(MACHINE_DESTROY_RETRY);
    }
    assert_state(a, "stuck");
}

static void creation_that_ends_after_it_was_called_off(void **state)
{
    unsigned int a = add("a", NULL, NULL);

    (void)state;
    machine_start(&m, a, now);
    machine_stop(&m, a, now);
    assert_string_equal(acts(), "create a; abort a");
    event(a, MACHINE_EV_CREATED);
    assert_string_equal(acts(), "destroy! a");
    event(a, MACHINE_EV_GONE);
    assert_state(a, "stopped");
}

/* The state of the guest exists only in memory. */
static void restore_that_ends_after_it_was_called_off(void **state)
{
    unsigned int a = add("a", NULL, "b");
    unsigned int b = add("b", NULL, NULL);
    struct machine_result r = {.resumed = true};

    (void)state;
    policy(a)->on_stop = STOP_SAVE;
    policy(a)->save_to = xstrdup("/data");
    policy(b)->restart = RESTART_NO;
    machine_start(&m, a, now);
    bring_up(b);
    r.gen = m.doms[a].gen;
    machine_event(&m, a, MACHINE_EV_BEGUN, &r, now);
    machine_stop(&m, a, now);
    assert_string_equal(acts(), "create b; create a; abort a");
    event(a, MACHINE_EV_CREATED);
    assert_string_equal(acts(), "save a");
    event(a, MACHINE_EV_SAVED);
    event(a, MACHINE_EV_GONE);
    assert_state(a, "stopped");

    /* The restore was only late. */
    machine_start(&m, a, now);
    r.gen = m.doms[a].gen;
    machine_event(&m, a, MACHINE_EV_BEGUN, &r, now);
    pass(180000);
    assert_string_equal(acts(), "destroy a; create a; abort a");
    event(a, MACHINE_EV_CREATED);
    pass(59999);
    assert_state(a, "booting");
    event(a, MACHINE_EV_READY);
    assert_state(a, "ready");
    assert_reason(a, "");
    machine_stop(&m, a, now);
    event(a, MACHINE_EV_SAVED);
    event(a, MACHINE_EV_GONE);
    assert_string_equal(acts(), "save a; destroy a");

    /* Its requirement has failed. */
    machine_start(&m, a, now);
    r.gen = m.doms[a].gen;
    machine_event(&m, a, MACHINE_EV_BEGUN, &r, now);
    dies(b, MACHINE_CRASH, false);
    event(b, MACHINE_EV_GONE);
    assert_string_equal(acts(), "create a; destroy b; abort a");
    event(a, MACHINE_EV_CREATED);
    assert_string_equal(acts(), "save a");
    event(a, MACHINE_EV_SAVED);
    event(a, MACHINE_EV_GONE);
    assert_state(a, "blocked");

    /* The guest did not become ready. */
    machine_start(&m, b, now);
    bring_up(b);
    r.gen = m.doms[a].gen;
    machine_event(&m, a, MACHINE_EV_BEGUN, &r, now);
    machine_close(&m, now);
    acts();
    event(a, MACHINE_EV_CREATE_LEFT);
    assert_string_equal(acts(), "destroy! a");
}

/* Other creations may take any time. */
static void waiting_for_the_builder_does_not_count(void **state)
{
    unsigned int a = add("a", NULL, NULL);

    (void)state;
    machine_start(&m, a, now);
    acts();
    pass(59000);
    event(a, MACHINE_EV_QUEUED);
    pass(3600 * 1000);
    assert_state(a, "creating");
    event(a, MACHINE_EV_BEGUN);
    pass(59999);
    assert_state(a, "creating");
    pass(1);
    assert_string_equal(acts(), "abort a");
    assert_reason(a, "not created within 60 s");
    /* Neither event counts after a cancellation. */
    event(a, MACHINE_EV_QUEUED);
    event(a, MACHINE_EV_BEGUN);
    assert_int_equal(machine_deadline(&m), now + MACHINE_ABORT_LIMIT);
    event(a, MACHINE_EV_CREATE_FAILED);
    assert_state(a, "backoff");
    pass(1000);
    event(a, MACHINE_EV_QUEUED);
    pass(100000);
    event(a, MACHINE_EV_BEGUN);
    pass(20000);
    event(a, MACHINE_EV_CREATED);
    pass(39999);
    assert_state(a, "booting");
    event(a, MACHINE_EV_READY);
    assert_int_equal(m.doms[a].latency, 59999);
}

/* During a creation, events of other domains wait. */
static void building_others_does_not_count(void **state)
{
    unsigned int a = add("a", NULL, NULL);
    unsigned int b = add("b", NULL, NULL);
    unsigned int c = add("c", NULL, NULL);

    (void)state;
    machine_autostart(&m, NULL, now);
    event(a, MACHINE_EV_BEGUN);
    event(b, MACHINE_EV_BEGUN);
    event(c, MACHINE_EV_QUEUED);
    now += 50000;
    machine_stalled(&m, b, 50000);
    acts();
    pass(10000);
    assert_string_equal(acts(), "abort b");
    pass(49999);
    assert_state(a, "creating");
    event(a, MACHINE_EV_CREATED);
    pass(0);
    assert_state(a, "booting");
    pass(1);
    assert_state(a, "late");
    assert_state(c, "creating");
    event(b, MACHINE_EV_CREATE_FAILED);
    pass(1000);
    event(b, MACHINE_EV_QUEUED);
    assert_int_equal(machine_deadline(&m), MACHINE_NEVER);
}

/* A restored guest writes the disks of the time of its save. */
static void a_restore_has_the_disks_of_its_save(void **state)
{
    struct policy *p = policy_new("a", "some.cfg");
    unsigned int a;
    unsigned int b = add("b", NULL, NULL);
    unsigned int c = add("c", NULL, NULL);
    struct strlist writes = {0};
    struct machine_result begun = {.resumed = true, .writes = &writes};
    char *taken;

    (void)state;
    p->stamp = 7;
    strlist_add(&p->writes, "/new");
    a = machine_add(&m, p);
    strlist_add(&policy(b)->writes, "/old");
    strlist_add(&policy(c)->writes, "/new");
    machine_link(&m, now);
    machine_start(&m, a, now);
    begun.gen = m.doms[a].gen;
    strlist_add(&writes, "/old");
    assert_null(machine_disk_taken(&m, a, &writes));
    machine_event(&m, a, MACHINE_EV_BEGUN, &begun, now);
    assert_true(machine_is_stale(&m.doms[a]));
    machine_start(&m, b, now);
    assert_state(b, "blocked");
    assert_reason(b, "disk /old is in use by domain a");
    machine_start(&m, c, now);
    assert_state(c, "creating");
    strlist_dispose(&writes);
    strlist_add(&writes, "/new");
    taken = machine_disk_taken(&m, b, &writes);
    assert_string_equal(taken, "disk /new is in use by domain c");
    free(taken);
    strlist_dispose(&writes);
}

static void a_restore_with_the_same_disks_is_not_stale(void **state)
{
    unsigned int a = add("a", NULL, NULL);
    struct strlist writes = {0};
    struct machine_result begun = {.resumed = true, .writes = &writes};

    (void)state;
    strlist_add(&policy(a)->writes, "/one");
    strlist_add(&writes, "/one");
    machine_start(&m, a, now);
    begun.gen = m.doms[a].gen;
    machine_event(&m, a, MACHINE_EV_BEGUN, &begun, now);
    assert_false(machine_is_stale(&m.doms[a]));
    strlist_dispose(&writes);
}

/* A guest that was saved within stop_timeout can be restored. */
static void a_restore_has_the_time_of_a_save(void **state)
{
    unsigned int a = add("a", NULL, NULL);
    struct machine_result r = {.resumed = true};

    (void)state;
    machine_start(&m, a, now);
    acts();
    r.gen = m.doms[a].gen;
    machine_event(&m, a, MACHINE_EV_BEGUN, &r, now);
    pass(179999);
    assert_state(a, "creating");
    event(a, MACHINE_EV_CREATED);
    pass(59999);
    assert_state(a, "booting");
    pass(1);
    assert_state(a, "late");
    event(a, MACHINE_EV_READY);
    assert_int_equal(m.doms[a].latency, 60000);
    dies(a, MACHINE_CRASH, false);
    event(a, MACHINE_EV_GONE);
    pass(1000);
    /* The next start is not a restore. */
    event(a, MACHINE_EV_BEGUN);
    pass(60000);
    assert_state(a, "aborting");
    event(a, MACHINE_EV_CREATE_FAILED);
    pass(2000);
    r.gen = m.doms[a].gen;
    machine_event(&m, a, MACHINE_EV_BEGUN, &r, now);
    pass(180000);
    assert_reason(a, "not restored within 180 s");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(late_one_goes_on_and_holds_back),
        T(creation_that_takes_too_long_is_called_off),
        T(remains_of_a_creation),
        T(creation_that_ends_after_it_was_called_off),
        T(restore_that_ends_after_it_was_called_off),
        T(waiting_for_the_builder_does_not_count),
        T(building_others_does_not_count),
        T(a_restore_has_the_disks_of_its_save),
        T(a_restore_with_the_same_disks_is_not_stale),
        T(a_restore_has_the_time_of_a_save),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
