/* Files that Xen can boot, and files that it cannot. */
#include "tests/base/harness.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "preflight/kernel.h"
#include "preflight/preflight.h"
#include "base/util.h"

/* A file of LENGTH bytes that has the N bytes of MAGIC at AT. */
static char *image(size_t length, size_t at, const char *magic, size_t n)
{
    static char data[16384];
    char *path = xasprintf("%s/kernel", scratch);

    memset(data, 'x', sizeof(data));
    memcpy(data + at, magic, n);
    assert_int_equal(write_file(path, data, length, 0600), 0);
    return path;
}

#define IMAGE(length, at, magic) image(length, at, magic, sizeof(magic) - 1)

static void assert_kernel(char *path, bool kernel)
{
    char *problem = kernel_problem(path);
    char *expected =
        xasprintf("%s is no kernel that Xen can start (an ELF file or a "
                  "bzImage is expected)",
                  path);

    if (kernel)
        assert_null(problem);
    else
        assert_string_equal(problem, expected);
    (void)unlink(path);
    free(problem);
    free(expected);
    free(path);
}

static void kernels(void **state)
{
    (void)state;
    assert_kernel(IMAGE(4096, 0, "\177ELF\1\1\1"), true);
    assert_kernel(IMAGE(4, 0, "\177ELF"), true);
    assert_kernel(IMAGE(4096, 0, "\037\213\010"), true);
    assert_kernel(IMAGE(4096, 514, "HdrS"), true);
    assert_kernel(IMAGE(518, 514, "HdrS"), true);
    assert_kernel(IMAGE(16384, 8188, "\x78\xc5\x6e\x33"), true);
}

static void no_kernels(void **state)
{
    (void)state;
    assert_kernel(IMAGE(0, 0, ""), false);
    assert_kernel(IMAGE(1, 0, "\177"), false);
    assert_kernel(IMAGE(4096, 0, "<!DOCTYPE html>"), false);
    assert_kernel(IMAGE(4096, 1, "\177ELF"), false);
    assert_kernel(IMAGE(4096, 513, "HdrS"), false);
    assert_kernel(IMAGE(517, 514, "HdrS"), false);
    assert_kernel(IMAGE(16384, 8192, "\x78\xc5\x6e\x33"), false);
    /* libxenguest unpacks this within a bzImage only. */
    assert_kernel(IMAGE(4096, 0, "\3757zXZ"), false);
    assert_kernel(xstrdup("/dev"), false);
}

static void no_file(void **state)
{
    char *problem = kernel_problem("/nowhere/k");

    (void)state;
    assert_string_equal(problem, "/nowhere/k: No such file or directory");
    free(problem);
}

/* The error for a domain whose kernel is a text file. */
static void check_domain(const char *more, bool wrong)
{
    struct problems problems = {0};
    struct host host = {0};
    char *path = IMAGE(4096, 0, "no kernel");
    char *text = xasprintf("name = \"a\"\nkernel = \"%s\"\n%s\n", path, more);
    struct findings seen = {0};
    struct policy *p;
    size_t i;
    bool found = false;

    strlist_add(&host.words, "pv");
    strlist_add(&host.words, "hvm");
    strlist_add(&host.words, "hap");
    strlist_add(&host.words, HOST_DEVICE_MODEL);
    p = policy_parse(text, strlen(text), "a.cfg", &host, &problems);
    assert_non_null(p);
    preflight_look(p, &seen, NULL, NULL);
    preflight_apply(p, &seen, &problems);
    findings_dispose(&seen);
    for (i = 0; i < problems.n; i++) {
        if (strstr(problems.v[i].text, "is no kernel")) {
            found = true;
            assert_int_equal(problems.v[i].line, 2);
        }
    }
    assert_int_equal(found, wrong);
    assert_int_equal(p->bar != NULL, wrong);
    policy_free(p);
    problems_dispose(&problems);
    host_dispose(&host);
    (void)unlink(path);
    free(text);
    free(path);
}

static void domains_that_load_it(void **state)
{
    (void)state;
    check_domain("", true);
    check_domain("type = \"pv\"", true);
    check_domain("type = \"pvh\"", true);
    check_domain("type = \"pvh\"\npvshim = 0", true);
    check_domain("builder = \"generic\"", true);
}

static void domains_that_load_something_else(void **state)
{
    (void)state;
    check_domain("type = \"hvm\"", false);
    check_domain("builder = \"hvm\"", false);
    check_domain("bootloader = \"/bin/sh\"", false);
    check_domain("type = \"pvh\"\npvshim = 1", false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernels),
        cmocka_unit_test(no_kernels),
        cmocka_unit_test(no_file),
        cmocka_unit_test(domains_that_load_it),
        cmocka_unit_test(domains_that_load_something_else),
    };

    return cmocka_run_group_tests(tests, scratch_make, scratch_drop);
}
