/* Domains that end by themselves, and the outcome. */
#include "tests/machine/steps.h"

static void crash_backs_off_and_is_held(void **state)
{
    static const msec delays[] = {1000, 2000, 4000};
    unsigned int a = add("a", NULL, NULL);
    unsigned int web = add("web", NULL, "a");
    size_t i;

    (void)state;
    machine_autostart(&m, NULL, now);
    for (i = 0; i < 3; i++) {
        assert_string_equal(acts(), "create a");
        event(a, MACHINE_EV_CREATED);
        dies(a, MACHINE_CRASH, false);
        assert_string_equal(acts(), "destroy a");
        event(a, MACHINE_EV_GONE);
        assert_state(a, "backoff");
        assert_state(web, "waiting");
        pass(delays[i] - 1);
        assert_string_equal(acts(), "");
        pass(1);
    }
    event(a, MACHINE_EV_CREATED);
    dies(a, MACHINE_CRASH, false);
    event(a, MACHINE_EV_GONE);
    assert_state(a, "held");
    assert_reason(a, "guest crashed; held after 4 failures in 600 s");
    assert_state(web, "blocked");
    assert_reason(web, "requires a, which is held");
    assert_int_equal(m.doms[a].restarts, 3);
    acts();

    /* A user repairs it: the waiting domain follows by itself. */
    assert_null(machine_start(&m, a, now));
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
    machine_start(&m, a, now);
    for (i = 0; i < 20; i++) {
        bring_up(a);
        pass(599 * 1000);
        dies(a, MACHINE_CRASH, false);
        event(a, MACHINE_EV_GONE);
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
    machine_autostart(&m, NULL, now);
    bring_up(a);
    bring_up(web);
    acts();
    dies(a, MACHINE_CRASH, false);
    event(a, MACHINE_EV_GONE);
    assert_state(a, "failed");
    /* Its dependents stop, too, and are blocked. */
    assert_string_equal(acts(), "destroy a; shutdown web");
    dies(web, MACHINE_POWEROFF, false);
    event(web, MACHINE_EV_GONE);
    assert_state(web, "blocked");
}

static void crash_leaves_the_others_alone(void **state)
{
    unsigned int a = add("a", NULL, NULL);
    unsigned int b = add("b", "a", NULL);
    unsigned int c = add("c", NULL, "a");

    (void)state;
    machine_autostart(&m, NULL, now);
    bring_up(a);
    bring_up(b);
    bring_up(c);
    dies(a, MACHINE_CRASH, false);
    event(a, MACHINE_EV_GONE);
    assert_state(a, "backoff");
    assert_state(b, "ready");
    assert_state(c, "ready");
}

static void reboot_is_no_failure(void **state)
{
    unsigned int a = add("a", NULL, NULL);
    int i;

    (void)state;
    machine_start(&m, a, now);
    for (i = 0; i < 50; i++) {
        bring_up(a);
        pass(MACHINE_BRIEF);
        dies(a, MACHINE_REBOOT, true);
        event(a, MACHINE_EV_GONE);
    }
    assert_state(a, "creating");
}

static void reboot_before_ready_is_a_loop(void **state)
{
    unsigned int a = add("a", NULL, NULL);

    (void)state;
    policy(a)->restart = RESTART_NO;
    machine_start(&m, a, now);
    event(a, MACHINE_EV_CREATED);
    dies(a, MACHINE_REBOOT, true);
    event(a, MACHINE_EV_GONE);
    assert_state(a, "backoff");
    assert_reason(a, "guest rebooted before it was ready");
}

/* The guest counts as ready early in its boot, and reboots later in it. */
static void reboots_without_end_are_a_loop(void **state)
{
    unsigned int a = add("a", NULL, NULL);
    int i;

    (void)state;
    machine_start(&m, a, now);
    for (i = 0; i < 3; i++) {
        bring_up(a);
        pass(MACHINE_BRIEF - 1);
        dies(a, MACHINE_REBOOT, true);
        event(a, MACHINE_EV_GONE);
        assert_state(a, "backoff");
        assert_reason(a, "guest rebooted 59 s after it was ready");
        acts();
        pass((msec)1000 << i);
        assert_false(last_create_is_fresh());
    }
    bring_up(a);
    dies(a, MACHINE_REBOOT, true);
    event(a, MACHINE_EV_GONE);
    assert_state(a, "held");
    assert_reason(a, "guest rebooted 0 s after it was ready; held after 4 "
                     "failures in 600 s");
}

static void poweroff_stays_off(void **state)
{
    unsigned int a = add("a", NULL, NULL);
    unsigned int web = add("web", NULL, "a");

    (void)state;
    machine_autostart(&m, NULL, now);
    bring_up(a);
    bring_up(web);
    dies(a, MACHINE_POWEROFF, false);
    event(a, MACHINE_EV_GONE);
    assert_state(a, "stopped");
    assert_reason(a, "guest powered off");
    assert_state(web, "ready");
    assert_false(m.doms[a].want);
}

static void poweroff_with_always(void **state)
{
    unsigned int a = add("a", NULL, NULL);

    (void)state;
    policy(a)->restart = RESTART_ALWAYS;
    machine_start(&m, a, now);
    bring_up(a);
    pass(MACHINE_BRIEF);
    dies(a, MACHINE_POWEROFF, false);
    event(a, MACHINE_EV_GONE);
    assert_state(a, "creating");
}

static void preserved_crash(void **state)
{
    unsigned int a = add("a", NULL, NULL);

    (void)state;
    machine_start(&m, a, now);
    bring_up(a);
    acts();
    event_full(a, MACHINE_EV_DIED, MACHINE_CRASH, false, true, NULL);
    assert_state(a, "kept");
    assert_string_equal(acts(), "");
    assert_non_null(machine_start(&m, a, now));
    assert_null(machine_stop(&m, a, now));
    assert_string_equal(acts(), "destroy a");
    event(a, MACHINE_EV_GONE);
    assert_state(a, "stopped");
}

static void results_of_an_earlier_instance_do_not_count(void **state)
{
    unsigned int a = add("a", NULL, NULL);
    struct machine_result old = {0};

    (void)state;
    machine_start(&m, a, now);
    bring_up(a);
    old.gen = m.doms[a].gen;
    pass(MACHINE_BRIEF);
    dies(a, MACHINE_REBOOT, true);
    event(a, MACHINE_EV_GONE);
    bring_up(a);
    old.death = MACHINE_CRASH;
    machine_event(&m, a, MACHINE_EV_DIED, &old, now);
    machine_event(&m, a, MACHINE_EV_GONE, &old, now);
    assert_state(a, "ready");
}

/* The state does not change, and no later reason hides the remark. */
static void device_model_ends(void **state)
{
    unsigned int a = add("a", NULL, NULL);

    (void)state;
    machine_autostart(&m, NULL, now);
    event(a, MACHINE_EV_CREATED);
    assert_string_equal(acts(), "create a");
    event_full(a, MACHINE_EV_DM_ENDED, 0, false, false, "last words");
    assert_string_equal(acts(), "remark a");
    assert_state(a, "booting");
    assert_string_equal(m.doms[a].remark,
                        "device model (QEMU) has exited: last words");
    pass(policy(a)->start_timeout);
    assert_state(a, "late");
    event(a, MACHINE_EV_READY);
    assert_state(a, "ready");
    assert_reason(a, "");
    assert_string_equal(m.doms[a].remark,
                        "device model (QEMU) has exited: last words");
    event(a, MACHINE_EV_DM_ENDED);
    assert_string_equal(
        m.doms[a].remark,
        "device model (QEMU) has exited: no reason in its log");
    acts();
    machine_restart(&m, a, now);
    dies(a, MACHINE_POWEROFF, false);
    /* The dependent stops with its requirement. */
    event(a, MACHINE_EV_DM_ENDED);
    assert_string_equal(acts(), "shutdown a; destroy a");
    event(a, MACHINE_EV_GONE);
    assert_state(a, "creating");
    assert_string_equal(m.doms[a].remark, "");
}

/* libxl reboots the guest in place. */
static void resets_count(void **state)
{
    unsigned int a = add("a", NULL, NULL);

    (void)state;
    policy(a)->restart_limit = 2;
    machine_start(&m, a, now);
    bring_up(a);
    pass(MACHINE_BRIEF);
    event(a, MACHINE_EV_RESET);
    assert_int_equal(m.doms[a].restarts, 1);
    assert_int_equal(m.doms[a].n_failures, 0);
    acts();
    pass(1000);
    event(a, MACHINE_EV_RESET);
    pass(1000);
    event(a, MACHINE_EV_RESET);
    assert_state(a, "ready");
    assert_reason(a, "");
    assert_int_equal(m.doms[a].restarts, 3);
    assert_string_equal(acts(), "");
    pass(2000);
    event(a, MACHINE_EV_RESET);
    assert_string_equal(acts(), "destroy! a");
    event(a, MACHINE_EV_GONE);
    assert_state(a, "held");
    assert_reason(a, "guest reset itself 2 s after it was ready; held after 3 "
                     "failures in 600 s");
}

static void resets_before_it_is_ready(void **state)
{
    unsigned int a = add("a", NULL, NULL);

    (void)state;
    policy(a)->restart_limit = 0;
    machine_start(&m, a, now);
    event(a, MACHINE_EV_CREATED);
    event(a, MACHINE_EV_RESET);
    event(a, MACHINE_EV_GONE);
    assert_state(a, "held");
    assert_reason(a, "guest reset itself before it was ready; held after 1 "
                     "failures in 600 s");
}

static void device_model_that_complains(void **state)
{
    unsigned int a = add("a", NULL, NULL);

    (void)state;
    machine_start(&m, a, now);
    event(a, MACHINE_EV_CREATED);
    acts();
    event_full(a, MACHINE_EV_DM_SAYS, 0, false, false, "no file");
    assert_string_equal(acts(), "remark a");
    assert_string_equal(m.doms[a].remark, "device model (QEMU): no file");
    assert_state(a, "booting");
    event_full(a, MACHINE_EV_DM_SAYS, 0, false, false, "no file");
    assert_string_equal(acts(), "");
    event(a, MACHINE_EV_READY);
    event_full(a, MACHINE_EV_DM_ENDED, 0, false, false, "the end");
    assert_string_equal(acts(), "remark a");
    assert_string_equal(m.doms[a].remark,
                        "device model (QEMU) has exited: the end");
}

/* The memory would be lost for nothing. */
static void kept_stays_if_its_file_is_wrong(void **state)
{
    unsigned int a = add("a", NULL, NULL);
    struct policy *p = policy_new("a", "some.cfg");

    (void)state;
    machine_start(&m, a, now);
    bring_up(a);
    event_full(a, MACHINE_EV_DIED, MACHINE_CRASH, false, true, NULL);
    assert_state(a, "kept");
    policy_bar(p, false, "a.cfg:2: the kernel is gone");
    machine_set_policy(&m, a, p);
    machine_link(&m, now);
    acts();
    assert_string_equal(machine_restart(&m, a, now),
                        "a.cfg:2: the kernel is gone");
    assert_state(a, "kept");
    assert_string_equal(acts(), "");
    machine_set_policy(&m, a, policy_new("a", "some.cfg"));
    machine_link(&m, now);
    assert_null(machine_restart(&m, a, now));
    assert_string_equal(acts(), "destroy a");
    event(a, MACHINE_EV_GONE);
    assert_state(a, "creating");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(device_model_that_complains),
        T(resets_count),
        T(resets_before_it_is_ready),
        T(kept_stays_if_its_file_is_wrong),
        T(crash_backs_off_and_is_held),
        T(failures_are_forgotten_after_the_window),
        T(restart_no_fails_at_once),
        T(crash_leaves_the_others_alone),
        T(reboot_is_no_failure),
        T(reboot_before_ready_is_a_loop),
        T(reboots_without_end_are_a_loop),
        T(poweroff_stays_off),
        T(poweroff_with_always),
        T(preserved_crash),
        T(results_of_an_earlier_instance_do_not_count),
        T(device_model_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
