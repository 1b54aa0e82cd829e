/* The last complaint of a device model. */
#include "tests/base/harness.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hv/xl/dmlog.h"
#include "base/util.h"

static char *complaint(const char *text, time_t since)
{
    char *path = xasprintf("%s/qemu-dm-web.log", scratch);
    char *said;

    if (text) assert_int_equal(write_file(path, text, strlen(text), 0644), 0);
    said = dmlog_complaint(scratch, "web", since);
    (void)unlink(path);
    free(path);
    return said;
}

static void is(const char *text, const char *expected)
{
    char *said = complaint(text, 0);

    if (expected)
        assert_string_equal(said, expected);
    else
        assert_null(said);
    free(said);
}

static void test_last_one(void **state)
{
    (void)state;
    is("char device redirected to /dev/pts/1 (label serial0)\n"
       "qemu-system-i386: the first\n"
       "qemu-system-i386: -drive file=/x: Could not open backing file\r\n",
       "-drive file=/x: Could not open backing file");
}

static void test_without_the_name_of_the_program(void **state)
{
    (void)state;
    is("rom: file linuxboot_dma.bin   : error Failed to open file\n"
       "VNC server running on 127.0.0.1:5900\n",
       "rom: file linuxboot_dma.bin   : error Failed to open file");
    is("Could not open option rom 'x.bin': No such file or directory\n",
       "Could not open option rom 'x.bin': No such file or directory");
}

/* The loader of kernels writes without QEMU's functions for messages. */
static void test_short_name_of_the_program(void **state)
{
    (void)state;
    is("qemu: linux kernel too old to load a ram disk\n",
       "linux kernel too old to load a ram disk");
    is("qemu: could not load kernel '/x': Success\n"
       "qemu: warning: a CPU without a feature\n",
       "could not load kernel '/x': Success");
    is("about qemu: nothing\n", NULL);
}

static void test_usual_lines_are_none(void **state)
{
    (void)state;
    is("qemu-system-i386: failed to create 'console' device '0': declining to "
       "handle console type 'xenconsoled'\n"
       "qemu-system-i386: warning: a CPU without a feature\n"
       "qemu-system-i386: terminating on signal 1 from pid 7\n",
       NULL);
    is("", NULL);
    is(NULL, NULL);
}

static void test_old_log_is_not_read(void **state)
{
    (void)state;
    assert_null(complaint("qemu-system-i386: it failed\n", time(NULL) + 100));
}

static void last_words_are(const char *text, const char *expected)
{
    char *path = xasprintf("%s/qemu-dm-web.log", scratch);
    char *said;

    if (text) assert_int_equal(write_file(path, text, strlen(text), 0644), 0);
    said = dmlog_last_words(scratch, "web");
    if (expected)
        assert_string_equal(said, expected);
    else
        assert_null(said);
    free(said);
    (void)unlink(path);
    free(path);
}

/* A signal is no complaint, but tells why QEMU ended. */
static void test_last_words(void **state)
{
    (void)state;
    last_words_are(
        "qemu-system-i386: a complaint\n"
        "qemu-system-i386: terminating on signal 15 from pid 7 (sh)\n",
        "terminating on signal 15 from pid 7 (sh)");
    last_words_are("Assertion failed: x (../hw/x.c: f: 7)\nVNC server\n",
                   "Assertion failed: x (../hw/x.c: f: 7)");
    last_words_are("qemu: invalid kernel header\n", "invalid kernel header");
    last_words_are("qemu-system-i386: warning: a CPU without a feature\n"
                   "char device redirected to /dev/pts/1 (label serial0)\n",
                   NULL);
    last_words_are(NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_last_one),
        cmocka_unit_test(test_without_the_name_of_the_program),
        cmocka_unit_test(test_short_name_of_the_program),
        cmocka_unit_test(test_usual_lines_are_none),
        cmocka_unit_test(test_old_log_is_not_read),
        cmocka_unit_test(test_last_words),
    };

    return cmocka_run_group_tests(tests, scratch_make, scratch_drop);
}
