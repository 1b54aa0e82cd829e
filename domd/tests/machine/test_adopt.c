/* Adoption: the journal of the last daemon, and the domains it left. */
#include "tests/machine/steps.h"

static void adopt(unsigned int dom, enum machine_state state,
                  enum machine_outcome next, bool want,
                  enum machine_found found)
{
    struct machine_past past = {
        .state = state,
        .next = next,
        .want = want,
        .was_ready = state == MACHINE_READY,
        .started = now - 10000,
        .latency = -1,
        .reason = "why it is so",
    };

    machine_adopt(&m, dom, &past, found, now);
}

static void adoption(void **state)
{
    unsigned int db = add("db", NULL, NULL);
    unsigned int web = add("web", NULL, "db");
    unsigned int half = add("half", NULL, NULL);
    unsigned int off = add("off", NULL, NULL);

    (void)state;
    now = 1000000;
    adopt(db, MACHINE_READY, MACHINE_NEXT_STOPPED, true,
          MACHINE_FOUND_RUNNING);
    adopt(web, MACHINE_BOOTING, MACHINE_NEXT_STOPPED, true,
          MACHINE_FOUND_RUNNING);
    adopt(half, MACHINE_CREATING, MACHINE_NEXT_STOPPED, true,
          MACHINE_FOUND_BROKEN);
    adopt(off, MACHINE_DESTROYING, MACHINE_NEXT_STOPPED, true,
          MACHINE_FOUND_RUNNING);
    assert_string_equal(acts(), "destroy! half; destroy! off");
    event(half, MACHINE_EV_GONE);
    event(off, MACHINE_EV_GONE);
    assert_string_equal(acts(), "create half");
    assert_state(off, "stopped");
    pass(49999);
    assert_state(web, "booting");
    pass(1);
    assert_state(web, "late");
    assert_state(db, "ready");
}

/* The recorded outcome of a domain that ended still applies. */
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
    machine_hold(&m);
    adopt(no, MACHINE_DESTROYING, MACHINE_NEXT_FAILED, true,
          MACHINE_FOUND_NOTHING);
    adopt(off, MACHINE_DESTROYING, MACHINE_NEXT_STOPPED, true,
          MACHINE_FOUND_NOTHING);
    adopt(held, MACHINE_HELD, MACHINE_NEXT_STOPPED, true,
          MACHINE_FOUND_NOTHING);
    adopt(again, MACHINE_DESTROYING, MACHINE_NEXT_AGAIN, true,
          MACHINE_FOUND_BROKEN);
    adopt(web, MACHINE_BLOCKED, MACHINE_NEXT_STOPPED, true,
          MACHINE_FOUND_NOTHING);
    adopt(kept, MACHINE_KEPT, MACHINE_NEXT_FAILED, true, MACHINE_FOUND_DEAD);
    adopt(mended, MACHINE_FAILED, MACHINE_NEXT_STOPPED, false,
          MACHINE_FOUND_NOTHING);
    assert_string_equal(acts(), "destroy! again");
    machine_release(&m, now);
    assert_string_equal(acts(), "");
    assert_state(no, "failed");
    assert_reason(no, "why it is so");
    assert_state(off, "stopped");
    assert_state(held, "held");
    assert_state(web, "blocked");
    assert_state(kept, "kept");
    assert_state(mended, "stopped");
    assert_reason(mended, "");
    event(again, MACHINE_EV_GONE);
    assert_state(again, "creating");
    assert_int_equal(machine_deadline(&m), now + 60000);
}

/* Someone destroyed them while no daemon was running. */
static void adoption_of_the_missing(void **state)
{
    unsigned int a = add("a", NULL, NULL);
    unsigned int b = add("b", NULL, NULL);
    unsigned int c = add("c", NULL, NULL);
    unsigned int d = add("d", NULL, NULL);
    struct machine_past past = {
        .state = MACHINE_READY, .want = true, .was_ready = true};

    (void)state;
    now = 1000000;
    policy(b)->restart = RESTART_ALWAYS;
    policy(c)->restart = RESTART_ALWAYS;
    adopt(a, MACHINE_READY, MACHINE_NEXT_STOPPED, true, MACHINE_FOUND_NOTHING);
    adopt(b, MACHINE_READY, MACHINE_NEXT_STOPPED, true, MACHINE_FOUND_NOTHING);
    past.started = now - 50000;
    machine_adopt(&m, c, &past, MACHINE_FOUND_NOTHING, now);
    adopt(d, MACHINE_CREATING, MACHINE_NEXT_STOPPED, true,
          MACHINE_FOUND_NOTHING);
    assert_state(a, "stopped");
    assert_reason(a, "destroyed by another program");
    assert_false(m.doms[a].want);
    assert_state(c, "backoff");
    assert_string_equal(acts(), "create b; create d");
}

/* A requirement that died in the meantime is not ready. */
static void adoption_of_the_dead(void **state)
{
    unsigned int db = add("db", NULL, NULL);
    unsigned int web = add("web", NULL, "db");

    (void)state;
    now = 1000000;
    machine_hold(&m);
    adopt(db, MACHINE_READY, MACHINE_NEXT_STOPPED, true, MACHINE_FOUND_DEAD);
    adopt(web, MACHINE_WAITING, MACHINE_NEXT_STOPPED, true,
          MACHINE_FOUND_NOTHING);
    machine_release(&m, now);
    assert_string_equal(acts(), "");
    dies(db, MACHINE_REBOOT, true);
    event(db, MACHINE_EV_GONE);
    /* The guest had been ready: this is no restart loop. */
    assert_string_equal(acts(), "destroy db; create db");
    assert_state(web, "waiting");
}

static void adoption_of_stops(void **state)
{
    unsigned int db = add("db", NULL, NULL);
    unsigned int log = add("log", "db", NULL);

    (void)state;
    now = 1000000;
    machine_hold(&m);
    adopt(db, MACHINE_STOP_WAIT, MACHINE_NEXT_AGAIN, true,
          MACHINE_FOUND_RUNNING);
    adopt(log, MACHINE_SHUTDOWN, MACHINE_NEXT_STOPPED, false,
          MACHINE_FOUND_RUNNING);
    assert_string_equal(acts(), "");
    machine_release(&m, now);
    assert_string_equal(acts(), "shutdown log");
    event(log, MACHINE_EV_GONE);
    assert_string_equal(acts(), "shutdown db");
    event(db, MACHINE_EV_GONE);
    assert_string_equal(acts(), "create db");
    assert_state(log, "stopped");
}

/* Timeouts continue across a restart of domd. */
static void up_for_how_long_is_adopted(void **state)
{
    unsigned int a = add("a", NULL, NULL);
    struct machine_past past = {
        .state = MACHINE_READY, .want = true, .was_ready = true};

    (void)state;
    now = 1000000;
    past.started = now - 30000;
    past.latency = 5000;
    machine_adopt(&m, a, &past, MACHINE_FOUND_RUNNING, now);
    pass(34999);
    dies(a, MACHINE_REBOOT, true);
    event(a, MACHINE_EV_GONE);
    assert_state(a, "backoff");
    pass(1000);
    bring_up(a);
    pass(MACHINE_BRIEF);
    dies(a, MACHINE_REBOOT, true);
    event(a, MACHINE_EV_GONE);
    assert_state(a, "creating");
}

/* Restored just before its creation was cancelled: its state exists only in
 * memory. */
static void adoption_of_one_that_was_resumed_too_late(void **state)
{
    struct machine_past past = {.state = MACHINE_ABORTING,
                                .started = now,
                                .latency = -1,
                                .resumed = true};
    struct machine_past next;
    unsigned int a = add("a", NULL, NULL);
    unsigned int b = add("b", NULL, NULL);
    unsigned int c = add("c", NULL, NULL);

    (void)state;
    machine_adopt(&m, a, &past, MACHINE_FOUND_RUNNING, now);
    assert_string_equal(acts(), "shutdown a");
    event(a, MACHINE_EV_GONE);
    assert_state(a, "stopped");
    /* It was to restart. */
    past.want = true;
    past.next = MACHINE_NEXT_AGAIN;
    machine_adopt(&m, a, &past, MACHINE_FOUND_RUNNING, now);
    assert_string_equal(acts(), "shutdown a");
    event(a, MACHINE_EV_GONE);
    assert_string_equal(acts(), "create a");
    /* The creation timed out. */
    past.next = MACHINE_NEXT_FAILED;
    machine_adopt(&m, b, &past, MACHINE_FOUND_RUNNING, now);
    assert_string_equal(acts(), "");
    assert_state(b, "booting");
    machine_past_of(&m, b, &next);
    assert_true(next.resumed);
    machine_past_dispose(&next);
    event(b, MACHINE_EV_READY);
    assert_state(b, "ready");
    /* It died at once, or was never restored. */
    machine_adopt(&m, c, &past, MACHINE_FOUND_DEAD, now);
    assert_string_equal(acts(), "destroy! c");
    event(c, MACHINE_EV_GONE);
    assert_state(c, "failed");
    machine_adopt(&m, c, &past, MACHINE_FOUND_BROKEN, now);
    assert_string_equal(acts(), "destroy! c");
    event(c, MACHINE_EV_GONE);
    past.resumed = false;
    machine_adopt(&m, c, &past, MACHINE_FOUND_RUNNING, now);
    assert_string_equal(acts(), "destroy! c");
}

/* What hung for the last machine need not hang for its successor. */
static void adoption_of_what_hung(void **state)
{
    unsigned int a = add("a", NULL, NULL);
    struct machine_past past;

    (void)state;
    policy(a)->on_stop = STOP_SAVE;
    policy(a)->save_to = xstrdup("/data");
    machine_start(&m, a, now);
    bring_up(a);
    machine_restart(&m, a, now);
    pass(120000);
    pass(MACHINE_ABORT_LIMIT);
    assert_state(a, "stuck");
    machine_past_of(&m, a, &past);
    assert_int_equal(past.state, MACHINE_SAVING);
    assert_int_equal(past.next, MACHINE_NEXT_AGAIN);
    machine_past_dispose(&past);
}

/* A machine continues from what its predecessor recorded. */
static void past_is_complete(void **state)
{
    unsigned int a = add("a", NULL, NULL);
    struct machine_past past;

    (void)state;
    policy(a)->stamp = 77;
    strlist_add(&policy(a)->writes, "/dev/x");
    machine_start(&m, a, now);
    bring_up(a);
    dies(a, MACHINE_CRASH, false);
    machine_past_of(&m, a, &past);
    assert_int_equal(past.state, MACHINE_DESTROYING);
    assert_int_equal(past.next, MACHINE_NEXT_BACKOFF);
    assert_true(past.want);
    assert_int_equal(past.n_failures, 1);
    assert_int_equal(past.stamp, 77);
    assert_true(strlist_has(&past.writes, "/dev/x"));
    assert_string_equal(past.reason, "guest crashed");
    machine_past_dispose(&past);
    /* The stop of a restart: the start follows. */
    assert_null(machine_restart(&m, a, now));
    machine_past_of(&m, a, &past);
    assert_int_equal(past.next, MACHINE_NEXT_AGAIN);
    machine_past_dispose(&past);
}

/* A reboot and a crash keep the config of the instance; a start does not. */
static void where_an_instance_comes_from(void **state)
{
    unsigned int a = add("a", NULL, NULL);

    (void)state;
    now = 1000000;
    policy(a)->stamp = 1;
    adopt(a, MACHINE_READY, MACHINE_NEXT_STOPPED, true, MACHINE_FOUND_RUNNING);
    assert_false(machine_is_stale(&m.doms[a]));
    policy(a)->stamp = 2;
    assert_true(machine_is_stale(&m.doms[a]));
    dies(a, MACHINE_REBOOT, true);
    event(a, MACHINE_EV_GONE);
    assert_false(last_create_is_fresh());
    assert_true(machine_is_stale(&m.doms[a]));
    event(a, MACHINE_EV_CREATED);
    dies(a, MACHINE_CRASH, false);
    event(a, MACHINE_EV_GONE);
    assert_state(a, "backoff");
    pass(1000);
    assert_false(last_create_is_fresh());
    /* The old config cannot be created: use the file. */
    event_full(a, MACHINE_EV_CREATE_FAILED, 0, false, false, "no");
    pass(60000);
    assert_true(last_create_is_fresh());
    assert_false(machine_is_stale(&m.doms[a]));
    bring_up(a);
    dies(a, MACHINE_CRASH, false);
    event(a, MACHINE_EV_GONE);
    assert_state(a, "backoff");
    machine_start(&m, a, now);
    assert_true(last_create_is_fresh());
}

/* Every state has a name, and can be found by it. */
static void names(void **state)
{
    int i;

    (void)state;
    for (i = 0; i < MACHINE_STATES; i++)
        assert_int_equal(machine_state_find(machine_state_name(i)), i);
    assert_int_equal(machine_state_find("nonsense"), -1);
    for (i = 0; i < MACHINE_OUTCOMES; i++)
        assert_int_equal(machine_outcome_find(machine_outcome_name(i)), i);
    assert_int_equal(machine_outcome_find("nonsense"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(adoption),
        T(adoption_of_ends),
        T(adoption_of_the_missing),
        T(adoption_of_the_dead),
        T(adoption_of_stops),
        T(adoption_of_one_that_was_resumed_too_late),
        T(up_for_how_long_is_adopted),
        T(adoption_of_what_hung),
        T(past_is_complete),
        T(where_an_instance_comes_from),
        T(names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
