/* Start order: dependencies, priorities, delays, disks. */
#include "tests/machine/steps.h"

static void chain_starts_in_order(void **state)
{
    unsigned int web = add("web", NULL, "db");
    unsigned int db = add("db", "net", NULL);
    unsigned int net = add("net", NULL, NULL);

    (void)state;
    machine_autostart(&m, NULL, now);
    assert_string_equal(acts(), "create net");
    bring_up(net);
    assert_string_equal(acts(), "create db");
    event(db, MACHINE_EV_CREATED);
    assert_string_equal(acts(), "");
    event(db, MACHINE_EV_READY);
    assert_string_equal(acts(), "create web");
    bring_up(web);
    assert_int_equal(machine_deadline(&m), MACHINE_NEVER);
}

static void names_may_come_later(void **state)
{
    unsigned int web = add("web", NULL, "db");

    (void)state;
    add("db", NULL, NULL);
    assert_null(machine_start(&m, web, now));
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
    machine_autostart(&m, NULL, now);
    assert_string_equal(acts(), "create c; create b");
    assert_state(a, "waiting");
    event(b, MACHINE_EV_CREATED);
    assert_string_equal(acts(), "create a");
}

static void start_delay_counts_after_the_dependencies(void **state)
{
    unsigned int db = add("db", NULL, NULL);
    unsigned int web = add("web", "db", NULL);

    (void)state;
    policy(web)->start_delay = 3000;
    machine_autostart(&m, NULL, now);
    pass(5000);
    bring_up(db);
    assert_string_equal(acts(), "create db");
    assert_state(web, "delay");
    pass(2999);
    assert_state(web, "delay");
    pass(1);
    assert_string_equal(acts(), "create web");
}

/* The delay starts again when a requirement stops and comes back. */
static void start_delay_counts_from_the_last_time(void **state)
{
    unsigned int db = add("db", NULL, NULL);
    unsigned int web = add("web", NULL, "db");

    (void)state;
    policy(web)->start_delay = 3000;
    machine_autostart(&m, NULL, now);
    bring_up(db);
    assert_state(web, "delay");
    pass(1000);
    dies(db, MACHINE_CRASH, false);
    event(db, MACHINE_EV_GONE);
    pass(2000);
    assert_state(web, "waiting");
    bring_up(db);
    assert_state(web, "delay");
}

/* A reboot does not repeat start_delay. */
static void reboot_needs_no_start_delay(void **state)
{
    unsigned int a = add("a", NULL, NULL);

    (void)state;
    policy(a)->start_delay = 3000;
    machine_start(&m, a, now);
    pass(3000);
    bring_up(a);
    pass(MACHINE_BRIEF);
    dies(a, MACHINE_REBOOT, true);
    event(a, MACHINE_EV_GONE);
    assert_state(a, "creating");
}

/* Many paths lead from the top to the bottom; each domain is visited once. */
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
            last[k] = machine_add(&m, p);
        }
    }
    machine_link(&m, now);
    assert_null(machine_start(&m, last[0], now));
    assert_string_equal(acts(), "create d0-0; create d0-1");
    assert_state(last[0], "waiting");
    assert_state(last[1], "stopped");
    assert_null(machine_stop(&m, 0, now));
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
    machine_autostart(&m, &only, now);
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
    machine_autostart(&m, &none, now);
    assert_state(a, "stopped");
}

static void no_two_writers(void **state)
{
    unsigned int a = add("a", NULL, NULL);
    unsigned int b = add("b", NULL, NULL);

    (void)state;
    strlist_add(&policy(a)->writes, "/dev/x");
    strlist_add(&policy(b)->writes, "/dev/x");
    machine_autostart(&m, NULL, now);
    assert_string_equal(acts(), "create a");
    assert_state(b, "blocked");
    assert_reason(b, "disk /dev/x is in use by domain a");
    bring_up(a);
    dies(a, MACHINE_POWEROFF, false);
    assert_state(b, "blocked");
    event(a, MACHINE_EV_GONE);
    assert_state(b, "creating");
}

/* The disks of the instance count, whatever the file says now. */
static void writes_what_it_was_started_with(void **state)
{
    unsigned int a = add("a", NULL, NULL);
    unsigned int b = add("b", NULL, NULL);
    struct policy *p;

    (void)state;
    strlist_add(&policy(a)->writes, "/dev/x");
    strlist_add(&policy(b)->writes, "/dev/x");
    machine_start(&m, a, now);
    bring_up(a);
    p = policy_new("a", "some.cfg");
    strlist_add(&p->writes, "/dev/y");
    machine_set_policy(&m, a, p);
    machine_link(&m, now);
    machine_start(&m, b, now);
    assert_state(b, "blocked");
    assert_reason(b, "disk /dev/x is in use by domain a");
    /* A reboot keeps them, a stop does not. */
    pass(MACHINE_BRIEF);
    dies(a, MACHINE_REBOOT, true);
    event(a, MACHINE_EV_GONE);
    assert_state(a, "creating");
    assert_state(b, "blocked");
    event(a, MACHINE_EV_CREATED);
    acts();
    machine_restart(&m, a, now);
    event(a, MACHINE_EV_GONE);
    assert_string_equal(acts(), "shutdown a; create a; create b");
}

/* A domain started by hand blocks others, which see it at once. */
static void by_hand_blocks_at_once(void **state)
{
    unsigned int db = add("db", NULL, NULL);
    unsigned int web = add("web", NULL, "db");

    (void)state;
    m.max_creating = 1;
    add("other", NULL, NULL);
    policy(db)->priority = 1;
    machine_autostart(&m, NULL, now);
    assert_state(db, "waiting");
    machine_adopt_by_hand(&m, db, now);
    assert_state(web, "blocked");
    assert_reason(web, "requires db, which is by-hand");
}

/* An unwanted domain needs nothing. */
static void stopped_while_it_is_blocked(void **state)
{
    unsigned int db = add("db", NULL, NULL);
    unsigned int web = add("web", NULL, "db");

    (void)state;
    policy_bar(policy(db), false, "for a test");
    machine_link(&m, now);
    machine_start(&m, web, now);
    assert_state(web, "blocked");
    assert_reason(web, "requires db, which is failed");
    machine_stop(&m, web, now);
    assert_state(web, "stopped");
    assert_reason(web, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(stopped_while_it_is_blocked),
        T(chain_starts_in_order),
        T(names_may_come_later),
        T(priority_and_bound),
        T(start_delay_counts_after_the_dependencies),
        T(start_delay_counts_from_the_last_time),
        T(reboot_needs_no_start_delay),
        T(diamonds),
        T(autostart_selection),
        T(autostart_none),
        T(no_two_writers),
        T(writes_what_it_was_started_with),
        T(by_hand_blocks_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
