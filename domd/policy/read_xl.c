/*
 * Of the keys of xl.cfg(5), those that concern other domains or that this host
 * may not be able to satisfy.
 */
#include "policy/internal.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <arpa/inet.h>

#include "preflight/kernel.h"
#include "preflight/pci.h"
#include "preflight/qcow2.h"

/* ---- files -------------------------------------------------------------- */

/* Whether the image brings it along where a domain file asks for it. */
static bool provided(const char *path)
{
    return !strcmp(path, "/config/images/hello/vmlinux") ||
           !strcmp(path, "/config/images/hello/initrd.gz");
}

static void need_file(struct reader *r, const char *key, const char *path)
{
    struct stat st;

    if (r->host->unknown && provided(path)) return;
    if (*path != '/')
        reader_wrong(r, key, "%s is not an absolute path", path);
    else if (!r->host->unknown && stat(path, &st))
        reader_wrong(r, key, "%s%s%s", path, errno == ENOENT ? " " : ": ",
                     errno == ENOENT ? "does not exist" : strerror(errno));
}

/* need_file() for an image of that format, which is looked into, too. */
static void need_qcow2(struct reader *r, const char *path)
{
    char *problem;

    if (r->host->unknown) return;
    if (!strlist_has(&r->host->words, HOST_DEVICE_MODEL)) {
        policy_bar(
            r->p, true,
            "this image has nothing that reads qcow2 (%s): it was built "
            "without HVM",
            path);
        return;
    }
    problem = qcow2_problem(path);
    if (problem) reader_wrong(r, "disk", "%s", problem);
    free(problem);
}

static void read_file_key(struct reader *r, const char *key)
{
    const char *path = reader_string(r, key);

    if (path) need_file(r, key, path);
}

/* Whether it is `kernel` itself that libxl loads: not the firmware of an HVM
 * guest, what a boot loader finds, or Xen's shim. */
static bool loads_kernel(const struct reader *r)
{
    const char *text = NULL;
    long shim = 0;

    if (!xlu_cfg_get_string(r->cfg, "bootloader", &text, 1)) return false;
    if (!xlu_cfg_get_string(r->cfg, "type", &text, 1) && !strcmp(text, "hvm"))
        return false;
    /* xl's old word for the type */
    if (!xlu_cfg_get_string(r->cfg, "builder", &text, 1) &&
        !strcmp(text, "hvm"))
        return false;
    return xlu_cfg_get_long(r->cfg, "pvshim", &shim, 1) || !shim;
}

static void read_kernel(struct reader *r)
{
    const char *path = reader_string(r, "kernel");
    size_t before = r->problems->n;
    char *problem;

    if (!path) return;
    need_file(r, "kernel", path);
    if (r->host->unknown || r->problems->n != before || !loads_kernel(r))
        return;
    problem = kernel_problem(path);
    if (problem) reader_wrong(r, "kernel", "%s", problem);
    free(problem);
}

/* ---- devices ------------------------------------------------------------ */

/* Notes a disk that the domain writes under its one real name. */
static void note_written(struct reader *r, const char *path)
{
    char *real = realpath(path, NULL);

    strlist_add(&r->p->writes, real ? real : path);
    free(real);
}

static void read_disk(struct reader *r, const char *spec)
{
    libxl_device_disk disk;
    char *path = NULL;

    libxl_device_disk_init(&disk);
    if (xlu_disk_parse(r->cfg, 1, &spec, &disk)) {
        reader_wrong(r, "disk", "\"%s\" cannot be understood", spec);
        goto out;
    }
    if (!disk.pdev_path || !*disk.pdev_path) goto out; /* an empty drive */
    /* What a script or another domain makes of it is theirs to know; but the
     * same words mean the same disk. */
    if (disk.script || disk.backend_domname) {
        path = xasprintf("%s:%s",
                         disk.script ? disk.script : disk.backend_domname,
                         disk.pdev_path);
        if (disk.readwrite) strlist_add(&r->p->writes, path);
        goto out;
    }
    path = *disk.pdev_path == '/' ? xstrdup(disk.pdev_path)
                                  : xasprintf("/dev/%s", disk.pdev_path);
    if (disk.format == LIBXL_DISK_FORMAT_QCOW2)
        need_qcow2(r, path);
    else
        need_file(r, "disk", path);
    if (disk.readwrite) note_written(r, path);
out:
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

/* WHOSE: "" or where the name comes from. */
static void check_bridge(struct reader *r, const char *bridge,
                         const char *whose)
{
    char *path;
    struct stat st;

    if (r->host->unknown) return;
    path = xasprintf("/sys/class/net/%s/bridge", bridge);
    if (strchr(bridge, '/') || stat(path, &st))
        reader_wrong(r, "vif", "there is no bridge %s%s", bridge, whose);
    free(path);
}

/* NAME=VALUE of a vif, as far as it matters here. */
static void read_vif_option(struct reader *r, const char *option, bool ours)
{
    struct in_addr in;

    if (!strncmp(option, "mac=", 4)) {
        strlist_add(&r->p->macs, option + 4);
    } else if (!strncmp(option, "bridge=", 7)) {
        if (ours) check_bridge(r, option + 7, "");
    } else if (!strncmp(option, "ip=", 3) && !r->p->address &&
               inet_pton(AF_INET, option + 3, &in) == 1) {
        r->p->address = xstrdup(option + 3);
    }
}

static void read_vifs(struct reader *r)
{
    struct strlist specs = {0};
    size_t i;

    reader_list(r, "vif", &specs);
    for (i = 0; i < specs.n; i++) {
        char *save = NULL;
        char *option;
        /* What another domain or a script makes of it is theirs to know. */
        bool ours =
            !strstr(specs.v[i], "backend=") && !strstr(specs.v[i], "script=");
        bool named = strstr(specs.v[i], "bridge=") != NULL;

        for (option = strtok_r(specs.v[i], ",", &save); option;
             option = strtok_r(NULL, ",", &save)) {
            while (isspace((unsigned char)*option))
                option++;
            read_vif_option(r, option, ours);
        }
        if (ours && !named && r->host->bridge)
            check_bridge(r, r->host->bridge,
                         ", the default of /etc/xen/xl.conf");
    }
    strlist_dispose(&specs);
}

static void read_pcis(struct reader *r)
{
    struct strlist specs = {0};
    const char *type = NULL;
    long seize = 0;
    size_t i;

    reader_list(r, "pci", &specs);
    if (!specs.n) return;
    xlu_cfg_get_long(r->cfg, "pci_seize", &seize, 1);
    for (i = 0; i < specs.n; i++) {
        char *problem =
            pci_problem(r->cfg, specs.v[i], seize != 0, !r->host->unknown);

        if (problem) reader_wrong(r, "pci", "%s", problem);
        free(problem);
    }
    if (!xlu_cfg_get_string(r->cfg, "type", &type, 1) && !strcmp(type, "pvh"))
        reader_wrong(r, "pci",
                     "a pvh guest cannot have a PCI device; pv and hvm can");
    if (!r->host->unknown && !strlist_has(&r->host->words, "iommu"))
        policy_bar(
            r->p, true,
            "a guest with a PCI device needs an IOMMU (VT-d or AMD-Vi), "
            "which this host lacks or has switched off in its firmware");
    strlist_dispose(&specs);
}

/* ---- what the host must have -------------------------------------------- */

static void read_memory(struct reader *r)
{
    if (!reader_long(r, "memory", 1, LONG_MAX / 2048, &r->p->memory_mb))
        return;
    if (!r->host->unknown && r->host->total_mb &&
        r->p->memory_mb > r->host->total_mb)
        reader_wrong(r, "memory",
                     "%ld MiB cannot fit: this host has %ld MiB for "
                     "domains",
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
                   "which this host lacks or has switched off in its firmware",
                   type);
    else if (!strlist_has(&r->host->words, "hap"))
        /* Xen is built without shadow paging. */
        policy_bar(r->p, true,
                   "a %s guest needs nested paging (EPT or NPT), which this "
                   "host lacks",
                   type);
    else if (!strcmp(type, "hvm") &&
             !strlist_has(&r->host->words, HOST_DEVICE_MODEL))
        policy_bar(r->p, true,
                   "this image has no device model: it was built without HVM");
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
