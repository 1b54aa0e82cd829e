/* The core dump of an instance that crashed. */
#include "tests/hv/xl/harness.h"

#include <unistd.h>

/* The path of a's dump or partial dump. The caller frees it. */
static char *dump_path(const char *suffix)
{
    return xasprintf("%s/a%s", scratch, suffix);
}

/* Writes MB MiB of one letter, which identifies the dump. */
static void write_dump(const char *suffix, char letter, size_t mb)
{
    char *path = dump_path(suffix);
    size_t len = mb << 20;
    char *data = malloc(len);

    memset(data, letter, len);
    assert_int_equal(write_file(path, data, len, 0600), 0);
    free(data);
    free(path);
}

/* The dump's letter; 0: no dump. */
static char dump_of(const char *suffix)
{
    char *path = dump_path(suffix);
    FILE *file = fopen(path, "r");
    int c = file ? fgetc(file) : 0;

    if (file) fclose(file);
    free(path);
    return (char)c;
}

static int remove_dumps(void **state)
{
    char *part = dump_path("~part");
    char *path = dump_path("");

    unlink(part);
    unlink(path);
    free(part);
    free(path);
    return teardown(state);
}

/* Crashes the guest and asks for its removal. */
static void crashes(void)
{
    runs();
    kept.on_crash = LIBXL_ACTION_ON_SHUTDOWN_COREDUMP_DESTROY;
    shuts_down(LIBXL_SHUTDOWN_REASON_CRASH);
    hv_destroy(hv, 0, 1);
}

/* The dead domain is kept until the dump is written. */
static void core_dump(void **state)
{
    (void)state;
    crashes();
    spin();
    assert_string_equal(asked, "dump-core");
    armed = true;
    shuts_down(LIBXL_SHUTDOWN_REASON_CRASH); /* not news */
    write_dump("~part", 'n', 1);
    xl_ends(0);
    assert_string_equal(asked, "dump-core; destroy");
    assert_string_equal(told, "crash");
    ends(ERROR_FAIL);
    assert_string_equal(told, "crash; not destroyed");
    hv_destroy(hv, 0, 1); /* retried without a dump */
    assert_string_equal(asked, "dump-core; destroy; destroy");
    there = false;
    ends(0);
    assert_string_equal(told, "crash; not destroyed; gone");
    assert_string_equal(logged, "");
}

static void core_dump_that_fails(void **state)
{
    (void)state;
    crashes();
    xl_ends(1 << 8);
    assert_string_equal(asked, "dump-core; destroy");
    assert_string_equal(logged, "a: no core dump: xl dump-core failed");
}

static void no_core_dump_into_memory(void **state)
{
    (void)state;
    fs_type = 0x01021994; /* tmpfs */
    crashes();
    assert_string_equal(asked, "destroy");
    assert_non_null(strstr(logged, "is in memory, not on a disk"));
}

/* A partial dump must not pass for one, nor replace the last. */
static void core_dump_has_its_name_when_it_is_whole(void **state)
{
    char *part = dump_path("~part");

    (void)state;
    write_dump("", 'o', 1);
    crashes();
    assert_string_equal(dump_to, part);
    write_dump("~part", 'n', 1);
    assert_int_equal(dump_of(""), 'o');
    xl_ends(0);
    assert_int_equal(dump_of(""), 'n');
    assert_int_equal(dump_of("~part"), 0);
    free(part);
}

static void half_a_core_dump_goes(void **state)
{
    (void)state;
    write_dump("", 'o', 1);
    crashes();
    write_dump("~part", 'n', 1);
    xl_ends(1 << 8);
    assert_int_equal(dump_of(""), 'o');
    assert_int_equal(dump_of("~part"), 0);
}

static void core_dump_that_cannot_be_named(void **state)
{
    (void)state;
    crashes();
    xl_ends(0); /* without writing anything */
    assert_string_equal(asked, "dump-core; destroy");
    assert_non_null(strstr(logged, "a: no core dump: "));
    assert_non_null(strstr(logged, "/a: No such file or directory"));
}

/* The dump was interrupted. */
static void half_a_core_dump_takes_no_room(void **state)
{
    (void)state;
    write_dump("~part", 'h', 2);
    fs_mb = 64 + 32;
    crashes();
    assert_string_equal(asked, "dump-core");
    assert_int_equal(dump_of("~part"), 0);
}

static void earlier_core_dump_makes_room(void **state)
{
    (void)state;
    write_dump("", 'o', 2);
    fs_mb = 64 + 32;
    crashes();
    assert_string_equal(asked, "dump-core");
    assert_int_equal(dump_of(""), 0);
}

static void earlier_core_dump_would_not_do(void **state)
{
    (void)state;
    write_dump("", 'o', 2);
    fs_mb = 64 + 32 - 1;
    crashes();
    assert_string_equal(asked, "destroy");
    assert_non_null(strstr(logged, "has 93 MiB free, but 96 MiB are needed"));
    assert_int_equal(dump_of(""), 'o');
}

#define D(f) cmocka_unit_test_setup_teardown(f, setup, remove_dumps)

int main(void)
{
    const struct CMUnitTest tests[] = {
        D(core_dump),
        D(core_dump_that_fails),
        D(no_core_dump_into_memory),
        D(core_dump_has_its_name_when_it_is_whole),
        D(half_a_core_dump_goes),
        D(core_dump_that_cannot_be_named),
        D(half_a_core_dump_takes_no_room),
        D(earlier_core_dump_makes_room),
        D(earlier_core_dump_would_not_do),
    };

    return cmocka_run_group_tests(tests, scratch_make, scratch_drop);
}
