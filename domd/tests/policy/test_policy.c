/* Domain files: defaults, every key, error messages; and the journal. */
#include "tests/base/harness.h"

#include <sys/stat.h>
#include <unistd.h>

#include "policy/config.h"
#include "policy/graph.h"
#include "daemon/journal.h"
#include "policy/keyscan.h"
#include "policy/xlkeys.h"

static struct problems problems;
static const struct host nowhere = {.unknown = true};

static struct policy *parse_on(const struct host *host, const char *text)
{
    problems_dispose(&problems);
    return policy_parse(text, strlen(text), "x.cfg", host, &problems);
}

static struct policy *parse(const char *text)
{
    return parse_on(&nowhere, text);
}

/* The first problem as text, or "". */
static const char *first_problem(void)
{
    static char text[512];
    char *first;

    text[0] = '\0';
    if (!problems.n) return text;
    first = problem_text(&problems.v[0]);
    snprintf(text, sizeof(text), "%s", first);
    free(first);
    return text;
}

static void reports(const char *text, const char *expected)
{
    struct policy *p = parse(text);

    assert_string_equal(first_problem(), expected);
    if (p && problem_errors(&problems)) assert_string_equal(p->bar, expected);
    policy_free(p);
}

static void defaults(void **state)
{
    struct policy *p = parse("name = \"web\"\n");
    char *ready;

    (void)state;
    assert_string_equal(first_problem(), "");
    assert_string_equal(p->name, "web");
    assert_true(p->autostart);
    ready = ready_text(&p->ready);
    assert_string_equal(ready, "frontends");
    assert_int_equal(p->start_timeout, 60000);
    assert_int_equal(p->stop_timeout, 120000);
    assert_int_equal(p->start_delay, 0);
    assert_false(p->prebuild);
    assert_string_equal(restart_name(p->restart), "on-failure");
    assert_string_equal(stop_name(p->on_stop), "shutdown");
    assert_int_equal(p->priority, 50);
    assert_null(p->bar);
    free(ready);
    policy_free(p);
}

static void created_ahead(void **state)
{
    struct policy *p = parse("name = \"web\"\nprebuild = \"yes\"\n");

    (void)state;
    assert_string_equal(first_problem(), "");
    assert_true(p->prebuild);
    policy_free(p);
}

/* Where domd asks a domain whether it is ready. */
static void the_address_of_a_card(void **state)
{
    static const struct {
        const char *ip;
        const char *address;
    } cards[] = {
        {"10.0.0.5", "10.0.0.5"},
        {"198.51.100.7/32", "198.51.100.7"},
        {"2001:db8::7 192.0.2.7", "192.0.2.7"},
        {"192.0.2.0/24 192.0.2.7", "192.0.2.7"},
        {"192.0.2.0/24", NULL},
        {"2001:db8::7/128", NULL},
        {"", NULL},
    };
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_SIZE(cards); i++) {
        char *text =
            xasprintf("name = \"web\"\nvif = [ \"ip=%s\" ]\n", cards[i].ip);
        struct policy *p = parse(text);

        if (cards[i].address)
            assert_string_equal(p->address, cards[i].address);
        else
            assert_null(p->address);
        policy_free(p);
        free(text);
    }
}

static void every_key(void **state)
{
    struct policy *p =
        parse("name = 'web'; type = \"pvh\"\n"
              "autostart = \"no\"\n"
              "after = [ \"net\", # the network\n   \"log\" ]\n"
              "requires = \"db\"\n"
              "ready = \"http:8080/health?deep=1\"\n"
              "start_timeout = 5\nstop_timeout = 6\nstart_delay = 7\n"
              "restart = \"always\"\nrestart_delay = 2\nrestart_limit = 9\n"
              "restart_window = 77\non_stop = \"save\"\nsave_to = \"/data\"\n"
              "priority = 99\nneeds = [ \"hvm\", \"/dev/kvm\" ]\n"
              "memory = 512\nvif = [ \"mac=00:16:3e:01:02:03, ip=10.0.0.5 "
              "2001:db8::5\" ]\n"
              "disk = [ \"/dev/x,raw,xvda,rw\", \"/dev/y,raw,xvdb,ro\", "
              "\"script=block-iscsi,vdev=xvdc,target=iqn=a:b\" ]\n");
    char *ready;

    (void)state;
    assert_string_equal(first_problem(), "");
    assert_false(p->autostart);
    assert_int_equal(p->after.n, 2);
    assert_string_equal(p->after.v[1], "log");
    assert_string_equal(p->requires.v[0], "db");
    ready = ready_text(&p->ready);
    assert_string_equal(ready, "http:8080/health?deep=1");
    free(ready);
    assert_int_equal(p->start_timeout, 5000);
    assert_int_equal(p->stop_timeout, 6000);
    assert_int_equal(p->start_delay, 7000);
    assert_int_equal(p->restart, RESTART_ALWAYS);
    assert_int_equal(p->restart_delay, 2000);
    assert_int_equal(p->restart_limit, 9);
    assert_int_equal(p->restart_window, 77000);
    assert_int_equal(p->on_stop, STOP_SAVE);
    assert_string_equal(p->save_to, "/data");
    assert_int_equal(p->priority, 99);
    assert_int_equal(p->needs.n, 2);
    assert_int_equal(p->memory_mb, 512);
    assert_string_equal(p->address, "10.0.0.5");
    assert_int_equal(p->writes.n, 2);
    assert_string_equal(p->writes.v[0], "/dev/x");
    assert_string_equal(p->writes.v[1], "block-iscsi:iqn=a:b");
    policy_free(p);
}

static void mistakes_with_their_lines(void **state)
{
    (void)state;
    reports("memory = 4\n",
            "x.cfg:1: the domain has no name; add name = \"...\"");
    reports("name = \"a b\"\n", "x.cfg:1: name: \"a b\" contains characters "
                                "other than letters, digits and _ . : + -");
    reports("name = \"a\"\n\nautostrat = \"no\"\n",
            "x.cfg:3: warning: "
            "autostrat: neither xl nor domd knows this key (autostart?)");
    reports("name = \"a\"\nautostart = \"maybe\"\n",
            "x.cfg:2: autostart: \"maybe\" is not yes or no");
    reports("name = \"a\"\nprebuild = \"yes\"\nsave_to = \"/tmp\"\n",
            "x.cfg:2: prebuild: a domain with save_to may be restored, and is "
            "not created ahead; leave one of them out");
    reports("name = \"a\"\nrequires = \"a\"\n",
            "x.cfg:2: requires: the domain cannot depend on itself");
    reports("name = \"a\"\nstart_timeout = \"soon\"\n",
            "x.cfg:2: start_timeout: \"soon\" is not a number from 1 to "
            "86400");
    reports("name = \"a\"\nstart_timeout = 0\n",
            "x.cfg:2: start_timeout: "
            "\"0\" is not a number from 1 to 86400");
    reports("name = \"a\"\npriority = 101\n",
            "x.cfg:2: priority: \"101\" is not a number from 0 to 100");
    reports("name = \"a\"\nready = \"tcp:0\"\n",
            "x.cfg:2: ready: \"tcp:0\": tcp: expected a port (1 to 65535)");
    reports(
        "name = \"a\"\nready = \"console:(\"\n",
        "x.cfg:2: ready: \"console:(\": console: invalid regular expression");
    reports("name = \"a\"\nready = \"xenstore:=x\"\n",
            "x.cfg:2: ready: \"xenstore:=x\": xenstore: expected PATH=VALUE");
    reports("name = \"a\"\nready = \"http:80/a b\"\n",
            "x.cfg:2: ready: \"http:80/a b\": http: the path must not contain "
            "blanks");
    reports("name = \"a\"\non_stop = \"save\"\n",
            "x.cfg:2: on_stop: save needs save_to, a directory on a disk");
    reports("name = \"a\"\nneeds = \"luck\"\n",
            "x.cfg:2: needs: \"luck\" "
            "is not hvm, pv, hap, iommu or a path");
    reports("name = \"a\"\nkernel = \"vmlinuz\"\n",
            "x.cfg:2: kernel: vmlinuz is not an absolute path");
    reports("name = \"a\"\naddress = \"10.0.0.256\"\n",
            "x.cfg:2: address: \"10.0.0.256\" is not an IPv4 address");
    reports("name = [ \"a\" ]\n",
            "x.cfg:1: name: expected a single value, not a list");
}

static void broken_syntax_has_a_line(void **state)
{
    struct policy *p = parse("name = \"a\"\nmemory 512\n");

    (void)state;
    assert_null(p);
    assert_int_equal(problems.v[0].line, 2);
    assert_string_equal(problems.v[0].file, "x.cfg");
}

static void what_the_host_lacks(void **state)
{
    struct host host = {.total_mb = 1000};
    struct policy *p;

    (void)state;
    strlist_add(&host.words, "pv");
    p = parse_on(&host, "name = \"a\"\nneeds = [ \"pv\", \"hvm\" ]\n");
    assert_string_equal(first_problem(), "");
    assert_string_equal(p->bar, "needs hvm, which this host lacks");
    assert_true(p->bar_is_skip);
    policy_free(p);
    p = parse_on(&host, "name = \"a\"\ntype = \"pv\"\n");
    assert_null(p->bar);
    policy_free(p);
    p = parse_on(&host, "name = \"a\"\ntype = \"pvh\"\n");
    assert_true(p->bar_is_skip);
    assert_string_equal(
        p->bar, "a pvh guest needs hardware virtualisation (VT-x or SVM), "
                "which this host lacks or its firmware disables");
    policy_free(p);
    strlist_add(&host.words, "hvm");
    p = parse_on(&host, "name = \"a\"\ntype = \"pvh\"\n");
    assert_string_equal(p->bar,
                        "a pvh guest needs nested paging (EPT or NPT), "
                        "which this host lacks");
    policy_free(p);
    strlist_add(&host.words, "hap");
    p = parse_on(&host, "name = \"a\"\ntype = \"pvh\"\n");
    assert_null(p->bar);
    policy_free(p);
    p = parse_on(&host, "name = \"a\"\ntype = \"hvm\"\n");
    assert_true(p->bar_is_skip);
    assert_string_equal(
        p->bar,
        "this image has no device model (QEMU): it was built without HVM");
    policy_free(p);
    p = parse_on(&host, "name = \"a\"\ntype = \"pv\"\n"
                        "disk = [ \"/a.qcow2,qcow2,xvda,rw\" ]\n");
    assert_true(p->bar_is_skip);
    assert_string_equal(p->bar,
                        "cannot open the qcow2 image /a.qcow2: this image has "
                        "no QEMU, as it was built without HVM");
    policy_free(p);
    strlist_add(&host.words, HOST_DEVICE_MODEL);
    p = parse_on(&host, "name = \"a\"\ntype = \"hvm\"\n");
    assert_null(p->bar);
    policy_free(p);
    p = parse_on(&host, "name = \"a\"\nmemory = 1001\n");
    assert_string_equal(first_problem(),
                        "x.cfg:2: memory: the domain needs 1001 MiB, but this "
                        "host has 1000 MiB for domains");
    policy_free(p);
    host_dispose(&host);
}

static void assert_want(const struct policy *p, size_t i, enum want_kind kind,
                        const char *what, int line)
{
    assert_true(i < p->n_wants);
    assert_int_equal(p->wants[i].kind, kind);
    assert_string_equal(p->wants[i].what, what);
    assert_int_equal(p->wants[i].line, line);
}

/* Named files are recorded, and not looked up. */
static void what_it_wants_of_the_host(void **state)
{
    struct host host = {.bridge = xstrdup("nobr1")};
    struct policy *p;

    (void)state;
    strlist_add(&host.words, "pv");
    strlist_add(&host.words, "iommu");
    strlist_add(&host.words, HOST_DEVICE_MODEL);
    p = parse_on(&host,
                 "name = \"a\"\nkernel = \"/nowhere/k\"\n"
                 "ramdisk = \"/nowhere/r\"\n"
                 "disk = [ \"/nowhere/d,,xvda\",\n"
                 "\"/nowhere/q,qcow2,xvdb,ro\", \"/nowhere/v,,xvdc\" ]\n"
                 "vif = [ \"bridge=nobr0\", \"\" ]\n"
                 "pci = [ \"3:0.0\", \"ff:1f.7,seize=1\" ]\n"
                 "needs = [ \"pv\", \"/nowhere/n\" ]\n"
                 "save_to = \"/nowhere/s\"\n");
    assert_string_equal(first_problem(), "");
    assert_null(p->bar);
    assert_int_equal(p->n_wants, 11);
    assert_want(p, 0, WANT_SAVED, "/nowhere/s", 9);
    assert_want(p, 1, WANT_NEED, "/nowhere/n", 8);
    assert_want(p, 2, WANT_KERNEL, "/nowhere/k", 2);
    assert_want(p, 3, WANT_FILE, "/nowhere/r", 3);
    assert_want(p, 4, WANT_FILE, "/nowhere/d", 4);
    assert_want(p, 5, WANT_QCOW2, "/nowhere/q", 4);
    assert_want(p, 6, WANT_FILE, "/nowhere/v", 4);
    assert_want(p, 7, WANT_BRIDGE, "nobr0", 6);
    assert_want(p, 8, WANT_BRIDGE, "nobr1", 6);
    assert_want(p, 9, WANT_PCI, "0000:03:00.0", 7);
    assert_want(p, 10, WANT_PCI, "0000:ff:1f.7", 7);
    assert_true(p->wants[4].written && !p->wants[5].written);
    assert_true(!p->wants[7].by_default && p->wants[8].by_default);
    assert_true(!p->wants[9].seize && p->wants[10].seize);
    policy_free(p);
    /* So does one that is guarded. */
    p = parse_on(&host, "name = \"a\"\nvif = [ "
                        "\"bridge=nobr0,script=vif-antispoof\" ]\n");
    assert_int_equal(p->n_wants, 2);
    assert_want(p, 0, WANT_FILE, "/etc/xen/scripts/vif-antispoof", 2);
    assert_want(p, 1, WANT_BRIDGE, "nobr0", 2);
    policy_free(p);
    /* A device of another domain or of its own script needs nothing here. */
    p = parse_on(&host, "name = \"a\"\nvif = [ \"bridge=nobr0,backend=net\", "
                        "\"script=vif-route,bridge=nobr0\" ]\n"
                        "disk = [ \"script=iscsi,vdev=xvda,target=t\" ]\n"
                        "pci = [ \"name=card\" ]\n");
    assert_int_equal(p->n_wants, 2);
    assert_want(p, 0, WANT_FILE, "/etc/xen/scripts/iscsi", 3);
    assert_want(p, 1, WANT_FILE, "/etc/xen/scripts/vif-route", 2);
    policy_free(p);
    host_dispose(&host);
    reports("name = \"a\"\nkernel = \"k\"\n",
            "x.cfg:2: kernel: k is not an absolute path");
}

static void pci_devices(void **state)
{
    struct host host = {.total_mb = 1000};
    struct policy *p;

    (void)state;
    reports("name = \"a\"\npci = [ \"slot 3\" ]\n",
            "x.cfg:2: pci: \"slot 3\" is not a PCI device; write its number, "
            "as lspci prints it");
    reports("name = \"a\"\ntype = \"pvh\"\npci = [ \"3:0.0\" ]\n",
            "x.cfg:3: pci: PVH guests cannot have PCI devices; use type = "
            "\"pv\" or \"hvm\"");
    strlist_add(&host.words, "pv");
    p = parse_on(&host, "name = \"a\"\npci = [ \"name=card\" ]\n");
    assert_string_equal(first_problem(), "");
    assert_true(p->bar_is_skip);
    assert_non_null(strstr(p->bar, "needs an IOMMU"));
    policy_free(p);
    strlist_add(&host.words, "iommu");
    p = parse_on(&host, "name = \"a\"\npci = [ \"name=card\" ]\n");
    assert_null(p->bar);
    policy_free(p);
    host_dispose(&host);
}

/* No key of ours is a key of xl: a file means the same to both. */
static void no_key_is_shared_with_xl(void **state)
{
    static const char *const ours[] = {
        "autostart",     "after",          "requires",      "ready",
        "start_timeout", "stop_timeout",   "start_delay",   "restart",
        "restart_delay", "restart_window", "restart_limit", "on_stop",
        "save_to",       "priority",       "needs",         "address",
        "prebuild",
    };
    static const char *const theirs[] = {
        "acpi",      "name",   "memory",           "disk", "vif",   "on_crash",
        "on_reboot", "kernel", "xen_platform_pci", "type", "vcpus", "cmdline",
    };
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_SIZE(ours); i++)
        assert_false(xl_knows(ours[i]));
    for (i = 0; i < ARRAY_SIZE(theirs); i++)
        assert_true(xl_knows(theirs[i]));
}

static void keyscan_finds_all_and_nothing_else(void **state)
{
    static const char text[] =
        "a = \"x # y\"; b = 'c = 1'\n"
        "# d = 1\n"
        "e = [ \"f = 1\",\n g,\n [ 'h' ] ] ; i=\"\\\" j = 2\"\n"
        "  k += [ ]\n"
        "a = 2\n";
    static const struct {
        const char *name;
        int line;
    } expected[] = {
        {"a", 1}, {"b", 1}, {"e", 3}, {"i", 5}, {"k", 6}, {"a", 7},
    };
    struct key_places places = {0};
    size_t i;

    (void)state;
    keyscan(text, sizeof(text) - 1, &places);
    assert_int_equal(places.n, ARRAY_SIZE(expected));
    for (i = 0; i < places.n; i++) {
        assert_string_equal(places.v[i].name, expected[i].name);
        assert_int_equal(places.v[i].line, expected[i].line);
    }
    assert_int_equal(keyscan_line(&places, "a"), 7);
    assert_int_equal(keyscan_line(&places, "z"), 0);
    key_places_dispose(&places);
}

/* ---- several files ------------------------------------------------------ */

static char dir[] = "/tmp/test_policy.XXXXXX";
static const char *const files[] = {"a.cfg", "b.cfg", "c.cfg", "d.cfg"};

static void put(const char *name, const char *text)
{
    char *path = xasprintf("%s/%s", dir, name);

    assert_int_equal(write_file(path, text, strlen(text), 0644), 0);
    free(path);
}

static int make_dir(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/test_policy.XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int drop_dir(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_SIZE(files); i++) {
        char *path = xasprintf("%s/%s", dir, files[i]);

        unlink(path);
        free(path);
    }
    return rmdir(dir);
}

static void assert_said(const struct config *c, size_t i, const char *file,
                        const char *expected)
{
    char *text;
    char *full = xasprintf("%s/%s:%s", dir, file, expected);

    assert_true(i < c->problems.n);
    text = problem_text(&c->problems.v[i]);
    assert_string_equal(text, full);
    free(text);
    free(full);
}

static void read_all(struct config *c, const struct host *host)
{
    config_read(c, dir, host);
    config_check(c, host);
}

static void directory(void **state)
{
    struct config c;

    (void)state;
    put("b.cfg", "name = \"b\"\nrequires = \"a\"\n");
    put("a.cfg", "name = \"a\"\n");
    put("c.cfg", "# taken away\n\n");
    read_all(&c, &nowhere);
    assert_int_equal(c.problems.n, 0);
    assert_int_equal(c.n, 2);
    assert_string_equal(c.v[0]->name, "a");
    config_dispose(&c);
}

static void unknown_dependency(void **state)
{
    struct config c;

    (void)state;
    put("a.cfg", "name = \"a\"\n\nrequires = [ \"gone\" ]\n");
    put("b.cfg", "name = \"b\"\nafter = [ \"gone\" ]\n");
    read_all(&c, &nowhere);
    assert_said(&c, 0, "a.cfg", "3: requires: no such domain: gone");
    assert_said(&c, 1, "b.cfg", "2: warning: after: no such domain: gone");
    assert_non_null(c.v[0]->bar);
    assert_null(c.v[1]->bar);
    config_dispose(&c);
}

static void cycle_is_named_in_full(void **state)
{
    struct config c;

    (void)state;
    put("a.cfg", "name = \"a\"\nrequires = \"b\"\n");
    put("b.cfg", "name = \"b\"\nafter = [ \"d\", \"c\" ]\n");
    put("c.cfg", "name = \"c\"\nrequires = \"a\"\n");
    put("d.cfg", "name = \"d\"\n");
    read_all(&c, &nowhere);
    assert_int_equal(c.problems.n, 3);
    assert_said(&c, 0, "a.cfg",
                "2: requires: dependency cycle: a -> b -> c -> a");
    assert_said(&c, 1, "b.cfg",
                "2: after: dependency cycle: b -> c -> a -> b");
    assert_null(c.v[3]->bar);
    config_dispose(&c);
}

/* The reported key is the one that continues the cycle. */
static void cycle_names_its_key(void **state)
{
    struct config c;

    (void)state;
    put("a.cfg", "name = \"a\"\nrequires = \"d\"\nafter = \"b\"\n");
    put("b.cfg", "name = \"b\"\nafter = \"a\"\n");
    put("d.cfg", "name = \"d\"\n");
    read_all(&c, &nowhere);
    assert_int_equal(c.problems.n, 2);
    assert_said(&c, 0, "a.cfg", "3: after: dependency cycle: a -> b -> a");
    assert_said(&c, 1, "b.cfg", "2: after: dependency cycle: b -> a -> b");
    config_dispose(&c);
}

static void names_and_disks_taken_twice(void **state)
{
    struct config c;

    (void)state;
    put("a.cfg", "name = \"a\"\ndisk = [ \"/dev/x,,xvda\" ]\n");
    put("b.cfg", "name = \"b\"\ndisk = [ \"/dev/x,,xvda\" ]\n");
    put("c.cfg", "name = \"c\"\nautostart = \"no\"\n"
                 "disk = [ \"/dev/x,,xvda\" ]\n");
    put("d.cfg", "name = \"a\"\n");
    read_all(&c, &nowhere);
    assert_int_equal(c.n, 3);
    assert_non_null(strstr(c.problems.v[0].text,
                           "\"a\" is already the name of the domain in"));
    assert_said(&c, 1, "b.cfg",
                "2: disk: /dev/x is also written by domain a; set autostart = "
                "\"no\" for one of them");
    assert_said(&c, 2, "c.cfg",
                "3: warning: disk: /dev/x is also written by domain a; only "
                "one of them can run at a time");
    assert_null(c.v[0]->bar);
    assert_non_null(c.v[1]->bar);
    assert_null(c.v[2]->bar);
    config_dispose(&c);
}

static void uuids_taken_twice(void **state)
{
    struct config c;

    (void)state;
    put("a.cfg", "name = \"a\"\nuuid = \"aa-bb\"\n");
    put("b.cfg", "name = \"b\"\n\nuuid = \"AABB\"\n");
    put("c.cfg", "name = \"c\"\nautostart = \"no\"\nuuid = \"aab-b\"\n");
    put("d.cfg", "name = \"d\"\nuuid = \"aabb1\"\n");
    read_all(&c, &nowhere);
    assert_said(
        &c, 0, "b.cfg",
        "3: uuid: domain a has the same UUID; change or remove one of them");
    assert_said(&c, 1, "c.cfg",
                "3: warning: uuid: domain a has the same UUID; only one of "
                "them can run at a time");
    assert_said(&c, 2, "c.cfg",
                "3: warning: uuid: domain b has the same UUID; only one of "
                "them can run at a time");
    assert_int_equal(c.problems.n, 3);
    assert_null(c.v[0]->bar);
    assert_non_null(c.v[1]->bar);
    assert_null(c.v[2]->bar);
    config_dispose(&c);
}

static void memory_of_all(void **state)
{
    struct host host = {.total_mb = 1000};
    struct config c;

    (void)state;
    put("a.cfg", "name = \"a\"\nmemory = 600\n");
    put("b.cfg", "name = \"b\"\nmemory = 600\n");
    read_all(&c, &host);
    assert_int_equal(c.problems.n, 1);
    assert_non_null(strstr(c.problems.v[0].text, "need 1200 MiB"));
    config_dispose(&c);
}

static void graph_as_text_and_dot(void **state)
{
    struct config c;
    struct buf text = {0};

    (void)state;
    put("a.cfg", "name = \"a\"\nrequires = \"b\"\nafter = \"c\"\n");
    put("b.cfg", "name = \"b\"\nafter = \"c\"\n");
    put("c.cfg", "name = \"c\"\nautostart = \"no\"\n");
    read_all(&c, &nowhere);
    graph_text(c.v, c.n, &text);
    assert_string_equal(text.s, "1\n   c (not at boot)\n"
                                "2\n   b: after c\n"
                                "3\n   a: requires b, after c\n");
    buf_dispose(&text);
    graph_dot(c.v, c.n, &text);
    assert_non_null(strstr(text.s, "\"a\" -> \"b\";"));
    assert_non_null(strstr(text.s, "\"a\" -> \"c\" [style = dotted];"));
    buf_dispose(&text);
    config_dispose(&c);
}

/* ---- the journal -------------------------------------------------------- */

static void journal_comes_back(void **state)
{
    struct journal j = {0};
    struct journal_entry *e;
    struct buf text = {0};
    char *path = xasprintf("%s/a.cfg", dir);
    char *why;
    size_t len;

    (void)state;
    j.booted = true;
    strlist_add(&j.disabled, "x");
    e = journal_add(&j, "web");
    strcpy(e->uuid, "0-1-2");
    e->past = (struct machine_past){
        .state = MACHINE_DESTROYING,
        .next = MACHINE_NEXT_FAILED,
        .want = true,
        .was_ready = true,
        .restarts = 3,
        .started = 5000,
        .latency = 700,
        .failures = {1000, 2000},
        .n_failures = 2,
        .stamp = 0xfedcba9876543210u,
        .reason = xstrdup("it \"crashed\""),
    };
    e->mark.resumed = true;
    strlist_add(&e->past.writes, "/dev/x");
    assert_int_equal(journal_write(&j, path), 0);
    journal_dispose(&j);

    journal_read(&j, path, &why);
    assert_null(why);
    assert_true(j.booted);
    assert_true(strlist_has(&j.disabled, "x"));
    e = journal_find(&j, "web");
    assert_non_null(e);
    assert_string_equal(e->uuid, "0-1-2");
    assert_int_equal(e->past.state, MACHINE_DESTROYING);
    assert_int_equal(e->past.next, MACHINE_NEXT_FAILED);
    assert_true(e->past.want && e->past.was_ready);
    assert_true(e->mark.resumed && e->past.resumed);
    assert_int_equal(e->past.restarts, 3);
    assert_int_equal(e->past.started, 5000);
    assert_int_equal(e->past.latency, 700);
    assert_int_equal(e->past.n_failures, 2);
    assert_int_equal(e->past.failures[1], 2000);
    assert_true(e->past.stamp == 0xfedcba9876543210u);
    assert_string_equal(e->past.reason, "it \"crashed\"");
    assert_true(strlist_has(&e->past.writes, "/dev/x"));
    journal_dispose(&j);

    /* A truncated journal is invalid. */
    assert_int_equal(read_file(path, 1 << 20, &text), 0);
    for (len = 0; len + 1 < text.len; len++) {
        assert_false(journal_parse(&j, text.s, len));
        assert_int_equal(j.n, 0);
        journal_dispose(&j);
    }
    assert_true(journal_parse(&j, text.s, text.len));
    journal_dispose(&j);
    buf_dispose(&text);
    free(path);
}

/* Numbers out of range. */
static void journal_with_odd_numbers(void **state)
{
    static const char text[] =
        "{\"v\":1,\"domains\":[{\"name\":\"a\",\"state\":\"booting\","
        "\"next\":\"nonsense\",\"restarts\":-1,"
        "\"started\":9223372036854775807,\"latency\":-9,"
        "\"failures\":[5,-9223372036854775807,6]}]}";
    struct journal j;

    (void)state;
    assert_true(journal_parse(&j, text, sizeof(text) - 1));
    assert_int_equal(j.n, 1);
    assert_int_equal(j.v[0].past.next, MACHINE_NEXT_AGAIN);
    assert_int_equal(j.v[0].past.restarts, 0);
    assert_int_equal(j.v[0].past.started, 0);
    assert_int_equal(j.v[0].past.latency, -1);
    assert_int_equal(j.v[0].past.n_failures, 1);
    journal_dispose(&j);
}

static char *default_bridge_of(const char *text)
{
    char *path = xasprintf("%s/xl.conf", dir);
    char *bridge;

    assert_int_equal(write_file(path, text, strlen(text), 0600), 0);
    bridge = xl_default_bridge(path);
    unlink(path);
    free(path);
    return bridge;
}

static void default_bridges(void **state)
{
    char *bridge;

    (void)state;
    bridge = default_bridge_of("# x\nvif.default.bridge=\"br7\"\n");
    assert_string_equal(bridge, "br7");
    free(bridge);
    bridge = default_bridge_of("claim_mode=1\n");
    assert_string_equal(bridge, "xenbr0");
    free(bridge);
    assert_null(default_bridge_of("vif.default.script=\"vif-route\"\n"));
    bridge = xl_default_bridge("/nowhere/xl.conf");
    assert_string_equal(bridge, "xenbr0");
    free(bridge);
}

static int cleanup(void **state)
{
    (void)state;
    problems_dispose(&problems);
    return 0;
}

#define T(f) cmocka_unit_test_teardown(f, cleanup)
#define D(f) cmocka_unit_test_setup_teardown(f, make_dir, drop_dir)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(defaults),
        T(the_address_of_a_card),
        T(every_key),
        T(created_ahead),
        T(mistakes_with_their_lines),
        T(broken_syntax_has_a_line),
        T(what_the_host_lacks),
        T(what_it_wants_of_the_host),
        T(pci_devices),
        T(no_key_is_shared_with_xl),
        T(keyscan_finds_all_and_nothing_else),
        D(default_bridges),
        D(directory),
        D(unknown_dependency),
        D(cycle_is_named_in_full),
        D(cycle_names_its_key),
        D(names_and_disks_taken_twice),
        D(uuids_taken_twice),
        D(memory_of_all),
        D(graph_as_text_and_dot),
        D(journal_comes_back),
        T(journal_with_odd_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
