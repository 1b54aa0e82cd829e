/* A creation from what was saved. */
#include "tests/hv/xl/harness.h"

#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "hv/saved.h"

static void restored(void **state)
{
    (void)state;
    put("", "memory");
    put(".json", "a");
    begin_creation();
    assert_string_equal(told, "queued; resumes");
    assert_string_equal(files(), "save json");
    ends(0);
    /* If we end here, a successor sees that it never ran. */
    assert_string_equal(files(), "json used");
    ends(0);
    assert_string_equal(files(), "");
    assert_string_equal(asked, "restore; unpause");
    assert_string_equal(told, "queued; resumes; created");
}

static void restore_fails(void **state)
{
    (void)state;
    put("", "memory");
    put(".json", "a");
    begin_creation();
    ends(ERROR_FAIL);
    assert_string_equal(files(), "failed failed.json");
    assert_string_equal(asked, "restore; destroy");
}

static void restore_is_called_off(void **state)
{
    (void)state;
    put("", "memory");
    put(".json", "a");
    begin_creation();
    hv_abort(hv, 0);
    ends(0);
    assert_string_equal(files(), "save json");
    assert_string_equal(asked, "restore; abort; destroy");
}

/* It may have run for an instant. */
static void restored_and_not_unpaused(void **state)
{
    char expected[256];

    (void)state;
    put("", "memory");
    put(".json", "a");
    begin_creation();
    ends(0);
    ends(ERROR_FAIL);
    assert_string_equal(files(), "failed failed.json");
    snprintf(expected, sizeof(expected),
             "domain a boots afresh: libxl says fail. "
             "What was saved is kept as %s/a.save.failed",
             scratch);
    assert_string_equal(marked, expected);
}

/* What cannot lose its name could be used twice. */
static void restored_and_not_renamed(void **state)
{
    char *path = saved_path(scratch, "a", "");

    (void)state;
    put("", "memory");
    put(".json", "a");
    begin_creation();
    assert_int_equal(unlink(path), 0);
    ends(0);
    assert_string_equal(asked, "restore; destroy");
    there = false;
    ends(0);
    assert_string_equal(told, "queued; resumes; failed");
    assert_non_null(strstr(why, "cannot be renamed: No such file"));
    free(path);
}

/* It has not gone on: the next start must find what was saved. */
static void restored_and_not_synced(void **state)
{
    (void)state;
    put("", "memory");
    put(".json", "a");
    begin_creation();
    sync_error = EIO;
    ends(0);
    sync_error = 0;
    assert_string_equal(files(), "save json");
    assert_string_equal(asked, "restore; destroy");
    there = false;
    ends(0);
    assert_string_equal(told, "queued; resumes; failed");
    assert_non_null(strstr(why, "cannot be renamed: Input/output error"));
    told[0] = '\0';
    begin_creation();
    assert_string_equal(told, "queued; resumes");
}

static void save_without_a_configuration(void **state)
{
    (void)state;
    put("", "memory");
    begin_creation();
    assert_string_equal(told, "queued; begins");
    assert_string_equal(files(), "failed");
    assert_non_null(strstr(marked, "what was saved has no configuration"));
}

/* The host went down at the wrong moment. */
static void taken_and_no_domain(void **state)
{
    (void)state;
    put(".used", "memory");
    put(".json", "a");
    begin_creation();
    assert_string_equal(told, "queued; begins");
    assert_string_equal(files(), "failed failed.json");
    assert_non_null(strstr(marked, "it may have gone on from what was saved"));
}

static void taken_and_saved_again(void **state)
{
    (void)state;
    put(".used", "memory");
    put("", "memory");
    put(".json", "a");
    begin_creation();
    assert_string_equal(told, "queued; resumes");
    assert_string_equal(files(), "save json");
}

static void disk_that_was_written_since(void **state)
{
    char *disk = saved_path(scratch, "a", ".img");
    char *json = xasprintf("a %s", disk);
    struct timeval times[2] = {{.tv_sec = 0}};

    (void)state;
    put("", "memory");
    put(".json", json);
    put(".img", "");
    times[0].tv_sec = times[1].tv_sec = time(NULL) + 30;
    assert_int_equal(utimes(disk, times), 0);
    begin_creation();
    assert_string_equal(told, "queued; resumes");
    there = false;
    ends(ERROR_ABORTED);
    assert_string_equal(files(), "failed failed.json");

    put("", "memory");
    put(".json", json);
    times[0].tv_sec = times[1].tv_sec = time(NULL) + 90;
    assert_int_equal(utimes(disk, times), 0);
    told[0] = '\0';
    begin_creation();
    assert_string_equal(told, "queued; begins");
    assert_string_equal(files(), "failed failed.json");
    assert_non_null(strstr(marked, ".img was written after it was saved"));
    free(json);
    free(disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(restored),
        T(restore_fails),
        T(restore_is_called_off),
        T(restored_and_not_unpaused),
        T(restored_and_not_renamed),
        T(restored_and_not_synced),
        T(save_without_a_configuration),
        T(taken_and_no_domain),
        T(taken_and_saved_again),
        T(disk_that_was_written_since),
    };

    return cmocka_run_group_tests(tests, scratch_make, scratch_drop);
}
