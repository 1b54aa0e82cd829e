/* The core dump of an instance that crashed. */
#include "hv_xl_harness.h"

/* The dead are there until all is written. */
static void core_dump(void **state)
{
    (void)state;
    runs();
    kept.on_crash = LIBXL_ACTION_ON_SHUTDOWN_COREDUMP_DESTROY;
    shuts_down(LIBXL_SHUTDOWN_REASON_CRASH);
    hv_destroy(hv, 0, 1);
    spin();
    assert_string_equal(asked, "dump-core");
    armed = true;
    shuts_down(LIBXL_SHUTDOWN_REASON_CRASH); /* no news */
    xl_ends(0);
    assert_string_equal(asked, "dump-core; destroy");
    assert_string_equal(told, "crash");
    ends(ERROR_FAIL);
    assert_string_equal(told, "crash; not destroyed");
    hv_destroy(hv, 0, 1); /* tried again, but not written again */
    assert_string_equal(asked, "dump-core; destroy; destroy");
    there = false;
    ends(0);
    assert_string_equal(told, "crash; not destroyed; gone");
    assert_string_equal(logged, "");
}

static void core_dump_that_fails(void **state)
{
    (void)state;
    runs();
    kept.on_crash = LIBXL_ACTION_ON_SHUTDOWN_COREDUMP_DESTROY;
    shuts_down(LIBXL_SHUTDOWN_REASON_CRASH);
    hv_destroy(hv, 0, 1);
    xl_ends(1 << 8);
    assert_string_equal(asked, "dump-core; destroy");
    assert_string_equal(logged, "a: no core dump: xl failed");
}

static void no_core_dump_into_memory(void **state)
{
    (void)state;
    runs();
    kept.on_crash = LIBXL_ACTION_ON_SHUTDOWN_COREDUMP_DESTROY;
    shuts_down(LIBXL_SHUTDOWN_REASON_CRASH);
    fs_type = 0x01021994; /* tmpfs */
    hv_destroy(hv, 0, 1);
    assert_string_equal(asked, "destroy");
    assert_non_null(strstr(logged, "is in memory, not on a disk"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(core_dump),
        T(core_dump_that_fails),
        T(no_core_dump_into_memory),
    };

    return cmocka_run_group_tests(tests, scratch_make, scratch_drop);
}
