/* Wants of domains, present and missing. */
#include "tests/base/harness.h"

#include "preflight/preflight.h"

static struct problems problems;
static struct policy *p;

/* Checks a domain named a, with MORE in its file. */
static void run_preflight(const char *more)
{
    struct host host = {.bridge = xstrdup("nobr1")};
    char *text = xasprintf("name = \"a\"\n%s\n", more);
    struct findings found = {0};

    strlist_add(&host.words, "pv");
    strlist_add(&host.words, "iommu");
    problems_dispose(&problems);
    policy_free(p);
    p = policy_parse(text, strlen(text), "x.cfg", &host, &problems);
    assert_non_null(p);
    assert_int_equal(problems.n, 0);
    preflight_look(p, &found, NULL, NULL);
    preflight_apply(p, &found, &problems);
    findings_dispose(&found);
    host_dispose(&host);
    free(text);
}

static void reports(const char *more, const char *expected)
{
    char *said;

    run_preflight(more);
    assert_int_equal(problems.n, 1);
    said = problem_text(&problems.v[0]);
    assert_string_equal(said, expected);
    assert_string_equal(p->bar, expected);
    assert_false(p->bar_is_skip);
    free(said);
}

static void what_is_missing_is_named(void **state)
{
    (void)state;
    reports("kernel = \"/nowhere/k\"",
            "x.cfg:2: kernel: /nowhere/k does not exist");
    reports("kernel = \"/dev/null\"",
            "x.cfg:2: kernel: /dev/null is not a kernel that Xen can start: "
            "an ELF file (vmlinux) or a bzImage (vmlinuz) is needed");
    reports("ramdisk = \"/dev/null/r\"",
            "x.cfg:2: ramdisk: /dev/null/r: Not a directory");
    reports("disk = [ \"/nowhere/d,,xvda\" ]",
            "x.cfg:2: disk: /nowhere/d does not exist");
    reports("vif = [ \"bridge=nobr0\" ]",
            "x.cfg:2: vif: no such bridge: nobr0");
    reports("vif = [ \"bridge=no/br\" ]",
            "x.cfg:2: vif: no such bridge: no/br");
    reports("vif = [ \"\" ]", "x.cfg:2: vif: no such bridge: nobr1, the "
                              "default of /etc/xen/xl.conf");
    reports("pci = [ \"ff:1f.7,seize=1\" ]",
            "x.cfg:2: pci: no such PCI device: 0000:ff:1f.7");
}

static void what_is_there_is_no_problem(void **state)
{
    (void)state;
    run_preflight("ramdisk = \"/dev/null\"\ndisk = [ \"/dev/null,,xvda\" ]\n"
                  "needs = \"/dev/null\"\nsave_to = \"/nowhere\"");
    assert_int_equal(problems.n, 0);
    assert_null(p->bar);
}

static void without_what_it_needs_it_is_skipped(void **state)
{
    (void)state;
    run_preflight("needs = [ \"/nowhere/n\", \"/nowhere/m\" ]");
    assert_int_equal(problems.n, 0);
    assert_string_equal(p->bar, "needs /nowhere/n, which this host lacks");
    assert_true(p->bar_is_skip);
}

/* Two writers of one disk are found by its real path. */
static void disks_get_their_real_names(void **state)
{
    char *link = xasprintf("%s/disk", scratch);
    char *more =
        xasprintf("disk = [ \"%s,,xvda\", \"/dev/zero,,xvdb,ro\" ]", link);

    (void)state;
    assert_int_equal(symlink("/dev/null", link), 0);
    run_preflight(more);
    assert_int_equal(p->writes.n, 1);
    assert_string_equal(p->writes.v[0], "/dev/null");
    (void)unlink(link);
    free(more);
    free(link);
}

/* The text in an image is untrusted. */
static void words_of_an_image_are_shown(void **state)
{
    static const char header[104] = "QFI\xfb\0\0\0\3\0\0\0\0\0\0\0\x50"
                                    "\0\0\0\x8";
    struct host host = {.unknown = true};
    char *path = xasprintf("%s/image", scratch);
    char *text =
        xasprintf("name = \"a\"\ndisk = [ \"%s,qcow2,xvda,ro\" ]\n", path);
    struct findings found = {0};
    char image[sizeof(header)];

    (void)state;
    memcpy(image, header, sizeof(image));
    memcpy(image + 80, "/no\033[2J", 8);
    assert_int_equal(write_file(path, image, sizeof(image), 0600), 0);
    policy_free(p);
    problems_dispose(&problems);
    p = policy_parse(text, strlen(text), "x.cfg", &host, &problems);
    preflight_look(p, &found, NULL, NULL);
    assert_int_equal(found.problems.n, 1);
    assert_non_null(
        strstr(found.problems.v[0].text, "/no\\u001b[2J does not exist"));
    findings_dispose(&found);
    (void)unlink(path);
    free(text);
    free(path);
}

static int teardown(void **state)
{
    policy_free(p);
    problems_dispose(&problems);
    return scratch_drop(state);
}

/* Another host is present only as the tree that becomes its /config. */
static void another_hosts_tree(void **state)
{
    static const char text[] =
        "name = 'a'\nkernel = '/config/here'\nramdisk = '/config/gone'\n"
        "disk = [ '/dev/x,raw,xvda,w', '/config/too,qcow2,xvdb,w' ]\n"
        "vif = [ 'bridge=nobr0' ]\n";
    static const char hello[] =
        "name = 'a'\nkernel = '/config/images/hello/vmlinux'\n";
    static const char *const expected[] = {
        "a.cfg:3: ramdisk: /config/gone does not exist",
        "a.cfg:4: disk: /config/too does not exist",
    };
    const struct host host = {.unknown = true};
    char *here = xasprintf("%s/here", scratch);
    char *file = xasprintf("%s/a.cfg", scratch);
    struct config c;
    char *said;
    size_t i;

    (void)state;
    assert_int_equal(write_file(here, "x", 1, 0600), 0);
    assert_int_equal(write_file(file, text, strlen(text), 0600), 0);
    config_read(&c, scratch, &host);
    preflight_tree(&c, scratch);
    assert_int_equal(c.problems.n, ARRAY_SIZE(expected));
    for (i = 0; i < c.problems.n; i++) {
        said = problem_text(&c.problems.v[i]);
        assert_string_equal(said + strlen(scratch) + 1, expected[i]);
        free(said);
    }
    assert_non_null(c.v[0]->bar);
    config_dispose(&c);
    assert_int_equal(write_file(file, hello, strlen(hello), 0600), 0);
    config_read(&c, scratch, &host);
    preflight_tree(&c, scratch);
    assert_int_equal(c.problems.n, 0);
    config_dispose(&c);
    unlink(here);
    unlink(file);
    free(here);
    free(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_missing_is_named),
        cmocka_unit_test(what_is_there_is_no_problem),
        cmocka_unit_test(without_what_it_needs_it_is_skipped),
        cmocka_unit_test(disks_get_their_real_names),
        cmocka_unit_test(words_of_an_image_are_shown),
        cmocka_unit_test(another_hosts_tree),
    };

    return cmocka_run_group_tests(tests, scratch_make, teardown);
}
