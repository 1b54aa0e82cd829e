/* What the daemon before has left, and what is left of it. */
#include "tests/machine/steps.h"

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

/* A requirement that died in the meantime is none that is ready. */
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
/* What hung for the one before does not for its successor. */
static void adoption_of_what_hung(void **state)
{
    unsigned int a = add("a", NULL, NULL);
    struct mc_past past;

    (void)state;
    policy(a)->on_stop = STOP_SAVE;
    policy(a)->save_to = xstrdup("/data");
    mc_start(&m, a, now);
    bring_up(a);
    mc_restart(&m, a, now);
    pass(120000);
    pass(MC_ABORT_LIMIT);
    assert_state(a, "stuck");
    mc_past_of(&m, a, &past);
    assert_int_equal(past.state, MC_SAVING);
    assert_int_equal(past.next, MC_NEXT_AGAIN);
    mc_past_dispose(&past);
}

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
