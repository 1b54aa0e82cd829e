/* Domain files from other hosts: settings that xl ignores or this image lacks,
 * and texts of other editors. */
#include "tests/base/harness.h"

#include "policy/config.h"

static const struct host nowhere = {.unknown = true};

/* All problems of TEXT, one per line. The caller frees it. */
static char *problems_of(const struct host *host, const char *text, size_t len)
{
    struct problems problems = {0};
    struct policy *p = policy_parse(text, len, "x.cfg", host, &problems);
    struct buf said = {0};
    size_t i;

    for (i = 0; i < problems.n; i++) {
        char *line = problem_text(&problems.v[i]);

        buf_addf(&said, "%s\n", line);
        free(line);
    }
    buf_add(&said, "", 0);
    if (p) assert_true(!p->bar == !problem_errors(&problems));
    policy_free(p);
    problems_dispose(&problems);
    return said.s;
}

static void says(const char *text, const char *expected)
{
    char *said = problems_of(&nowhere, text, strlen(text));

    assert_string_equal(said, expected);
    free(said);
}

#define GRUB "/usr/libexec/xen/boot/grub-"

static void other_ways_to_boot(void **state)
{
    (void)state;
    says("name = 'a'\ntype = 'hvm'\nkernel = 'hvmloader'\n",
         "x.cfg:3: warning: kernel: xl ignores this line: hvmloader is part "
         "of the image\n");
    says("name = 'a'\nbuilder = 'hvm'\nkernel = '/usr/lib/xen/boot/hvmloader'"
         "\n",
         "x.cfg:3: warning: kernel: xl ignores this line: hvmloader is part "
         "of the image\n");
    says("name = 'a'\nbuilder = 'generic'\n", "");
    says("name = 'a'\nbuilder = 'linux'\n",
         "x.cfg:2: builder: xl rejects \"linux\"; use type = \"pv\", \"pvh\" "
         "or \"hvm\"\n");
    says("name = 'a'\ntype = 'pvh'\nbuilder = 'hvm'\n",
         "x.cfg:3: builder: \"hvm\" contradicts type = \"pvh\"; remove "
         "builder\n");
    says("name = 'a'\nbootloader='/usr/bin/pygrub'\n",
         "x.cfg:2: bootloader: pygrub is not in this image; replace it by "
         "kernel = \"" GRUB "x86_64-xen.bin\" (for a PVH guest \"" GRUB
         "i386-xen_pvh.bin\"), which reads the guest's own "
         "grub.cfg\n");
    says("name = 'a'\ntype = 'pv'\nfirmware = 'pvgrub64'\n",
         "x.cfg:3: firmware: pvgrub64 is not in this image; replace it by "
         "kernel = \"" GRUB "x86_64-xen.bin\" (for a PVH guest \"" GRUB
         "i386-xen_pvh.bin\")\n");
}

static void what_hvm_guests_cannot_have(void **state)
{
    static const char own[] = "name = 'a'\ntype = 'hvm'\n"
                              "device_model_override = '/nowhere/qemu'\n"
                              "bios_path_override = '/nowhere/OVMF.fd'\n"
                              "firmware_override = 'hvmloader'\n";

    (void)state;
    says("name = 'a'\ntype = 'hvm'\nbios = 'ovmf'\n"
         "device_model_version = 'qemu-xen'\n",
         "");
    says("name = 'a'\ntype = 'hvm'\nbios = 'rombios'\n",
         "x.cfg:3: bios: rombios is not in this image; use seabios (the "
         "default) or ovmf (UEFI)\n");
    says("name = 'a'\ntype = 'hvm'\n"
         "device_model_version = 'qemu-xen-traditional'\n",
         "x.cfg:3: device_model_version: qemu-xen-traditional is not in this "
         "image; remove the line to use qemu-xen\n");
    says("name = 'a'\ntype = 'hvm'\ndevice_model_stubdomain_override = 1\n",
         "x.cfg:3: device_model_stubdomain_override: this image has no stub "
         "domains; remove the line to run the device model in dom0\n");
    says(own, "x.cfg:5: firmware_override: hvmloader is not an absolute "
              "path\n");
}

static void lists_without_brackets(void **state)
{
    (void)state;
    says("name = 'a'\ndisk = '/dev/x,raw,xvda,w'\nvif = ''\n",
         "x.cfg:2: disk: xl ignores a value that is not a list; write disk = "
         "[ \"/dev/x,raw,xvda,w\" ]\nx.cfg:3: vif: xl ignores a value that "
         "is not a list; write vif = [ \"\" ]\n");
}

static void disks(void **state)
{
    (void)state;
    says("name = 'a'\ndisk = [ '/srv/Server 2022 x64.iso,,hdc,cdrom' ]\n", "");
    says("name = 'a'\ndisk = [ 'phy:vg0/x,xvda,w' ]\n",
         "x.cfg:2: disk: vg0/x is not an absolute path, and libxl does not "
         "search /dev; write /dev/vg0/x\n");
    says("name = 'a'\ndisk = [ '/dev/x,vmdk,xvda,w' ]\n",
         "x.cfg:2: disk: \"/dev/x,vmdk,xvda,w\": unknown value for format: "
         "near `vmdk'\n");
    says("name = 'a'\ndisk = [ '/dev/x,raw,xvda,w!' ]\n",
         "x.cfg:2: disk: \"/dev/x,raw,xvda,w!\": unknown value for access: "
         "near `w!'\n");
    says("name = 'a'\ndisk = [ '/dev/x,raw' ]\n",
         "x.cfg:2: disk: \"/dev/x,raw\": no vdev specified\n");
    says("name = 'a'\ndisk = [ 'drbd:res,xvda,w' ]\n",
         "x.cfg:2: disk: script block-drbd is not in this image "
         "(/etc/xen/scripts)\n");
    says("name = 'a'\ndisk = [ 'vdev=xvda,script=block-nbd,target=a:1/b', "
         "'vdev=xvdb,script=mine,backend=storage,target=x' ]\n",
         "");
}

#define NO_SCSI "needs a SCSI controller, which QEMU in this image lacks; use "

static void disks_on_scsi(void **state)
{
    (void)state;
    says("name = 'a'\ntype = 'hvm'\ndisk = [ '/dev/x,,sda,w', "
         "'/dev/y,,sdb1' ]\n",
         "x.cfg:3: disk: sda " NO_SCSI "xvda or hda\n"
         "x.cfg:3: disk: sdb1 " NO_SCSI "xvdb1 or hdb1\n");
    says("name = 'a'\nbuilder = 'hvm'\ndisk = [ 'vdev=sdc,script=block-nbd,"
         "target=x' ]\n",
         "x.cfg:3: disk: sdc " NO_SCSI "xvdc or hdc\n");
    /* A CD is on IDE, PV guests have no emulated disks, and another QEMU may
     * have the controller. */
    says("name = 'a'\ntype = 'hvm'\ndisk = [ '/x,,sda,cdrom', "
         "'/dev/x,,xvda,w', '/dev/y,,hdb,w' ]\n",
         "");
    says("name = 'a'\ndisk = [ '/dev/x,,sda,w' ]\n", "");
    says("name = 'a'\ntype = 'hvm'\ndevice_model_override = '/config/qemu'\n"
         "disk = [ '/dev/x,,sda,w' ]\n",
         "");
}

static void cards(void **state)
{
    static const char *const good[] = {
        "7", "7p", "10p/20", "30-39/10p", "10p/100+10x4", "10p/20u", "4094",
    };
    static const char *const bad[] = {
        "",      "0",       "4095",  "10/",
        "/10",   "10p/20p", "20-10", "10-20p",
        "abc",   "010",     "1+0x2", "4090+2x9",
        "10p20", "10//20",  "-",     "99999999999999999999",
    };
    char *text;
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_SIZE(good); i++) {
        text =
            xasprintf("name = 'a'\nvif = [ 'bridge=br0,vlan=%s' ]\n", good[i]);
        says(text, "");
        free(text);
    }
    for (i = 0; i < ARRAY_SIZE(bad); i++) {
        char *said = xasprintf("x.cfg:2: vif: vlan=%s is invalid; write VLANs "
                               "from 1 to 4094 as in 10p/20/30-39\n",
                               bad[i]);

        text = xasprintf("name = 'a'\nvif = [ 'vlan=%s' ]\n", bad[i]);
        says(text, said);
        free(text);
        free(said);
    }
    says("name = 'a'\nvif = [ 'vlan=7,script=vif-route,ip=10.0.0.5' ]\n",
         "x.cfg:2: vif: vlan=7 needs a bridge, which vif-route does not "
         "use\n");
    says("name = 'a'\nvif = [ 'vlan=7, script=/config/mine' ]\n", "");
    says("name = 'a'\nvif = [ 'script=vif-openvswitch' ]\n",
         "x.cfg:2: vif: script vif-openvswitch is not in this image "
         "(/etc/xen/scripts)\n");
}

#define PASSWORD                                                              \
    "VNC passwords are not supported: QEMU is built without DES; use "        \
    "vnclisten = \"unix:/run/xen/vnc-NAME\" over SSH\n"

static void passwords(void **state)
{
    (void)state;
    says("name = 'a'\nvncpasswd = 'x'\ntype = 'hvm'\n",
         "x.cfg:2: vncpasswd: " PASSWORD);
    says("name = 'a'\nbuilder = 'hvm'\nvncpasswd = 'x'\n",
         "x.cfg:3: vncpasswd: " PASSWORD);
    says("name = 'a'\nvfb = [ 'vnc=1, vncpasswd=x' ]\n",
         "x.cfg:2: vfb: " PASSWORD);
    says("name = 'a'\nvnc = 1\nvncpasswd = 'x'\n",
         "x.cfg:3: vncpasswd: " PASSWORD);
    says("name = 'a'\nvncpasswd = 'not read'\n", "");
    says("name = 'a'\ntype = 'hvm'\nvncpasswd = ''\n"
         "vfb = [ 'vnc=1,vncpasswd=,vnclisten=127.0.0.1' ]\n",
         "");
}

static void names(void **state)
{
    (void)state;
    says("name = '42'\n", "x.cfg:1: name: \"42\" is a number, which xl reads "
                          "as a domain id; add a letter\n");
    says("name = 'Domain-0'\n",
         "x.cfg:1: name: \"Domain-0\" is the name of dom0\n");
    says("name = 'a'\nafter = '0'\n",
         "x.cfg:2: after: \"0\" is a number, which xl reads as a domain id; "
         "add a letter\n");
    says("name = '4a'\n", "");
}

#define UTF16 "x.cfg:0: the file is UTF-16; save it as UTF-8\n"

static void texts_of_other_editors(void **state)
{
    static const char little[] = "\377\376n\0a\0\n\0";
    char *said;

    (void)state;
    says("\357\273\277name = 'a'\nmemory = x\n",
         "x.cfg:2: config parsing error near `x': syntax error, unexpected "
         "IDENT, expecting STRING or NUMBER or '['\n");
    says("\357\273\277name = 'a'\r\nmemory = 64\r\n# end", "");
    said = problems_of(&nowhere, little, sizeof(little) - 1);
    assert_string_equal(said, UTF16);
    free(said);
    said = problems_of(&nowhere, "\376\377\0n", 4);
    assert_string_equal(said, UTF16);
    free(said);
    said = problems_of(&nowhere, "a\0b", 3);
    assert_string_equal(said,
                        "x.cfg:0: not a text file: it contains a NUL byte\n");
    free(said);
}

/* Files that the preflight must check. */
static void what_is_wanted(void **state)
{
    static const struct host known = {0};
    static const char text[] =
        "name = 'a'\ntype = 'hvm'\ndevice_model_override = '/usr/local/qemu'\n"
        "vif = [ 'script=/config/mine', 'script=vif-mine' ]\n";
    struct problems problems = {0};
    struct policy *p =
        policy_parse(text, strlen(text), "x.cfg", &known, &problems);

    (void)state;
    assert_int_equal(problems.n, 0);
    assert_int_equal(p->n_wants, 3);
    assert_string_equal(p->wants[0].what, "/config/mine");
    assert_string_equal(p->wants[1].what, "/etc/xen/scripts/vif-mine");
    assert_int_equal(p->wants[1].line, 4);
    assert_string_equal(p->wants[2].what, "/usr/local/qemu");
    assert_string_equal(p->wants[2].key, "device_model_override");
    policy_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_ways_to_boot),
        cmocka_unit_test(what_hvm_guests_cannot_have),
        cmocka_unit_test(lists_without_brackets),
        cmocka_unit_test(disks),
        cmocka_unit_test(disks_on_scsi),
        cmocka_unit_test(cards),
        cmocka_unit_test(passwords),
        cmocka_unit_test(names),
        cmocka_unit_test(texts_of_other_editors),
        cmocka_unit_test(what_is_wanted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
