/* The domain file of a clone. */
#include "tests/base/harness.h"

#include "policy/clone.h"

static char said[2048];

/* The clone of TEXT; NULL on error. The caller frees it. */
static char *clone_of(const char *text, const struct clone *clone)
{
    struct problems problems = {0};
    struct domfile f;
    struct buf out = {0};
    bool ok = domfile_parse(&f, text, strlen(text), "web.cfg", &problems) &&
              clone_text(&f, clone, &out, &problems);
    size_t i;

    said[0] = '\0';
    for (i = 0; i < problems.n; i++) {
        char *line = problem_text(&problems.v[i]);

        snprintf(said + strlen(said), sizeof(said) - strlen(said), "%s\n",
                 line);
        free(line);
    }
    problems_dispose(&problems);
    domfile_dispose(&f);
    if (ok) return out.s;
    buf_dispose(&out);
    return NULL;
}

static void becomes(const char *text, const struct clone *clone,
                    const char *expected, const char *expected_said)
{
    char *copy = clone_of(text, clone);

    assert_non_null(copy);
    assert_string_equal(copy, expected);
    assert_string_equal(said, expected_said);
    free(copy);
}

static const struct clone plain = {.name = "copy"};

static void all_else_stays(void **state)
{
    (void)state;
    /* The form that xl.cfg(5) shows. */
    becomes("name=\"web\"; type=\"hvm\"; memory=2048 # MiB\n", &plain,
            "name=\"copy\"; type=\"hvm\"; memory=2048 # MiB\n", "");
    becomes("# made: volume xen/web\n# mine\nvif = [\n '', # why\n]\n"
            "name = 'web'\nx = [ [ 'a', 0x10 ], [ ] ]\n",
            &plain,
            "# mine\nvif = [\n '', # why\n]\n"
            "name = \"copy\"\nx = [ [ 'a', 0x10 ], [ ] ]\n",
            "");
    /* A string holds no setting and no comment. */
    becomes("name = 'web'\nextra = 'uuid = 1 # made: x'\n", &plain,
            "name = \"copy\"\nextra = 'uuid = 1 # made: x'\n", "");
}

static void identities_go(void **state)
{
    (void)state;
    becomes("uuid = '1'\nname = 'web'\n", &plain, "name = \"copy\"\n",
            "web.cfg:1: warning: uuid: '1' is not copied\n");
    becomes("name = 'web'; uuid = '1' ; memory = 4\n", &plain,
            "name = \"copy\"; memory = 4\n",
            "web.cfg:1: warning: uuid: '1' is not copied\n");
    becomes("name = 'web'\n\taddress = '10.0.0.5' # probes\n", &plain,
            "name = \"copy\"\n# probes\n",
            "web.cfg:2: warning: address: '10.0.0.5' is not copied\n");
}

static void cards(void **state)
{
    const struct clone given = {
        .name = "copy", .mac = "00:16:3e:09:09:09", .bridge = "br9"};

    (void)state;
    becomes("name = 'web'\nvif = [ 'mac=00:16:3e:00:00:01,bridge=a, ip=10.0.0."
            "5', 'bridge=b, vifname=web1 ,mac=00:16:3e:00:00:02' ]\n",
            &plain, "name = \"copy\"\nvif = [ 'bridge=a', 'bridge=b' ]\n",
            "web.cfg:2: warning: vif: mac=00:16:3e:00:00:01 is not copied\n"
            "web.cfg:2: warning: vif: ip=10.0.0.5 is not copied\n"
            "web.cfg:2: warning: vif: vifname=web1  is not copied\n"
            "web.cfg:2: warning: vif: mac=00:16:3e:00:00:02 is not copied\n");
    becomes("name = 'web'\nvif = [ 'mac=00:16:3e:00:00:01', "
            "'bridge=b,mac=00:16:3e:00:00:02' ]\n",
            &given,
            "name = \"copy\"\nvif = [ 'bridge=br9,mac=00:16:3e:09:09:09', "
            "'bridge=b' ]\n",
            "web.cfg:2: warning: vif: mac=00:16:3e:00:00:01 is not copied; "
            "the copy has 00:16:3e:09:09:09\n"
            "web.cfg:2: warning: vif: mac=00:16:3e:00:00:02 is not copied\n");
    becomes("name = 'web'\nvif = [ '', 'bridge=b' ]\n", &given,
            "name = \"copy\"\nvif = [ 'bridge=br9', 'bridge=b' ]\n", "");
}

static void screens(void **state)
{
    (void)state;
    becomes("name = 'web'\nvncunused = 0\nvncdisplay = 3\n", &plain,
            "name = \"copy\"\n",
            "web.cfg:3: warning: vncdisplay: 3 is not copied\n");
    becomes("name = 'web'\nvncunused = 0\nvnclisten = '[::1]:3'\n", &plain,
            "name = \"copy\"\nvnclisten = \"[::1]\"\n",
            "web.cfg:3: warning: vnclisten: port 3 is not copied\n");
    becomes("name = 'web'\nvncunused = 0\nvnclisten = 'unix:/run/xen/vnc-web'"
            "\n",
            &plain,
            "name = \"copy\"\nvncunused = 0\n"
            "vnclisten = \"unix:/run/xen/vnc-copy\"\n",
            "");
    becomes("name = 'web'\nvnclisten = 'unix:/run/screen'\nspiceport = 6000\n",
            &plain,
            "name = \"copy\"\nvnclisten = \"unix:/run/xen/vnc-copy\"\n",
            "web.cfg:2: warning: vnclisten: unix:/run/screen is not copied\n"
            "web.cfg:3: warning: spiceport: 6000 is not copied\n");
    becomes("name = 'web'\n"
            "vfb = [ 'vnc=1,vncdisplay=2,vncunused=0,vnclisten=0.0.0.0' ]\n",
            &plain, "name = \"copy\"\nvfb = [ 'vnc=1,vnclisten=0.0.0.0' ]\n",
            "web.cfg:2: warning: vfb: vncdisplay=2 is not copied\n");
}

static void disks_and_what_was_asked_for(void **state)
{
    const struct clone given = {
        .name = "copy",
        .kernel = "/k/copy",
        .memory = "512",
        .vcpus = "2",
        .disk_from = "/s/web.img",
        .disk = "/s/copy.img",
        .seed_from = "/s/web-seed.img",
        .seed = "/s/copy-seed.img",
    };

    const struct clone quoted = {
        .name = "copy", .disk_from = "/s/a\"b", .disk = "/s/copy.img"};

    (void)state;
    becomes("name = 'web'; kernel = '/k/web'; memory = 64\n"
            "disk = [ 'file:/s/web.img,xvda,w', # all\n"
            "'format=raw, vdev=xvdg, access=ro, target=/s/web-seed.img',\n"
            "'/s/My web.img,raw,xvdh,r' ]\n",
            &given,
            "name = \"copy\"; kernel = \"/k/copy\"; memory = 512\n"
            "disk = [ 'file:/s/copy.img,xvda,w', # all\n"
            "'format=raw, vdev=xvdg, access=ro, target=/s/copy-seed.img',\n"
            "'/s/My web.img,raw,xvdh,r' ]\n"
            "vcpus = 2\n",
            "");
    assert_null(
        clone_of("name = 'web'\ndisk = [ '/other,raw,xvda,w' ]\n", &given));
    assert_non_null(
        strstr(said, "disk: /s/web.img is not a disk of this domain\n"));
    assert_null(clone_of("name = 'web'\ndisk = [ '/s/web.img,raw,xvda,w' ]\n",
                         &given));
    assert_string_equal(
        said,
        "web.cfg:2: disk: /s/web-seed.img is not a disk of this domain\n");
    assert_null(clone_of("name = 'web'\ndisk = [ \"/s/a\\\"b,raw,xvda,w\" ]\n",
                         &quoted));
    assert_string_equal(said, "web.cfg:2: disk: cannot replace /s/a\"b: it is "
                              "written with backslashes\n");
}

static void command_lines(void **state)
{
    const struct clone given = {.name = "copy",
                                .address = "ip=10.0.0.6::::copy:eth0:off"};
    static const char text[] =
        "name = 'web'\nextra = 'quiet ip=10.0.0.5::::web:eth0:off rw'\n";

    (void)state;
    becomes(text, &given,
            "name = \"copy\"\nextra = 'quiet ip=10.0.0.6::::copy:eth0:off "
            "rw'\n",
            "");
    becomes(text, &plain, "name = \"copy\"\nextra = 'quiet rw'\n", "");
    becomes("name = 'web'\ncmdline = 'ip=::::web:eth0:dhcp ip.x=web "
            "ip=::::webs:eth0:dhcp'\n",
            &plain,
            "name = \"copy\"\ncmdline = 'ip=::::copy:eth0:dhcp ip.x=web "
            "ip=::::webs:eth0:dhcp'\n",
            "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_else_stays),
        cmocka_unit_test(identities_go),
        cmocka_unit_test(cards),
        cmocka_unit_test(screens),
        cmocka_unit_test(disks_and_what_was_asked_for),
        cmocka_unit_test(command_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
