/* Saving an instance. */
#include "tests/hv/xl/harness.h"

#include <errno.h>

/* Begins a save and suspends the guest. */
static void begin_save(void)
{
    runs();
    hv_save(hv, 0, 1, scratch);
    assert_string_equal(asked, "suspend");
    shuts_down(LIBXL_SHUTDOWN_REASON_SUSPEND);
    assert_string_equal(told, "");
    assert_string_equal(files(), "json part");
}

static void saved(void **state)
{
    (void)state;
    begin_save();
    ends(0);
    assert_string_equal(asked, "suspend; sync");
    /* It has not reached the disk yet. */
    assert_string_equal(told, "");
    assert_string_equal(files(), "json part");
    xl_ends(0);
    assert_string_equal(told, "saved");
    assert_string_equal(files(), "save json");
}

/* A later death is still seen. */
static void not_saved(void **state)
{
    (void)state;
    begin_save();
    assert_int_equal(watches, 1);
    ends(ERROR_FAIL);
    assert_string_equal(asked, "suspend; resume");
    assert_string_equal(told, "");
    dom.shutdown = false;
    ends(0);
    assert_string_equal(told, "not saved");
    assert_string_equal(why, "libxl error fail");
    assert_false(has("") || has(".part"));
    shuts_down(LIBXL_SHUTDOWN_REASON_CRASH);
    assert_string_equal(told, "not saved; crash");
}

static void not_saved_and_not_resumed(void **state)
{
    (void)state;
    begin_save();
    refuse = ERROR_FAIL;
    ends(ERROR_FAIL);
    assert_string_equal(asked, "suspend; resume");
    assert_string_equal(told, "not saved");
}

static void not_on_the_disk(void **state)
{
    (void)state;
    begin_save();
    ends(0);
    xl_ends(1 << 8);
    assert_string_equal(asked, "suspend; sync; resume");
    ends(0);
    assert_string_equal(told, "not saved");
    assert_string_equal(why, "cannot sync the save to the disk: aborted");
    assert_false(has("") || has(".part"));
}

/* A power cut could lose the name. */
static void name_that_is_not_on_the_disk(void **state)
{
    (void)state;
    begin_save();
    ends(0);
    sync_error = EIO;
    xl_ends(0);
    sync_error = 0;
    assert_string_equal(asked, "suspend; sync; resume");
    ends(0);
    assert_string_equal(told, "not saved");
    assert_non_null(strstr(why, "cannot rename "));
    assert_non_null(strstr(why, "/a.save.part to a.save: "));
    assert_false(has("") || has(".part"));
}

static void guest_that_does_not_sleep(void **state)
{
    (void)state;
    runs();
    hv_save(hv, 0, 1, scratch);
    hv_abort(hv, 0);
    assert_string_equal(asked, "suspend; abort");
    ends(ERROR_ABORTED);
    assert_string_equal(asked, "suspend; abort");
    assert_string_equal(told, "not saved");
    assert_false(has("") || has(".part"));
}

static void save_that_does_not_begin(void **state)
{
    (void)state;
    runs();
    refuse = ERROR_FAIL;
    hv_save(hv, 0, 1, scratch);
    assert_string_equal(told, "not saved");
    assert_false(has("") || has(".part"));
}

static void no_save_into_memory(void **state)
{
    (void)state;
    runs();
    fs_type = 0x858458f6; /* ramfs */
    hv_save(hv, 0, 1, scratch);
    assert_string_equal(asked, "");
    assert_string_equal(told, "not saved");
    assert_string_equal(files(), "");
}

static void no_save_without_room(void **state)
{
    (void)state;
    runs();
    dom.current_memkb = (uint64_t)4096 * 1024;
    hv_save(hv, 0, 1, scratch);
    assert_string_equal(told, "not saved");
    assert_non_null(strstr(why, "has 4096 MiB free, but 4128 MiB are needed"));
}

/* A dead domain must not be resumed. */
static void dies_while_it_is_saved(void **state)
{
    (void)state;
    begin_save();
    shuts_down(LIBXL_SHUTDOWN_REASON_CRASH);
    assert_string_equal(told, "crash");
    ends(ERROR_FAIL);
    assert_string_equal(asked, "suspend");
    assert_string_equal(told, "crash; not saved");
}

/* The death is reported after the save, which uses the slot. */
static void goes_while_it_is_saved(void **state)
{
    (void)state;
    begin_save();
    there = false;
    (void)happens(LIBXL_EVENT_TYPE_DOMAIN_DEATH);
    spin();
    assert_string_equal(told, "");
    ends(ERROR_FAIL);
    assert_string_equal(asked, "suspend");
    assert_string_equal(told, "gone; not saved");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(saved),
        T(not_saved),
        T(not_saved_and_not_resumed),
        T(not_on_the_disk),
        T(name_that_is_not_on_the_disk),
        T(guest_that_does_not_sleep),
        T(save_that_does_not_begin),
        T(no_save_into_memory),
        T(no_save_without_room),
        T(dies_while_it_is_saved),
        T(goes_while_it_is_saved),
    };

    return cmocka_run_group_tests(tests, scratch_make, scratch_drop);
}
