/* Domain files that are invalid, change, vanish and return. */
#include "tests/machine/steps.h"

/* The caller reads the file again while it holds the machine. */
static void file_that_changes_before_the_start(void **state)
{
    unsigned int a = add("a", NULL, NULL);
    struct policy *p = policy_new("a", "some.cfg");

    (void)state;
    policy(a)->start_delay = 3000;
    machine_start(&m, a, now);
    pass(3000);
    assert_string_equal(acts(), "create a");
    machine_hold(&m);
    event(a, MACHINE_EV_FILE_CHANGED);
    assert_state(a, "waiting");
    policy_bar(p, false, "wrong");
    machine_set_policy(&m, a, p);
    machine_link(&m, now);
    machine_release(&m, now);
    assert_state(a, "failed");
    assert_reason(a, "wrong");
    assert_string_equal(acts(), "");

    p = policy_new("a", "some.cfg");
    p->start_delay = 3000;
    machine_set_policy(&m, a, p);
    machine_link(&m, now);
    machine_start(&m, a, now);
    pass(3000);
    acts();
    event(a, MACHINE_EV_FILE_CHANGED);
    /* The delay has passed already, and this was no failure. */
    assert_string_equal(acts(), "create a");
    assert_int_equal(m.doms[a].n_failures, 0);
    machine_stop(&m, a, now);
    event(a, MACHINE_EV_FILE_CHANGED);
    assert_state(a, "stopped");
}

static void barred_ones_say_why(void **state)
{
    struct policy *p = policy_new("win", "win.cfg");
    unsigned int win;
    unsigned int web = add("web", NULL, "win");

    (void)state;
    policy_bar(p, true, "needs hvm, which this host lacks");
    win = machine_add(&m, p);
    machine_link(&m, now);
    machine_autostart(&m, NULL, now);
    assert_state(win, "skipped");
    assert_state(web, "blocked");
    assert_reason(web, "requires win, which is skipped");
    assert_string_equal(machine_start(&m, win, now),
                        "needs hvm, which this host lacks");
    /* The file is fixed. */
    machine_set_policy(&m, win, policy_new("win", "win.cfg"));
    machine_link(&m, now);
    assert_state(win, "stopped");
}

/* A domain whose files do not answer waits for them, whatever starts it. */
static void held_until_its_files_answer(void **state)
{
    unsigned int nas = add("nas", NULL, NULL);
    unsigned int web = add("web", NULL, "nas");

    (void)state;
    policy(nas)->hold = xstrdup("disk: /n does not answer");
    machine_autostart(&m, NULL, now);
    assert_state(nas, "blocked");
    assert_reason(nas, "disk: /n does not answer");
    assert_reason(web, "requires nas, which is blocked");
    assert_null(machine_start(&m, nas, now));
    assert_string_equal(acts(), "");
    machine_set_policy(&m, nas, policy_new("nas", "some.cfg"));
    machine_link(&m, now);
    assert_string_equal(acts(), "create nas");
    bring_up(nas);
    bring_up(web);
    acts();
    /* A running domain is not stopped for a start that cannot follow. */
    policy(nas)->hold = xstrdup("disk: /n does not answer");
    machine_link(&m, now);
    assert_state(nas, "ready");
    assert_string_equal(machine_restart(&m, nas, now),
                        "disk: /n does not answer");
    assert_string_equal(acts(), "");
    assert_state(nas, "ready");
    /* A reboot opens the same files again. */
    pass(MACHINE_BRIEF);
    dies(nas, MACHINE_REBOOT, true);
    event(nas, MACHINE_EV_GONE);
    assert_state(nas, "blocked");
    assert_string_equal(acts(), "destroy nas");
    machine_set_policy(&m, nas, policy_new("nas", "some.cfg"));
    machine_link(&m, now);
    assert_string_equal(acts(), "create nas");
}

/* A file that has become invalid bars starts from it. */
static void barred_while_it_runs(void **state)
{
    unsigned int a = add("a", NULL, NULL);
    unsigned int b = add("b", NULL, "a");

    (void)state;
    machine_autostart(&m, NULL, now);
    bring_up(a);
    bring_up(b);
    policy_bar(policy(b), false, "wrong");
    machine_link(&m, now);
    assert_state(b, "ready");
    pass(MACHINE_BRIEF);
    dies(b, MACHINE_REBOOT, true);
    event(b, MACHINE_EV_GONE);
    bring_up(b);
    machine_restart(&m, a, now);
    dies(b, MACHINE_POWEROFF, false);
    event(b, MACHINE_EV_GONE);
    assert_state(b, "failed");
    assert_reason(b, "wrong");
}

/* An error in the file of a stopped domain stops no running one. */
static void a_wrong_file_stops_nobody(void **state)
{
    unsigned int db = add("db", NULL, NULL);
    unsigned int web = add("web", NULL, "db");

    (void)state;
    machine_autostart(&m, NULL, now);
    bring_up(db);
    bring_up(web);
    dies(db, MACHINE_POWEROFF, false);
    event(db, MACHINE_EV_GONE);
    policy_bar(policy(db), false, "wrong");
    machine_link(&m, now);
    assert_state(db, "failed");
    assert_state(web, "ready");
}

static void removed_from_the_configuration(void **state)
{
    unsigned int a = add("a", NULL, NULL);

    (void)state;
    machine_start(&m, a, now);
    bring_up(a);
    machine_unlist(&m, a);
    machine_link(&m, now);
    assert_state(a, "ready");
    dies(a, MACHINE_CRASH, false);
    event(a, MACHINE_EV_GONE);
    assert_state(a, "stopped");
    machine_forget(&m, a);
    assert_int_equal(machine_find(&m, "a"), -1);
    assert_int_equal(add("b", NULL, NULL), a);
}

/* The file was missing once. */
static void back_in_the_configuration(void **state)
{
    unsigned int a = add("a", NULL, NULL);

    (void)state;
    machine_start(&m, a, now);
    bring_up(a);
    machine_unlist(&m, a);
    machine_link(&m, now);
    machine_set_policy(&m, a, policy_new("a", "some.cfg"));
    machine_link(&m, now);
    dies(a, MACHINE_CRASH, false);
    event(a, MACHINE_EV_GONE);
    assert_state(a, "backoff");
    /* Without its file it does not start. */
    machine_unlist(&m, a);
    machine_link(&m, now);
    assert_state(a, "stopped");
    assert_false(m.doms[a].want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(file_that_changes_before_the_start),
        T(barred_ones_say_why),
        T(held_until_its_files_answer),
        T(barred_while_it_runs),
        T(a_wrong_file_stops_nobody),
        T(removed_from_the_configuration),
        T(back_in_the_configuration),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
