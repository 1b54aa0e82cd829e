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
    const char *type = domfile_string(r->in, "type");

    if (!type) type = domfile_string(r->in, "builder");
    return type && !strcmp(type, "hvm");
}

bool reader_names_hvmloader(const struct reader *r)
{
    const char *kernel = domfile_string(r->in, "kernel");

    return kernel && reader_is_hvm(r) &&
           !strcmp(base_name(kernel), "hvmloader");
}

bool reader_has_own_model(const struct reader *r)
{
    return domfile_string(r->in, "device_model_override") != NULL;
}

static void check_builder(struct reader *r)
{
    const char *builder = reader_string(r, "builder");
    const char *type = domfile_string(r->in, "type");
    const char *means;

    if (!builder) return;
    means = !strcmp(builder, "hvm")       ? "hvm"
            : !strcmp(builder, "generic") ? "pv"
                                          : NULL;
    if (!means)
        reader_wrong(
            r, "builder",
            "xl rejects \"%s\"; use type = \"pv\", \"pvh\" or \"hvm\"",
            builder);
    else if (type && strcmp(type, means))
        reader_wrong(r, "builder",
                     "\"%s\" contradicts type = \"%s\"; remove builder",
                     builder, type);
}

static void check_boot(struct reader *r)
{
    const char *loader = reader_string(r, "bootloader");
    const char *firmware = domfile_string(r->in, "firmware");

    if (reader_names_hvmloader(r))
        reader_warn(r, "kernel",
                    "xl ignores this line: hvmloader is part of the image");
    if (loader && !strcmp(base_name(loader), "pygrub"))
        reader_wrong(
            r, "bootloader",
            "pygrub is not in this image; replace it by kernel = \"" BOOT
            "/grub-x86_64-xen.bin\" (for a PVH guest \"" BOOT
            "/grub-i386-xen_pvh.bin\"), which "
            "reads the guest's own grub.cfg");
    if (firmware && !reader_is_hvm(r))
        reader_wrong(r, "firmware",
                     "%s is not in this image; replace it by kernel = \"" BOOT
                     "/grub-x86_64-xen.bin\" (for a PVH guest \"" BOOT
                     "/grub-i386-xen_pvh.bin\")",
                     firmware);
}

/* ---- programs and firmware ---------------------------------------------- */

/* KEY names a file that must exist on the host. */
static void check_file(struct reader *r, const char *key)
{
    const char *path = domfile_string(r->in, key);

    if (path) reader_want_file(r, WANT_FILE, path, key);
}

static void check_hvm(struct reader *r)
{
    const char *version = domfile_string(r->in, "device_model_version");
    const char *bios = domfile_string(r->in, "bios");

    check_file(r, "device_model_override");
    check_file(r, "firmware_override");
    check_file(r, "bios_path_override");
    check_file(r, "acpi_firmware");
    check_file(r, "smbios_firmware");
    if (version && strcmp(version, "qemu-xen"))
        reader_wrong(
            r, "device_model_version",
            "%s is not in this image; remove the line to use qemu-xen",
            version);
    if (get_number(r, "device_model_stubdomain_override"))
        reader_wrong(r, "device_model_stubdomain_override",
                     "this image has no stub domains; remove the line to run "
                     "the device model in dom0");
    if (bios && strcmp(bios, "seabios") && strcmp(bios, "ovmf"))
        reader_wrong(r, "bios",
                     "%s is not in this image; use seabios (the default) or "
                     "ovmf (UEFI)",
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
        const char *text = domfile_string(r->in, lists[i]);

        if (text)
            reader_wrong(
                r, lists[i],
                "xl ignores a value that is not a list; write %s = [ \"%s\" ]",
                lists[i], text);
    }
}

/* SCRIPT is the hotplug script of a device of KEY. */
static void check_script(struct reader *r, const char *key, const char *script)
{
    /* The scripts in rootfs/etc/xen/scripts; a test compares. */
    static const char *const known[] = {
        "block",      "block-iscsi", "block-nbd",
        "block-nvme", "block-qemu",  "vif-antispoof",
        "vif-bridge", "vif-nat",     "vif-route",
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
                         "script %s is not in this image (" SCRIPTS ")",
                         script);
    } else {
        path = xasprintf(SCRIPTS "/%s", script);
        reader_want(r, WANT_FILE, path, key);
        free(path);
    }
}

/* libxl gives an HVM guest with a disk sdX the controller lsi53c895a, without
 * which QEMU ends. */
static void check_vdev(struct reader *r, const libxl_device_disk *disk)
{
    if (!reader_is_hvm(r) || reader_has_own_model(r) || disk->is_cdrom ||
        strncmp(disk->vdev, "sd", 2))
        return;
    reader_wrong(r, "disk",
                 "%s needs a SCSI controller, which QEMU in this image lacks; "
                 "use xvd%s or hd%s",
                 disk->vdev, disk->vdev + 2, disk->vdev + 2);
}

static void check_disks(struct reader *r)
{
    struct strlist specs = {0};
    size_t i;

    get_list(r, "disk", &specs);
    for (i = 0; i < specs.n; i++) {
        libxl_device_disk disk;
        char *bad = domfile_disk(r->in, specs.v[i], &disk);

        if (!bad) check_vdev(r, &disk);
        /* A driver domain has its own scripts. */
        if (!bad && disk.script && !disk.backend_domname)
            check_script(r, "disk", disk.script);
        free(bad);
        libxl_device_disk_dispose(&disk);
    }
    strlist_dispose(&specs);
}

/* Reads a VLAN's number at *TEXT and moves behind it. Returns 0 if there is
 * none from 1 to MAX. */
static unsigned long read_vlan(const char **text, unsigned long max)
{
    char *end;
    unsigned long id;

    if (**text < '1' || **text > '9') return 0;
    id = strtoul(*text, &end, 10);
    *text = end;
    return id <= max ? id : 0;
}

/* Whether SPEC is a valid vlan= (xl-network-configuration(5)): terms A, A-B or
 * A+STEPxMORE between slashes, with p (one at most) or u behind them. */
static bool is_vlan_spec(const char *spec)
{
    unsigned int pvids = 0;

    do {
        unsigned long id = read_vlan(&spec, 4094);
        bool single = false;

        if (!id) return false;
        if (*spec == '-') {
            spec++;
            if (read_vlan(&spec, 4094) < id) return false;
        } else if (*spec == '+') {
            unsigned long step;
            unsigned long more;

            spec++;
            step = read_vlan(&spec, 4094);
            if (!step || *spec++ != 'x') return false;
            more = read_vlan(&spec, 4094);
            if (!more || id + step * more > 4094) return false;
        } else {
            single = true;
        }
        if (*spec == 'p' && (!single || pvids++)) return false;
        if (*spec == 'p' || *spec == 'u') spec++;
    } while (*spec == '/' && *++spec);
    return !*spec && spec[-1] != '/';
}

static void check_vlan(struct reader *r, const char *script, const char *vlan)
{
    if (script && (!strcmp(script, "vif-route") || !strcmp(script, "vif-nat")))
        reader_wrong(r, "vif", "vlan=%s needs a bridge, which %s does not use",
                     vlan, script);
    else if (!is_vlan_spec(vlan))
        reader_wrong(r, "vif",
                     "vlan=%s is invalid; write VLANs from 1 to 4094 as in "
                     "10p/20/30-39",
                     vlan);
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
        /* Another script has its own language. */
        if (vlan && !backend && (!script || !strncmp(script, "vif-", 4)))
            check_vlan(r, script, vlan);
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
                 "VNC passwords are not supported: QEMU is built without DES; "
                 "use vnclisten = \"unix:/run/xen/vnc-NAME\" over SSH");
}

/* QEMU would exit at once, and the domain would not start. */
static void check_passwords(struct reader *r)
{
    const char *password = domfile_string(r->in, "vncpasswd");
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
