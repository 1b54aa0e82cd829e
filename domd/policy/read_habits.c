/*
 * Settings that were right for another host or an older xl, and have another
 * effect here: xl ignores some with a warning that nobody sees at boot, and
 * others need programs that this image lacks.
 */
#include "policy/internal.h"

#include <stdlib.h>
#include <string.h>

#define SCRIPTS "/etc/xen/scripts"
#define BOOT    "/usr/libexec/xen/boot"

static const char *get_string(const struct reader *r, const char *key)
{
    const char *text = NULL;

    return xlu_cfg_get_string(r->cfg, key, &text, 1) ? NULL : text;
}

static long get_number(const struct reader *r, const char *key)
{
    long n = 0;

    return xlu_cfg_get_long(r->cfg, key, &n, 1) ? 0 : n;
}

/* The strings of the list KEY. Other functions report its errors. */
static void get_list(const struct reader *r, const char *key,
                     struct strlist *list)
{
    XLU_ConfigList *values = NULL;
    int n = 0;
    int i;

    if (xlu_cfg_get_list(r->cfg, key, &values, &n, 1)) return;
    for (i = 0; i < n; i++) {
        const char *item = xlu_cfg_get_listitem(values, i);

        if (item) strlist_add(list, item);
    }
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* The value of option NAME ("name=") in the comma-separated SPEC. The caller
 * frees it; NULL: no such option. */
static char *get_option(const char *spec, const char *name)
{
    while (*spec) {
        size_t len;

        spec += strspn(spec, " \t");
        len = strcspn(spec, ",");
        if (!strncmp(spec, name, strlen(name)))
            return xstrndup(spec + strlen(name), len - strlen(name));
        spec += len;
        if (*spec == ',') spec++;
    }
    return NULL;
}

/* ---- the type and what it starts from ----------------------------------- */

bool reader_is_hvm(const struct reader *r)
{
    const char *type = get_string(r, "type");

    if (!type) type = get_string(r, "builder");
    return type && !strcmp(type, "hvm");
}

bool reader_names_hvmloader(const struct reader *r)
{
    const char *kernel = get_string(r, "kernel");

    return kernel && reader_is_hvm(r) &&
           !strcmp(base_name(kernel), "hvmloader");
}

static void check_builder(struct reader *r)
{
    const char *builder = reader_string(r, "builder");
    const char *type = get_string(r, "type");
    const char *means;

    if (!builder) return;
    means = !strcmp(builder, "hvm")       ? "hvm"
            : !strcmp(builder, "generic") ? "pv"
                                          : NULL;
    if (!means)
        reader_wrong(r, "builder",
                     "xl refuses \"%s\": write type = \"pv\", \"pvh\" or "
                     "\"hvm\" instead",
                     builder);
    else if (type && strcmp(type, means))
        reader_wrong(r, "builder",
                     "\"%s\" contradicts type = \"%s\": take the builder away",
                     builder, type);
}

static void check_boot(struct reader *r)
{
    const char *loader = reader_string(r, "bootloader");
    const char *firmware = get_string(r, "firmware");

    if (reader_names_hvmloader(r))
        reader_warn(r, "kernel",
                    "hvmloader comes with the image, and xl leaves this "
                    "line out");
    if (loader && !strcmp(base_name(loader), "pygrub"))
        reader_wrong(r, "bootloader",
                     "pygrub is not in this image: take the line away and "
                     "write kernel = \"" BOOT "/grub-x86_64-xen.bin\" (for a "
                     "pvh guest \"" BOOT "/grub-i386-xen_pvh.bin\"), which "
                     "reads the guest's own grub.cfg");
    if (firmware && !reader_is_hvm(r))
        reader_wrong(r, "firmware",
                     "%s is not in this image: take the line away and write "
                     "kernel = \"" BOOT "/grub-x86_64-xen.bin\" (for a pvh "
                     "guest \"" BOOT "/grub-i386-xen_pvh.bin\")",
                     firmware);
}

/* ---- programs and firmware ---------------------------------------------- */

/* KEY names a file that must exist on the host. */
static void check_file(struct reader *r, const char *key)
{
    const char *path = get_string(r, key);

    if (path) reader_want_file(r, WANT_FILE, path, key);
}

static void check_hvm(struct reader *r)
{
    const char *version = get_string(r, "device_model_version");
    const char *bios = get_string(r, "bios");

    check_file(r, "device_model_override");
    check_file(r, "firmware_override");
    check_file(r, "bios_path_override");
    check_file(r, "acpi_firmware");
    check_file(r, "smbios_firmware");
    if (version && strcmp(version, "qemu-xen"))
        reader_wrong(r, "device_model_version",
                     "%s is not in this image: take the line away, and "
                     "qemu-xen is used",
                     version);
    if (get_number(r, "device_model_stubdomain_override"))
        reader_wrong(r, "device_model_stubdomain_override",
                     "device models run in dom0 here: this image has no "
                     "stub domain; take the line away");
    if (bios && strcmp(bios, "seabios") && strcmp(bios, "ovmf"))
        reader_wrong(r, "bios",
                     "%s is not in this image: seabios (the default) and ovmf "
                     "(UEFI) are",
                     bios);
}

/* ---- devices ------------------------------------------------------------ */

/* xl ignores a device list that is a string: the guest starts without it. */
static void check_brackets(struct reader *r)
{
    static const char *const lists[] = {
        "disk",   "vif",    "vfb",     "pci",    "channel", "usbctrl",
        "usbdev", "vtpm",   "p9",      "dtdev",  "ioports", "irqs",
        "iomem",  "vdispl", "pvcalls", "virtio", "vkb",     "vsnd",
    };
    size_t i;

    for (i = 0; i < ARRAY_SIZE(lists); i++) {
        const char *text = get_string(r, lists[i]);

        if (text)
            reader_wrong(
                r, lists[i],
                "xl leaves out what is no list: write %s = [ \"%s\" ]",
                lists[i], text);
    }
}

/* SCRIPT is the hotplug script of a device of KEY. */
static void check_script(struct reader *r, const char *key, const char *script)
{
    /* The scripts in rootfs/etc/xen/scripts; a test compares. */
    static const char *const known[] = {
        "block",      "block-iscsi", "block-nbd", "block-nvme",
        "block-qemu", "vif-bridge",  "vif-nat",   "vif-route",
    };
    bool there = false;
    char *path;
    size_t i;

    if (*script == '/') {
        reader_want(r, WANT_FILE, script, key);
    } else if (r->host->unknown) {
        for (i = 0; i < ARRAY_SIZE(known); i++)
            there = there || !strcmp(script, known[i]);
        if (!there)
            reader_wrong(r, key,
                         "the script %s is not in this image (" SCRIPTS ")",
                         script);
    } else {
        path = xasprintf(SCRIPTS "/%s", script);
        reader_want(r, WANT_FILE, path, key);
        free(path);
    }
}

static void check_disks(struct reader *r)
{
    struct strlist specs = {0};
    size_t i;

    get_list(r, "disk", &specs);
    for (i = 0; i < specs.n; i++) {
        libxl_device_disk disk;
        char *bad = domfile_disk(r->in, specs.v[i], &disk);

        /* A driver domain has its own scripts. */
        if (!bad && disk.script && !disk.backend_domname)
            check_script(r, "disk", disk.script);
        free(bad);
        libxl_device_disk_dispose(&disk);
    }
    strlist_dispose(&specs);
}

static void check_vifs(struct reader *r)
{
    struct strlist specs = {0};
    size_t i;

    get_list(r, "vif", &specs);
    for (i = 0; i < specs.n; i++) {
        char *backend = get_option(specs.v[i], "backend=");
        char *script = get_option(specs.v[i], "script=");
        char *vlan = get_option(specs.v[i], "vlan=");

        if (script && !backend) check_script(r, "vif", script);
        if (vlan && !script && !backend)
            reader_wrong(r, "vif",
                         "vlan=%s is not honoured: no script of this image "
                         "puts a guest into a VLAN; use a bridge that is on "
                         "the VLAN",
                         vlan);
        free(backend);
        free(script);
        free(vlan);
    }
    strlist_dispose(&specs);
}

/* ---- screens ------------------------------------------------------------ */

static void reject_password(struct reader *r, const char *key)
{
    reader_wrong(r, key,
                 "a password for VNC is not possible, QEMU is built without "
                 "DES: use vnclisten = \"unix:/run/xen/vnc-NAME\", which is "
                 "reached over SSH");
}

/* QEMU would exit at once, and the domain would not start. */
static void check_passwords(struct reader *r)
{
    const char *password = get_string(r, "vncpasswd");
    struct strlist specs = {0};
    size_t i;

    get_list(r, "vfb", &specs);
    /* A PV guest uses vncpasswd where `vnc` creates its only screen. */
    if (password && *password &&
        (reader_is_hvm(r) || (!specs.n && get_number(r, "vnc"))))
        reject_password(r, "vncpasswd");
    for (i = 0; i < specs.n; i++) {
        char *of_screen = get_option(specs.v[i], "vncpasswd=");

        if (of_screen && *of_screen) reject_password(r, "vfb");
        free(of_screen);
    }
    strlist_dispose(&specs);
}

void reader_habits(struct reader *r)
{
    check_builder(r);
    check_boot(r);
    check_brackets(r);
    check_disks(r);
    check_vifs(r);
    if (reader_is_hvm(r)) check_hvm(r);
    check_passwords(r);
}
