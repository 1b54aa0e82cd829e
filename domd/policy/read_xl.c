/*
 * The keys of xl.cfg(5) that concern other domains, or that this host may not
 * satisfy. The reader looks up no file that they name: a dead share would
 * block it.
 */
#include "policy/internal.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

/* ---- files -------------------------------------------------------------- */

struct want *reader_want_file(struct reader *r, enum want_kind kind,
                              const char *path, const char *key)
{
    if (*path == '/') return reader_want(r, kind, path, key);
    reader_wrong(r, key, "%s is not an absolute path", path);
    return NULL;
}

static void read_file_key(struct reader *r, const char *key)
{
    const char *path = reader_string(r, key);

    if (path) reader_want_file(r, WANT_FILE, path, key);
}

/* What `kernel` has to be: the firmware of an HVM guest gets it from QEMU. Of
 * a boot loader's input, or behind the PV shim, the format is unknown. */
static enum want_kind kernel_kind(const struct reader *r)
{
    long shim = 0;

    if (reader_is_hvm(r))
        return reader_has_own_model(r) ? WANT_FILE : WANT_HVM_KERNEL;
    if (domfile_string(r->in, "bootloader")) return WANT_FILE;
    if (!xlu_cfg_get_long(r->cfg, "pvshim", &shim, 1) && shim)
        return WANT_FILE;
    return WANT_KERNEL;
}

static void read_kernel(struct reader *r)
{
    const char *path = reader_string(r, "kernel");

    if (!path || reader_names_hvmloader(r)) return;
    reader_want_file(r, kernel_kind(r), path, "kernel");
}

/* ---- devices ------------------------------------------------------------ */

/* A qcow2 image, which needs QEMU. */
static struct want *want_qcow2(struct reader *r, const char *path)
{
    if (r->host->unknown || strlist_has(&r->host->words, HOST_DEVICE_MODEL))
        return reader_want_file(r, WANT_QCOW2, path, "disk");
    policy_bar(r->p, true,
               "cannot open the qcow2 image %s: this image has no QEMU, as it "
               "was built without HVM",
               path);
    return NULL;
}

static void read_disk(struct reader *r, const char *spec)
{
    libxl_device_disk disk;
    struct want *want;
    char *path = NULL;
    char *bad = domfile_disk(r->in, spec, &disk);

    if (bad) {
        reader_wrong(r, "disk", "\"%s\": %s", spec, bad);
        goto out;
    }
    if (!disk.pdev_path || !*disk.pdev_path) goto out; /* an empty drive */
    /* A script or another domain interprets the path; but equal paths mean the
     * same disk. */
    if (disk.script || disk.backend_domname) {
        path = xasprintf("%s:%s",
                         disk.script ? disk.script : disk.backend_domname,
                         disk.pdev_path);
        if (disk.readwrite) strlist_add(&r->p->writes, path);
        goto out;
    }
    if (*disk.pdev_path != '/') {
        reader_wrong(r, "disk",
                     "%s is not an absolute path, and libxl does not search "
                     "/dev; write /dev/%s",
                     disk.pdev_path, disk.pdev_path);
        goto out;
    }
    path = xstrdup(disk.pdev_path);
    want = disk.format == LIBXL_DISK_FORMAT_QCOW2
               ? want_qcow2(r, path)
               : reader_want_file(r, WANT_FILE, path, "disk");
    if (!disk.readwrite) goto out;
    strlist_add(&r->p->writes, path);
    if (want) want->written = true;
out:
    free(bad);
    free(path);
    libxl_device_disk_dispose(&disk);
}

static void read_disks(struct reader *r)
{
    struct strlist specs = {0};
    size_t i;

    reader_list(r, "disk", &specs);
    for (i = 0; i < specs.n; i++)
        read_disk(r, specs.v[i]);
    strlist_dispose(&specs);
}

/* The first of these addresses, separated by blanks, that is one of IPv4, for
 * the caller to free; NULL if there is none. A network is no address. */
static char *first_ipv4(const char *list)
{
    struct in_addr in;

    while (*(list += strspn(list, " \t"))) {
        size_t len = strcspn(list, " \t");
        char *word = xstrndup(list, len);
        char *slash = strchr(word, '/');

        if (slash && !strcmp(slash, "/32")) *slash = '\0';
        if (inet_pton(AF_INET, word, &in) == 1) return word;
        free(word);
        list += len;
    }
    return NULL;
}

/* An option NAME=VALUE of a vif. OURS: dom0 attaches the vif. */
static void read_vif_option(struct reader *r, const char *option, bool ours)
{
    if (!strncmp(option, "bridge=", 7)) {
        if (ours) reader_want(r, WANT_BRIDGE, option + 7, "vif");
    } else if (!strncmp(option, "ip=", 3) && !r->p->address) {
        r->p->address = first_ipv4(option + 3);
    }
}

/* Whether dom0 attaches a vif of SPEC to a bridge. Another domain or another
 * script interprets the rest. */
static bool is_bridged(const char *spec)
{
    const char *script = strstr(spec, "script=");
    bool bridged = true;
    char *name;

    if (script) {
        script += strlen("script=");
        name = xstrndup(script, strcspn(script, ", \t"));
        bridged =
            !strcmp(name, "vif-bridge") || !strcmp(name, "vif-antispoof");
        free(name);
    }
    return bridged && !strstr(spec, "backend=");
}

static void read_vifs(struct reader *r)
{
    struct strlist specs = {0};
    size_t i;

    reader_list(r, "vif", &specs);
    for (i = 0; i < specs.n; i++) {
        char *save = NULL;
        char *option;
        bool ours = is_bridged(specs.v[i]);
        bool named = strstr(specs.v[i], "bridge=") != NULL;

        for (option = strtok_r(specs.v[i], ",", &save); option;
             option = strtok_r(NULL, ",", &save)) {
            while (isspace((unsigned char)*option))
                option++;
            read_vif_option(r, option, ours);
        }
        if (ours && !named && r->host->bridge)
            reader_want(r, WANT_BRIDGE, r->host->bridge, "vif")->by_default =
                true;
    }
    strlist_dispose(&specs);
}

static void read_pci(struct reader *r, const char *spec, bool seize)
{
    libxl_device_pci pci;
    char *number = NULL;

    libxl_device_pci_init(&pci);
    if (xlu_pci_parse_spec_string(r->cfg, &pci, spec)) {
        reader_wrong(
            r, "pci",
            "\"%s\" is not a PCI device; write its number, as lspci prints it",
            spec);
        goto out;
    }
    /* The name comes from xl pci-assignable-add. */
    if (pci.name) goto out;
    number = xasprintf("%04x:%02x:%02x.%x", (unsigned int)pci.domain,
                       (unsigned int)pci.bus, (unsigned int)pci.dev,
                       (unsigned int)pci.func);
    reader_want(r, WANT_PCI, number, "pci")->seize = seize || pci.seize;
out:
    free(number);
    libxl_device_pci_dispose(&pci);
}

static void read_pcis(struct reader *r)
{
    struct strlist specs = {0};
    const char *type = domfile_string(r->in, "type");
    long seize = 0;
    size_t i;

    reader_list(r, "pci", &specs);
    if (!specs.n) return;
    xlu_cfg_get_long(r->cfg, "pci_seize", &seize, 1);
    for (i = 0; i < specs.n; i++)
        read_pci(r, specs.v[i], seize != 0);
    if (type && !strcmp(type, "pvh"))
        reader_wrong(r, "pci",
                     "PVH guests cannot have PCI devices; use type = \"pv\" "
                     "or \"hvm\"");
    if (!r->host->unknown && !strlist_has(&r->host->words, "iommu"))
        policy_bar(r->p, true,
                   "a guest with a PCI device needs an IOMMU (VT-d or "
                   "AMD-Vi), which this host lacks or its firmware disables");
    strlist_dispose(&specs);
}

/* ---- host requirements -------------------------------------------------- */

static void read_memory(struct reader *r)
{
    if (!reader_long(r, "memory", 1, LONG_MAX / 2048, &r->p->memory_mb))
        return;
    if (!r->host->unknown && r->host->total_mb &&
        r->p->memory_mb > r->host->total_mb)
        reader_wrong(
            r, "memory",
            "the domain needs %ld MiB, but this host has %ld MiB for domains",
            r->p->memory_mb, r->host->total_mb);
}

static void read_type(struct reader *r)
{
    const char *type = reader_string(r, "type");

    if (type && strcmp(type, "pv") && strcmp(type, "pvh") &&
        strcmp(type, "hvm")) {
        reader_wrong(r, "type", "\"%s\" is not pv, pvh or hvm", type);
        return;
    }
    if (!type || !strcmp(type, "pv") || r->host->unknown) return;
    if (!strlist_has(&r->host->words, "hvm"))
        policy_bar(r->p, true,
                   "a %s guest needs hardware virtualisation (VT-x or SVM), "
                   "which this host lacks or its firmware disables",
                   type);
    else if (!strlist_has(&r->host->words, "hap"))
        /* This Xen is built without shadow paging. */
        policy_bar(r->p, true,
                   "a %s guest needs nested paging (EPT or NPT), which this "
                   "host lacks",
                   type);
    else if (!strcmp(type, "hvm") &&
             !strlist_has(&r->host->words, HOST_DEVICE_MODEL))
        policy_bar(
            r->p, true,
            "this image has no device model (QEMU): it was built without HVM");
}

static void read_uuid(struct reader *r)
{
    const char *text = reader_string(r, "uuid");

    if (text) r->p->uuid = xstrdup(text);
}

void reader_xl(struct reader *r)
{
    read_uuid(r);
    read_type(r);
    read_memory(r);
    read_kernel(r);
    read_file_key(r, "ramdisk");
    read_disks(r);
    read_vifs(r);
    read_pcis(r);
}
