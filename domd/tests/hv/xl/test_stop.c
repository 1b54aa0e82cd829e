/* Shutting down, setting aside, destroying. */
#include "tests/hv/xl/harness.h"

static void shutdown_is_asked_for(void **state)
{
    (void)state;
    runs();
    hv_shutdown(hv, 0, 1);
    ends(0);
    assert_string_equal(asked, "shutdown");
    assert_string_equal(told, "");
    shuts_down(LIBXL_SHUTDOWN_REASON_POWEROFF);
    assert_string_equal(told, "poweroff");
}

static void power_button(void **state)
{
    (void)state;
    runs();
    hv_shutdown(hv, 0, 1);
    ends(ERROR_NOPARAVIRT);
    assert_string_equal(asked, "shutdown; power button");
    assert_string_equal(told, "");
    /* The error may come at once, and the button be missing. */
    refuse = ERROR_NOPARAVIRT;
    hv_shutdown(hv, 0, 1);
    assert_string_equal(asked,
                        "shutdown; power button; shutdown; power button");
    assert_string_equal(told, "");
    hv_shutdown(hv, 0, 1);
    refuse = ERROR_FAIL;
    ends(ERROR_NOPARAVIRT);
    assert_string_equal(told, "not asked");
    assert_string_equal(why, "libxl error fail");
}

/* The machine sets the time limit. */
static void guest_that_does_not_answer(void **state)
{
    (void)state;
    runs();
    hv_shutdown(hv, 0, 1);
    ends(ERROR_TIMEDOUT);
    assert_string_equal(asked, "shutdown");
    assert_string_equal(told, "");
}

static void guest_that_cannot_be_asked(void **state)
{
    (void)state;
    runs();
    hv_shutdown(hv, 0, 1);
    ends(ERROR_FAIL);
    assert_string_equal(told, "not asked");
}

static void dead_are_not_asked(void **state)
{
    (void)state;
    runs();
    dom.shutdown = true;
    dom.shutdown_reason = LIBXL_SHUTDOWN_REASON_CRASH;
    hv_shutdown(hv, 0, 1);
    assert_string_equal(asked, "");
    assert_string_equal(told, "poweroff");
}

/* A domain set aside belongs to somebody else at once, although the hypervisor
 * has no news. */
static void set_aside(void **state)
{
    (void)state;
    runs();
    kept.on_crash = LIBXL_ACTION_ON_SHUTDOWN_RESTART_RENAME;
    shuts_down(LIBXL_SHUTDOWN_REASON_CRASH);
    hv_destroy(hv, 0, 1);
    assert_string_equal(asked, "preserve");
    assert_string_equal(told, "crash again; gone; list");
    assert_int_equal(hv_domid(hv, 0), HV_NO_DOMID);
    assert_int_equal(watches, 0);
}

/* To the hypervisor, the next instance and the one set aside have the same
 * UUID. Trusting that would supervise the corpse. */
static void next_of_one_that_was_set_aside(void **state)
{
    struct hv_info *list;
    int n;

    (void)state;
    libxl_dominfo_init(&aside);
    aside.domid = ASIDE;
    aside.shutdown = true;
    aside.shutdown_reason = LIBXL_SHUTDOWN_REASON_CRASH;
    has_aside = true;
    begin_creation(); /* known by UUID, not yet by number */
    list = hv_list(hv, &n);
    assert_int_equal(n, 2);
    assert_string_equal(list[0].name, "a-aside");
    assert_string_equal(list[0].uuid, OTHER);
    assert_string_equal(list[1].name, "a");
    assert_string_equal(list[1].uuid, UUID);
    hv_info_free(list, n);
    /* A dead domain that keeps its name is ours. */
    dom.shutdown = true;
    dom.shutdown_reason = LIBXL_SHUTDOWN_REASON_CRASH;
    list = hv_list(hv, &n);
    assert_string_equal(list[1].uuid, UUID);
    hv_info_free(list, n);
}

static void not_set_aside(void **state)
{
    (void)state;
    runs();
    kept.on_crash = LIBXL_ACTION_ON_SHUTDOWN_RESTART_RENAME;
    shuts_down(LIBXL_SHUTDOWN_REASON_CRASH);
    refuse = ERROR_FAIL;
    hv_destroy(hv, 0, 1);
    assert_string_equal(asked, "preserve; destroy");
    assert_string_equal(told, "crash again");
}

/* libxl still tidies up after the hypervisor is done. */
static void gone_is_gone_when_libxl_has_done(void **state)
{
    (void)state;
    runs();
    hv_destroy(hv, 0, 1);
    there = false;
    (void)happens(LIBXL_EVENT_TYPE_DOMAIN_DEATH);
    spin();
    assert_string_equal(told, "");
    ends(0);
    assert_string_equal(told, "gone");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(shutdown_is_asked_for),
        T(power_button),
        T(guest_that_does_not_answer),
        T(guest_that_cannot_be_asked),
        T(dead_are_not_asked),
        T(set_aside),
        T(next_of_one_that_was_set_aside),
        T(not_set_aside),
        T(gone_is_gone_when_libxl_has_done),
    };

    return cmocka_run_group_tests(tests, scratch_make, scratch_drop);
}
