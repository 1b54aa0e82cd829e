/* A soft reset. */
#include "tests/hv/xl/harness.h"

/* Begins a reset, up to the call of libxl. */
static void begin_reset(void)
{
    runs();
    kept.on_soft_reset = LIBXL_ACTION_ON_SHUTDOWN_SOFT_RESET;
    shuts_down(LIBXL_SHUTDOWN_REASON_SOFT_RESET);
    assert_string_equal(asked, "reset");
    assert_string_equal(told, "reset");
    told[0] = '\0';
}

/* The machine counts it, and its next end is seen. */
static void soft_reset(void **state)
{
    (void)state;
    begin_reset();
    ends(0);
    assert_string_equal(asked, "reset; unpause");
    dom.shutdown = false;
    ends(0);
    assert_string_equal(told, "");
    assert_int_equal(watches, 1);
    shuts_down(LIBXL_SHUTDOWN_REASON_CRASH);
    assert_string_equal(told, "crash");
}

static void soft_reset_that_does_not_begin(void **state)
{
    (void)state;
    runs();
    kept.on_soft_reset = LIBXL_ACTION_ON_SHUTDOWN_SOFT_RESET;
    refuse = ERROR_FAIL;
    shuts_down(LIBXL_SHUTDOWN_REASON_SOFT_RESET);
    assert_string_equal(told, "reset; crash");
}

static void soft_reset_that_fails(void **state)
{
    (void)state;
    begin_reset();
    ends(ERROR_FAIL);
    assert_string_equal(asked, "reset");
    assert_string_equal(told, "crash");
    hv_destroy(hv, 0, 1);
    assert_string_equal(asked, "reset; destroy");
}

static void soft_reset_that_leaves_nothing(void **state)
{
    (void)state;
    begin_reset();
    there = false;
    (void)happens(LIBXL_EVENT_TYPE_DOMAIN_DEATH);
    spin();
    assert_string_equal(told, "");
    ends(ERROR_FAIL);
    assert_string_equal(told, "gone");
}

/* libxl uses the slot until the reset has ended. */
static void stop_during_a_soft_reset(void **state)
{
    (void)state;
    begin_reset();
    hv_shutdown(hv, 0, 1);
    assert_string_equal(asked, "reset");
    ends(0);
    hv_save(hv, 0, 1, scratch);
    assert_string_equal(told, "not saved");
    assert_string_equal(why, "guest is being reset");
    dom.shutdown = false;
    ends(0);
    assert_string_equal(asked, "reset; unpause; shutdown");
}

static void removal_during_a_soft_reset(void **state)
{
    (void)state;
    begin_reset();
    hv_destroy(hv, 0, 1);
    assert_string_equal(asked, "reset; abort");
    ends(ERROR_ABORTED);
    assert_string_equal(asked, "reset; abort; destroy");
    assert_string_equal(told, "");
}

/* A domain being stopped is not reset. */
static void soft_reset_during_a_stop(void **state)
{
    (void)state;
    runs();
    kept.on_soft_reset = LIBXL_ACTION_ON_SHUTDOWN_SOFT_RESET;
    hv_shutdown(hv, 0, 1);
    shuts_down(LIBXL_SHUTDOWN_REASON_SOFT_RESET);
    assert_string_equal(asked, "shutdown");
    assert_string_equal(told, "reboot");
}

/* The state machine refuses another reset. */
static void soft_reset_that_is_one_too_many(void **state)
{
    (void)state;
    runs();
    kept.on_soft_reset = LIBXL_ACTION_ON_SHUTDOWN_SOFT_RESET;
    no_more_resets = true;
    shuts_down(LIBXL_SHUTDOWN_REASON_SOFT_RESET);
    assert_string_equal(told, "reset");
    assert_string_equal(asked, "destroy");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(soft_reset),
        T(soft_reset_that_does_not_begin),
        T(soft_reset_that_fails),
        T(soft_reset_that_leaves_nothing),
        T(stop_during_a_soft_reset),
        T(removal_during_a_soft_reset),
        T(soft_reset_during_a_stop),
        T(soft_reset_that_is_one_too_many),
    };

    return cmocka_run_group_tests(tests, scratch_make, scratch_drop);
}
