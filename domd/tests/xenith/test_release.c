/* What `xenith version` reads and prints. */
#include "tests/base/harness.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "xenith/release.h"

static const char *const directories[] = {
    "etc",
    "proc",
    "proc/sys",
    "proc/sys/kernel",
    "sys",
    "sys/hypervisor",
    "sys/hypervisor/version",
    "sys/hypervisor/properties",
    "usr",
    "usr/share",
    "usr/share/xenith",
};

static const char *const files[][2] = {
    {"etc/os-release", "NAME=Xenith\nID=xenith\nVERSION_ID=\"1.2\"\n"},
    {"proc/sys/kernel/osrelease", "6.12.107\n"},
    {"sys/hypervisor/version/major", "4\n"},
    {"sys/hypervisor/version/minor", "20\n"},
    {"sys/hypervisor/version/extra", ".4-pre\n"},
    {"sys/hypervisor/properties/changeset", "c42374a105\n"},
    {"usr/share/xenith/advisories", ""},
};

static char *path_of(const char *name)
{
    return xasprintf("%s/%s", scratch, name);
}

static void put_file(const char *name, const char *text)
{
    char *path = path_of(name);

    assert_int_equal(write_file(path, text, strlen(text), 0600), 0);
    free(path);
}

static void drop_file(const char *name)
{
    char *path = path_of(name);

    (void)unlink(path);
    free(path);
}

static int root_make(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_SIZE(directories); i++) {
        char *path = path_of(directories[i]);

        assert_int_equal(mkdir(path, 0700), 0);
        free(path);
    }
    for (i = 0; i < ARRAY_SIZE(files); i++)
        put_file(files[i][0], files[i][1]);
    return 0;
}

static int root_drop(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_SIZE(files); i++)
        drop_file(files[i][0]);
    for (i = ARRAY_SIZE(directories); i > 0; i--) {
        char *path = path_of(directories[i - 1]);

        assert_int_equal(rmdir(path), 0);
        free(path);
    }
    return 0;
}

/* Checks the output for the current files. */
static void says(const char *text, const char *json)
{
    struct release r;
    struct buf out = {0};

    release_read(&r, scratch);
    release_text(&r, &out);
    assert_string_equal(out.s, text);
    buf_drop(&out, out.len);
    release_json(&r, &out);
    assert_string_equal(out.s, json);
    buf_dispose(&out);
    release_dispose(&r);
}

static void all_is_known(void **state)
{
    (void)state;
    put_file("usr/share/xenith/advisories",
             "# of the recipes\n"
             "xen XSA-483 4.20.4 is needed\n"
             "linux CVE-2026-12345  the \"fix\" needs 6.13\n"
             "\n"
             "xen XSA-484\n");
    says("Xenith 1.2\n"
         "Xen    4.20.4-pre (changeset c42374a105)\n"
         "Linux  6.12.107\n"
         "\n"
         "Open advisories:\n"
         "  xen    XSA-483         4.20.4 is needed\n"
         "  linux  CVE-2026-12345  the \"fix\" needs 6.13\n"
         "  xen    XSA-484         \n",
         "{\"release\":\"1.2\",\"xen\":\"4.20.4-pre\","
         "\"xen_changeset\":\"c42374a105\",\"linux\":\"6.12.107\","
         "\"slots\":null,"
         "\"advisories\":["
         "{\"package\":\"xen\",\"id\":\"XSA-483\","
         "\"reason\":\"4.20.4 is needed\"},"
         "{\"package\":\"linux\",\"id\":\"CVE-2026-12345\","
         "\"reason\":\"the \\\"fix\\\" needs 6.13\"},"
         "{\"package\":\"xen\",\"id\":\"XSA-484\",\"reason\":\"\"}]}\n");
}

static void nothing_is_open(void **state)
{
    (void)state;
    says("Xenith 1.2\n"
         "Xen    4.20.4-pre (changeset c42374a105)\n"
         "Linux  6.12.107\n"
         "\n"
         "Open advisories: none known\n",
         "{\"release\":\"1.2\",\"xen\":\"4.20.4-pre\","
         "\"xen_changeset\":\"c42374a105\",\"linux\":\"6.12.107\","
         "\"slots\":null,"
         "\"advisories\":[]}\n");
}

/* A missing list is not an empty one. */
static void nothing_is_known(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_SIZE(files); i++)
        drop_file(files[i][0]);
    says("Xenith (unknown)\n"
         "Xen    (unknown)\n"
         "Linux  (unknown)\n"
         "\n"
         "Open advisories: the list is not in this image\n",
         "{\"release\":null,\"xen\":null,\"xen_changeset\":null,"
         "\"linux\":null,\"slots\":null,\"advisories\":null}\n");
}

/* On another system, its version must not pass for ours. */
static void another_system(void **state)
{
    struct release r;

    (void)state;
    put_file("etc/os-release", "VERSION_ID=\"12\"\nID=debian");
    release_read(&r, scratch);
    assert_null(r.release);
    release_dispose(&r);
    put_file("etc/os-release", "VERSION_ID=7\nID=xenith");
    release_read(&r, scratch);
    assert_string_equal(r.release, "7");
    release_dispose(&r);
}

static void xen_without_an_extra_version(void **state)
{
    struct release r;

    (void)state;
    put_file("sys/hypervisor/version/extra", "\n");
    release_read(&r, scratch);
    assert_string_equal(r.xen, "4.20");
    release_dispose(&r);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, root_make, root_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_is_known),
        TEST(nothing_is_open),
        TEST(nothing_is_known),
        TEST(another_system),
        TEST(xen_without_an_extra_version),
    };

    return cmocka_run_group_tests(tests, scratch_make, scratch_drop);
}
