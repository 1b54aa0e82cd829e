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

static void assert_problem(char *problem, const char *path, const char *why)
{
    char *expected = why ? xasprintf("%s %s", path, why) : NULL;

    if (expected)
        assert_string_equal(problem, expected);
    else
        assert_null(problem);
    free(problem);
    free(expected);
}

/* Whether the kernel PATH, which it removes, is one for libxl and one for
 * QEMU. */
static void assert_kernel(char *path, bool for_libxl, bool for_qemu)
{
    assert_problem(kernel_problem(path, KERNEL_FOR_LIBXL), path,
                   for_libxl ? NULL
                             : "is not a kernel that Xen can start: an ELF "
                               "file (vmlinux) or a bzImage (vmlinuz) is "
                               "needed");
    assert_problem(kernel_problem(path, KERNEL_FOR_QEMU), path,
                   for_qemu ? NULL
                            : "is not a kernel that QEMU can start: a "
                              "bzImage (vmlinuz) or a Multiboot kernel is "
                              "needed");
    (void)unlink(path);
    free(path);
}

static void kernels(void **state)
{
    (void)state;
    assert_kernel(IMAGE(4096, 0, "\177ELF\1\1\1"), true, false);
    assert_kernel(IMAGE(4, 0, "\177ELF"), true, false);
    assert_kernel(IMAGE(4096, 0, "\037\213\010"), true, false);
    assert_kernel(IMAGE(4096, 514, "HdrS"), true, true);
    assert_kernel(IMAGE(518, 514, "HdrS"), true, true);
    assert_kernel(IMAGE(16384, 8188, "\x78\xc5\x6e\x33"), true, false);
}

#define MULTIBOOT "\x02\xb0\xad\x1b"

/* Magic, flags and checksum, whose sum is 0. */
static void multiboot_kernels(void **state)
{
    (void)state;
    assert_kernel(IMAGE(4096, 0, MULTIBOOT "\3\0\0\0\xfb\x4f\x52\xe4"), false,
                  true);
    assert_kernel(IMAGE(16384, 8140, MULTIBOOT "\0\0\0\0\xfe\x4f\x52\xe4"),
                  false, true);
    assert_kernel(IMAGE(16384, 8144, MULTIBOOT "\0\0\0\0\xfe\x4f\x52\xe4"),
                  false, false);
    assert_kernel(IMAGE(4096, 2, MULTIBOOT "\0\0\0\0\xfe\x4f\x52\xe4"), false,
                  false);
    assert_kernel(IMAGE(4096, 0, MULTIBOOT "\0\0\0\0\0\0\0\0"), false, false);
    assert_kernel(IMAGE(8, 0, MULTIBOOT), false, false);
}

static void no_kernels(void **state)
{
    (void)state;
    assert_kernel(IMAGE(0, 0, ""), false, false);
    assert_kernel(IMAGE(1, 0, "\177"), false, false);
    assert_kernel(IMAGE(4096, 0, "<!DOCTYPE html>"), false, false);
    assert_kernel(IMAGE(4096, 1, "\177ELF"), false, false);
    assert_kernel(IMAGE(4096, 513, "HdrS"), false, false);
    assert_kernel(IMAGE(517, 514, "HdrS"), false, false);
    assert_kernel(IMAGE(16384, 8192, "\x78\xc5\x6e\x33"), false, false);
    /* libxenguest unpacks this within a bzImage only. */
    assert_kernel(IMAGE(4096, 0, "\3757zXZ"), false, false);
    assert_kernel(xstrdup("/dev"), false, false);
}

static void no_file(void **state)
{
    char *problem = kernel_problem("/nowhere/k", KERNEL_FOR_QEMU);

    (void)state;
    assert_string_equal(problem, "/nowhere/k: No such file or directory");
    free(problem);
}

/* The error for a domain whose kernel is a text file. WHO cannot start it;
 * NULL: nobody looks at it. */
static void check_domain(const char *more, const char *who)
{
    struct problems problems = {0};
    struct host host = {0};
    char *path = IMAGE(4096, 0, "no kernel");
    char *text = xasprintf("name = \"a\"\nkernel = \"%s\"\n%s\n", path, more);
    struct findings seen = {0};
    struct policy *p;
    size_t i;
    char *expected = who ? xasprintf(" %s can start", who) : NULL;
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
        if (strstr(problems.v[i].text, "is not a kernel")) {
            found = true;
            assert_int_equal(problems.v[i].line, 2);
            assert_true(who && strstr(problems.v[i].text, expected));
        }
    }
    assert_int_equal(found, who != NULL);
    assert_int_equal(p->bar != NULL, who != NULL);
    free(expected);
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
    check_domain("", "Xen");
    check_domain("type = \"pv\"", "Xen");
    check_domain("type = \"pvh\"", "Xen");
    check_domain("type = \"pvh\"\npvshim = 0", "Xen");
    check_domain("builder = \"generic\"", "Xen");
    check_domain("type = \"hvm\"", "QEMU");
    check_domain("builder = \"hvm\"", "QEMU");
    /* libxl calls no boot loader for an HVM guest. */
    check_domain("type = \"hvm\"\nbootloader = \"/bin/sh\"", "QEMU");
}

static void domains_that_load_something_else(void **state)
{
    (void)state;
    check_domain("bootloader = \"/bin/sh\"", NULL);
    check_domain("type = \"pvh\"\npvshim = 1", NULL);
    /* Another QEMU may start more. */
    check_domain("type = \"hvm\"\ndevice_model_override = \"/bin/sh\"", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernels),
        cmocka_unit_test(multiboot_kernels),
        cmocka_unit_test(no_kernels),
        cmocka_unit_test(no_file),
        cmocka_unit_test(domains_that_load_it),
        cmocka_unit_test(domains_that_load_something_else),
    };

    return cmocka_run_group_tests(tests, scratch_make, scratch_drop);
}
