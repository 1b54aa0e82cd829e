/* Domains that are created while their dependencies boot (prebuild). */
#include "tests/machine/steps.h"

static unsigned int add_ahead(const char *name, const char *after,
                              const char *requires)
{
    unsigned int dom = add(name, after, requires);

    policy(dom)->prebuild = true;
    return dom;
}

/* web is built and waits; db boots. */
static void build_web(unsigned int db, unsigned int web)
{
    machine_autostart(&m, NULL, now);
    assert_string_equal(acts(), "create db; create ahead web");
    event(db, MACHINE_EV_CREATED);
    event(web, MACHINE_EV_BUILT);
    assert_state(web, "built");
    assert_string_equal(acts(), "");
}

static void paused_until_its_turn(void **state)
{
    unsigned int db = add("db", NULL, NULL);
    unsigned int web = add_ahead("web", NULL, "db");

    (void)state;
    build_web(db, web);
    pass(20000); /* its own time has not begun */
    assert_state(web, "built");
    event(db, MACHINE_EV_READY);
    assert_string_equal(acts(), "unpause web");
    assert_state(web, "creating");
    event(web, MACHINE_EV_CREATED);
    assert_state(web, "booting");
    pass(500);
    event(web, MACHINE_EV_READY);
    assert_int_equal(m.doms[web].latency, 500);
}

/* A creation that still runs when the turn comes. */
static void built_after_its_turn(void **state)
{
    unsigned int db = add("db", NULL, NULL);
    unsigned int web = add_ahead("web", "db", NULL);

    (void)state;
    machine_autostart(&m, NULL, now);
    assert_string_equal(acts(), "create db; create ahead web");
    bring_up(db);
    assert_string_equal(acts(), "");
    event(web, MACHINE_EV_BUILT);
    assert_string_equal(acts(), "unpause web");
}

/* Only what is on its way: a domain without an instance may need a disk. */
static void not_before_its_dependencies_have_begun(void **state)
{
    unsigned int net = add("net", NULL, NULL);
    unsigned int db = add("db", NULL, "net");
    unsigned int web = add_ahead("web", NULL, "db");

    (void)state;
    machine_autostart(&m, NULL, now);
    assert_string_equal(acts(), "create net");
    assert_state(web, "waiting");
    bring_up(net);
    assert_string_equal(acts(), "create db; create ahead web");
    (void)db;
}

static void a_chain_is_built(void **state)
{
    unsigned int net = add("net", NULL, NULL);
    unsigned int db = add_ahead("db", NULL, "net");
    unsigned int web = add_ahead("web", NULL, "db");

    (void)state;
    machine_autostart(&m, NULL, now);
    assert_string_equal(acts(), "create net; create ahead db; "
                                "create ahead web");
    event(db, MACHINE_EV_BUILT);
    event(web, MACHINE_EV_BUILT);
    bring_up(net);
    assert_string_equal(acts(), "unpause db");
    assert_state(web, "built");
    event(db, MACHINE_EV_CREATED);
    event(db, MACHINE_EV_READY);
    assert_string_equal(acts(), "unpause web");
}

/* One whose turn has come is created first. */
static void after_those_that_can_start(void **state)
{
    unsigned int db = add("db", NULL, NULL);
    unsigned int web = add_ahead("web", NULL, "db");
    unsigned int low = add("low", NULL, NULL);

    (void)state;
    m.max_creating = 1;
    policy(web)->priority = 90;
    policy(db)->priority = 80;
    machine_autostart(&m, NULL, now);
    assert_string_equal(acts(), "create db");
    event(db, MACHINE_EV_CREATED);
    assert_string_equal(acts(), "create low");
    event(low, MACHINE_EV_CREATED);
    assert_string_equal(acts(), "create ahead web");
}

static void its_delay_counts_after_the_dependencies(void **state)
{
    unsigned int db = add("db", NULL, NULL);
    unsigned int web = add_ahead("web", NULL, "db");

    (void)state;
    policy(web)->start_delay = 3000;
    build_web(db, web);
    pass(5000);
    event(db, MACHINE_EV_READY);
    pass(2999);
    assert_state(web, "built");
    assert_string_equal(acts(), "");
    pass(1);
    assert_string_equal(acts(), "unpause web");
}

/* The delay starts again with its requirement. */
static void its_delay_starts_again(void **state)
{
    unsigned int db = add("db", NULL, NULL);
    unsigned int web = add_ahead("web", "db", NULL);

    (void)state;
    policy(web)->start_delay = 3000;
    build_web(db, web);
    event(db, MACHINE_EV_READY);
    pass(500);
    dies(db, MACHINE_CRASH, false);
    event(db, MACHINE_EV_GONE);
    pass(1000);
    bring_up(db);
    assert_string_equal(acts(), "destroy db; create db");
    pass(2999);
    assert_state(web, "built");
    pass(1);
    assert_string_equal(acts(), "unpause web");
}

/* A dependency that crashes while it boots is restarted; the built one waits
 * on. */
static void a_dependency_that_is_restarted(void **state)
{
    unsigned int db = add("db", NULL, NULL);
    unsigned int web = add_ahead("web", NULL, "db");

    (void)state;
    build_web(db, web);
    dies(db, MACHINE_CRASH, false);
    assert_string_equal(acts(), "destroy db");
    event(db, MACHINE_EV_GONE);
    assert_state(db, "backoff");
    assert_state(web, "built");
    pass(1000);
    assert_string_equal(acts(), "create db");
    bring_up(db);
    assert_string_equal(acts(), "unpause web");
}

static void a_requirement_that_fails(void **state)
{
    unsigned int db = add("db", NULL, NULL);
    unsigned int web = add_ahead("web", NULL, "db");

    (void)state;
    policy(db)->restart = RESTART_NO;
    build_web(db, web);
    dies(db, MACHINE_CRASH, false);
    event(db, MACHINE_EV_GONE);
    assert_string_equal(acts(), "destroy db; destroy! web");
    event(web, MACHINE_EV_GONE);
    assert_state(web, "blocked");
    assert_reason(web, "requires db, which is failed");
    assert_int_equal(m.doms[web].n_failures, 0);
    assert_int_equal(m.doms[web].restarts, 0);
    /* With it, it comes back. */
    machine_start(&m, db, now);
    assert_string_equal(acts(), "create db; create ahead web");
}

/* A late requirement blocks, and may take hours: no memory is kept for that.
 */
static void a_requirement_that_is_late(void **state)
{
    unsigned int db = add("db", NULL, NULL);
    unsigned int web = add_ahead("web", NULL, "db");

    (void)state;
    build_web(db, web);
    pass(policy(db)->start_timeout);
    assert_state(db, "late");
    assert_string_equal(acts(), "destroy! web");
    event(web, MACHINE_EV_GONE);
    assert_reason(web, "requires db, which is late");
}

static void stopped_at_once(void **state)
{
    unsigned int db = add("db", NULL, NULL);
    unsigned int web = add_ahead("web", NULL, "db");

    (void)state;
    build_web(db, web);
    machine_stop(&m, web, now);
    assert_string_equal(acts(), "destroy! web");
    event(web, MACHINE_EV_GONE);
    assert_state(web, "stopped");
    assert_false(m.doms[web].want);
}

static void the_host_goes_down(void **state)
{
    unsigned int db = add("db", NULL, NULL);
    unsigned int web = add_ahead("web", NULL, "db");

    (void)state;
    build_web(db, web);
    machine_close(&m, now);
    assert_string_equal(acts(), "destroy! web");
    event(web, MACHINE_EV_GONE);
    assert_state(web, "stopped");
    assert_string_equal(acts(), "shutdown db");
}

/* The file was edited, or is gone. */
static void another_file(void **state)
{
    unsigned int db = add("db", NULL, NULL);
    unsigned int web = add_ahead("web", NULL, "db");
    struct policy *p = policy_new("web", "web.cfg");

    (void)state;
    build_web(db, web);
    p->stamp = 2;
    p->prebuild = true;
    strlist_add(&p->requires, "db");
    machine_set_policy(&m, web, p);
    machine_link(&m, now);
    machine_tick(&m, now);
    assert_string_equal(acts(), "destroy! web");
    event(web, MACHINE_EV_GONE);
    assert_string_equal(acts(), "create ahead web");
    assert_int_equal(m.doms[web].restarts, 0);
    event(web, MACHINE_EV_BUILT);
    machine_unlist(&m, web);
    machine_link(&m, now);
    machine_tick(&m, now);
    assert_string_equal(acts(), "destroy! web");
    event(web, MACHINE_EV_GONE);
    assert_state(web, "stopped");
}

/* A disk that was replaced: the caller finds that before the unpause. */
static void other_disks_at_the_unpause(void **state)
{
    unsigned int db = add("db", NULL, NULL);
    unsigned int web = add_ahead("web", NULL, "db");

    (void)state;
    build_web(db, web);
    event(db, MACHINE_EV_READY);
    assert_string_equal(acts(), "unpause web");
    event(web, MACHINE_EV_FILE_CHANGED);
    assert_string_equal(acts(), "destroy! web");
    event(web, MACHINE_EV_GONE);
    assert_string_equal(acts(), "create web");
    assert_int_equal(m.doms[web].n_failures, 0);
    /* Now it is an ordinary creation, which has left nothing. */
    event(web, MACHINE_EV_FILE_CHANGED);
    assert_string_equal(acts(), "create web");
}

/* The same after a request to stop. */
static void other_disks_too_late(void **state)
{
    unsigned int db = add("db", NULL, NULL);
    unsigned int web = add_ahead("web", NULL, "db");

    (void)state;
    build_web(db, web);
    event(db, MACHINE_EV_READY);
    machine_stop(&m, web, now);
    assert_state(web, "aborting");
    assert_string_equal(acts(), "unpause web; abort web");
    event(web, MACHINE_EV_FILE_CHANGED);
    assert_string_equal(acts(), "destroy! web");
    event(web, MACHINE_EV_GONE);
    assert_state(web, "stopped");
}

static void built_after_it_was_aborted(void **state)
{
    unsigned int db = add("db", NULL, NULL);
    unsigned int web = add_ahead("web", NULL, "db");

    (void)state;
    machine_autostart(&m, NULL, now);
    machine_stop(&m, web, now);
    assert_string_equal(acts(), "create db; create ahead web; abort web");
    event(web, MACHINE_EV_BUILT);
    assert_string_equal(acts(), "destroy! web");
    (void)db;
}

/* Perhaps it lacks what its turn brings. That is no failure, and it is not
 * tried again before. */
static void the_creation_ahead_fails(void **state)
{
    unsigned int db = add("db", NULL, NULL);
    unsigned int web = add_ahead("web", "db", NULL);

    (void)state;
    policy(web)->restart = RESTART_NO;
    machine_autostart(&m, NULL, now);
    assert_string_equal(acts(), "create db; create ahead web");
    event_full(web, MACHINE_EV_CREATE_FAILED, MACHINE_VANISHED, false, false,
               "no memory");
    assert_state(web, "waiting");
    assert_reason(web, "not created ahead: no memory");
    assert_int_equal(m.doms[web].n_failures, 0);
    assert_string_equal(acts(), "");
    bring_up(db);
    assert_string_equal(acts(), "create web");
    /* In its turn it is one. */
    event(web, MACHINE_EV_CREATE_FAILED);
    assert_state(web, "failed");
    assert_int_equal(m.doms[web].n_failures, 1);
}

static void the_creation_ahead_leaves_something(void **state)
{
    unsigned int db = add("db", NULL, NULL);
    unsigned int web = add_ahead("web", "db", NULL);

    (void)state;
    machine_autostart(&m, NULL, now);
    event(web, MACHINE_EV_CREATE_LEFT);
    assert_string_equal(acts(), "create db; create ahead web; destroy! web");
    event(web, MACHINE_EV_GONE);
    assert_state(web, "waiting");
    assert_int_equal(m.doms[web].n_failures, 0);
    bring_up(db);
    assert_string_equal(acts(), "create web");
}

static void the_creation_ahead_is_late(void **state)
{
    unsigned int db = add("db", NULL, NULL);
    unsigned int web = add_ahead("web", "db", NULL);

    (void)state;
    machine_autostart(&m, NULL, now);
    event(db, MACHINE_EV_CREATED);
    pass(policy(web)->start_timeout);
    assert_string_equal(acts(), "create db; create ahead web; abort web");
    assert_reason(web, "not created ahead: it takes too long");
    event(web, MACHINE_EV_CREATE_FAILED);
    assert_int_equal(m.doms[web].n_failures, 0);
    /* Its turn has come, for db is late as well. */
    assert_string_equal(acts(), "create web");
}

/* Somebody has unpaused it, and it has run and ended. */
static void it_ends_before_its_turn(void **state)
{
    unsigned int db = add("db", NULL, NULL);
    unsigned int web = add_ahead("web", NULL, "db");

    (void)state;
    build_web(db, web);
    dies(web, MACHINE_POWEROFF, false);
    assert_string_equal(acts(), "destroy web");
    event(web, MACHINE_EV_GONE);
    assert_state(web, "stopped");
}

static void it_keeps_its_disks(void **state)
{
    unsigned int db = add("db", NULL, NULL);
    unsigned int web = add_ahead("web", NULL, "db");
    unsigned int other = add("other", NULL, NULL);

    (void)state;
    policy(other)->autostart = false;
    strlist_add(&policy(web)->writes, "/x");
    strlist_add(&policy(other)->writes, "/x");
    build_web(db, web);
    machine_start(&m, other, now);
    assert_state(other, "blocked");
    assert_reason(other, "disk /x is in use by domain web");
}

static void a_path_that_does_not_answer(void **state)
{
    unsigned int db = add("db", NULL, NULL);
    unsigned int web = add_ahead("web", NULL, "db");

    (void)state;
    build_web(db, web);
    policy(web)->hold = xstrdup("/x does not answer");
    event(db, MACHINE_EV_READY);
    assert_string_equal(acts(), "destroy! web");
    event(web, MACHINE_EV_GONE);
    assert_state(web, "blocked");
    assert_reason(web, "/x does not answer");
}

static void destroyed_by_somebody(void **state)
{
    unsigned int db = add("db", NULL, NULL);
    unsigned int web = add_ahead("web", NULL, "db");

    (void)state;
    build_web(db, web);
    event(web, MACHINE_EV_GONE);
    assert_state(web, "stopped");
    assert_reason(web, "destroyed by another program");
}

/* A new daemon: one that has never run is built anew, without a restart. */
static void adopted(void **state)
{
    unsigned int db = add("db", NULL, NULL);
    unsigned int web = add_ahead("web", NULL, "db");
    struct machine_past past = {.state = MACHINE_BUILT, .want = true};

    (void)state;
    machine_hold(&m);
    machine_adopt(&m, web, &past, MACHINE_FOUND_BROKEN, now);
    machine_start(&m, db, now);
    machine_release(&m, now);
    assert_string_equal(acts(), "destroy! web; create db");
    event(web, MACHINE_EV_GONE);
    assert_string_equal(acts(), "create ahead web");
    assert_int_equal(m.doms[web].restarts, 0);
}

/* The old daemon ended right after the unpause, or somebody else did it. */
static void adopted_while_it_runs(void **state)
{
    unsigned int web = add_ahead("web", NULL, NULL);
    struct machine_past past = {.state = MACHINE_BUILT, .want = true};

    (void)state;
    now = 1000000;
    past.started = 1000;
    machine_adopt(&m, web, &past, MACHINE_FOUND_RUNNING, now);
    assert_state(web, "booting");
    assert_int_equal(machine_deadline(&m), now + policy(web)->start_timeout);
    assert_string_equal(acts(), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(paused_until_its_turn),
        T(built_after_its_turn),
        T(not_before_its_dependencies_have_begun),
        T(a_chain_is_built),
        T(after_those_that_can_start),
        T(its_delay_counts_after_the_dependencies),
        T(its_delay_starts_again),
        T(a_dependency_that_is_restarted),
        T(a_requirement_that_fails),
        T(a_requirement_that_is_late),
        T(stopped_at_once),
        T(the_host_goes_down),
        T(another_file),
        T(other_disks_at_the_unpause),
        T(other_disks_too_late),
        T(built_after_it_was_aborted),
        T(the_creation_ahead_fails),
        T(the_creation_ahead_leaves_something),
        T(the_creation_ahead_is_late),
        T(it_ends_before_its_turn),
        T(it_keeps_its_disks),
        T(a_path_that_does_not_answer),
        T(destroyed_by_somebody),
        T(adopted),
        T(adopted_while_it_runs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
