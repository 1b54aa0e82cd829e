/* Restoring a save. */
#include "tests/hv/xl/harness.h"

#include <errno.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "hv/saved.h"
#include "tests/hv/stream_write.h"

/* The save names the disks, not the file. */
static void says_which_disks_it_writes(void **state)
{
    char *disk = saved_path(scratch, "a", ".img");
    char *json = xasprintf("a %s", disk);

    (void)state;
    put("", "memory");
    put(".json", json);
    begin_creation();
    assert_string_equal(told, "queued; resumes");
    assert_string_equal(saved_disks, disk);
    free(json);
    free(disk);
}

static void another_writes_its_disk(void **state)
{
    (void)state;
    put("", "memory");
    put(".json", "a");
    forbid = "the disk is written by b";
    hv_create(hv, 0, 1, policy, true, false);
    converts();
    spin();
    assert_string_equal(told, "queued; resumes; failed");
    assert_string_equal(why, forbid);
    assert_string_equal(asked, "");
    assert_string_equal(files(), "save json");
}

static void restored(void **state)
{
    (void)state;
    put("", "memory");
    put(".json", "a");
    begin_creation();
    assert_string_equal(told, "queued; resumes");
    assert_string_equal(files(), "save json");
    ends(0);
    /* After an end here, a successor sees that it never ran. */
    assert_string_equal(files(), "json used");
    ends(0);
    assert_string_equal(files(), "");
    assert_string_equal(asked, "restore; unpause");
    assert_string_equal(told, "queued; resumes; created");
}

static void put_stream(bool whole)
{
    struct buf stream = {0};
    char *path = saved_path(scratch, "a", "");

    stream_write(&stream);
    if (!whole) stream.len -= 8;
    assert_int_equal(write_file(path, stream.s, stream.len, 0600), 0);
    buf_dispose(&stream);
    free(path);
}

/* Memory or a bridge may be back at the next start. */
static void restore_fails(void **state)
{
    (void)state;
    put_stream(true);
    put(".json", "a");
    begin_creation();
    ends(ERROR_NOMEM);
    assert_string_equal(files(), "save json");
    assert_string_equal(asked, "restore; destroy");
    there = false;
    ends(0);
    assert_string_equal(told, "queued; resumes; failed");
    assert_string_equal(marked, "");
    told[0] = '\0';
    begin_creation();
    assert_string_equal(told, "queued; resumes");
}

static void restore_of_a_stream_that_is_cut_off(void **state)
{
    char expected[256];

    (void)state;
    put_stream(false);
    put(".json", "a");
    begin_creation();
    ends(ERROR_FAIL);
    assert_string_equal(files(), "failed failed.json");
    assert_string_equal(asked, "restore; destroy");
    snprintf(expected, sizeof(expected),
             "domain a boots instead of resuming: the save is damaged: "
             "truncated after 4232 bytes (libxl error fail); its save is kept "
             "as %s/a.save.failed",
             scratch);
    assert_string_equal(marked, expected);
}

static void saved_that_cannot_be_opened(void **state)
{
    char *path = saved_path(scratch, "a", "");

    (void)state;
    put(".json", "a");
    assert_int_equal(symlink("a.save", path), 0); /* to itself */
    hv_create(hv, 0, 1, policy, true, false);
    converts();
    spin();
    assert_string_equal(asked, "");
    assert_string_equal(told, "queued; failed");
    assert_non_null(strstr(why, "cannot open the save "));
    assert_non_null(strstr(why, strerror(ELOOP)));
    free(path);
}

static void configuration_that_cannot_be_read(void **state)
{
    char *path = saved_path(scratch, "a", ".json");

    (void)state;
    put_stream(true);
    assert_int_equal(symlink("a.save.json", path), 0);
    hv_create(hv, 0, 1, policy, true, false);
    converts();
    spin();
    assert_string_equal(asked, "");
    assert_string_equal(told, "queued; failed");
    assert_true(has(""));
    free(path);
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

static void restored_and_not_unpaused(void **state)
{
    (void)state;
    put("", "memory");
    put(".json", "a");
    begin_creation();
    ends(0);
    ends(ERROR_FAIL);
    assert_string_equal(files(), "save json");
    assert_string_equal(marked, "");
}

/* It has run for an instant. */
static void restored_and_not_unpaused_in_time(void **state)
{
    char expected[256];

    (void)state;
    put("", "memory");
    put(".json", "a");
    begin_creation();
    ends(0);
    dom.cpu_time = 1;
    ends(ERROR_FAIL);
    assert_string_equal(files(), "failed failed.json");
    snprintf(expected, sizeof(expected),
             "domain a boots instead of resuming: libxl error fail; its save "
             "is kept as %s/a.save.failed",
             scratch);
    assert_string_equal(marked, expected);
}

/* A save that keeps its name could be used twice. */
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
    assert_non_null(strstr(why, "cannot rename the save in "));
    assert_non_null(strstr(why, ": No such file"));
    free(path);
}

/* The guest has not run: the next start must find its save. */
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
    assert_non_null(strstr(why, "cannot rename the save in "));
    assert_non_null(strstr(why, ": Input/output error"));
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
    assert_non_null(strstr(marked, "the save has no configuration"));
}

/* The host went down before the guest could run. */
static void taken_and_no_domain(void **state)
{
    (void)state;
    put(".used", "memory");
    put(".json", "a");
    begin_creation();
    assert_string_equal(told, "queued; begins");
    assert_string_equal(files(), "failed failed.json");
    assert_non_null(strstr(marked, "it may have resumed from this save"));
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
    assert_non_null(strstr(marked, ".img was written after the save"));
    free(json);
    free(disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(says_which_disks_it_writes),
        T(another_writes_its_disk),
        T(restored),
        T(restore_fails),
        T(restore_is_called_off),
        T(restore_of_a_stream_that_is_cut_off),
        T(saved_that_cannot_be_opened),
        T(configuration_that_cannot_be_read),
        T(restored_and_not_unpaused),
        T(restored_and_not_unpaused_in_time),
        T(restored_and_not_renamed),
        T(restored_and_not_synced),
        T(save_without_a_configuration),
        T(taken_and_no_domain),
        T(taken_and_saved_again),
        T(disk_that_was_written_since),
    };

    return cmocka_run_group_tests(tests, scratch_make, scratch_drop);
}
