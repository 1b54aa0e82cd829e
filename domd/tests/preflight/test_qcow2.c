/* Complete images and broken ones. */
#include "tests/base/harness.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "preflight/qcow2.h"
#include "base/util.h"

static void write_big_endian(unsigned char *at, unsigned int bytes,
                             unsigned long value)
{
    while (bytes--) {
        at[bytes] = (unsigned char)value;
        value >>= 8;
    }
}

/* Creates an image of LENGTH bytes whose header needs 4096, based on BASE. */
static char *image(const char *name, size_t length, const char *base)
{
    static unsigned char data[4096];
    char *path = xasprintf("%s/%s", scratch, name);

    memset(data, 0, sizeof(data));
    memcpy(data, "QFI\xfb", 4);
    write_big_endian(data + 4, 4, 3);
    write_big_endian(data + 36, 4, 256);
    write_big_endian(data + 40, 8, 2048);
    if (base) {
        write_big_endian(data + 8, 8, 512);
        write_big_endian(data + 16, 4, strlen(base));
        memcpy(data + 512, base, strlen(base));
    }
    assert_int_equal(write_file(path, (char *)data, length, 0600), 0);
    return path;
}

static void reports(char *path, const char *expected)
{
    char *problem = qcow2_problem(path, NULL, NULL);

    if (expected) {
        assert_non_null(problem);
        assert_non_null(strstr(problem, expected));
        assert_non_null(strstr(problem, path));
    } else {
        assert_null(problem);
    }
    free(problem);
    (void)unlink(path);
    free(path);
}

static void test_whole(void **state)
{
    char *base = image("base", 4096, NULL);

    (void)state;
    reports(image("web", 4096, "base"), NULL);
    reports(image("web", 4096, base), NULL);
    reports(image("web", 4096, "nbd://server/export"), NULL);
    reports(base, NULL);
}

static void test_cut_off(void **state)
{
    (void)state;
    reports(image("web", 4095, NULL), "is truncated: it has 4095 bytes");
    reports(image("web", 40, NULL), "is truncated");
    reports(image("web", 600, "base"), "is truncated");
}

static void test_other_file(void **state)
{
    char *path = xasprintf("%s/web", scratch);

    (void)state;
    assert_int_equal(write_file(path, "text", 4, 0600), 0);
    reports(path, "is not a qcow2 image");
}

static void test_base_that_is_not_there(void **state)
{
    (void)state;
    reports(image("web", 4096, "base"), "/base does not exist");
    reports(image("web", 4096, "/none/base"), "/none/base does not exist");
}

static void test_base_that_is_cut_off(void **state)
{
    char *base = image("base", 100, NULL);

    (void)state;
    reports(image("web", 4096, "base"), "/base is truncated");
    (void)unlink(base);
    free(base);
}

static void test_circle(void **state)
{
    (void)state;
    reports(image("web", 4096, "web"), "has more than 32 backing files");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_cut_off),
        cmocka_unit_test(test_other_file),
        cmocka_unit_test(test_base_that_is_not_there),
        cmocka_unit_test(test_base_that_is_cut_off),
        cmocka_unit_test(test_circle),
    };

    return cmocka_run_group_tests(tests, scratch_make, scratch_drop);
}
