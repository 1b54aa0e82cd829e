#include "policy_read.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <arpa/inet.h>
#include <libxlutil.h>

#include "kernel.h"
#include "keyscan.h"
#include "pci.h"
#include "qcow2.h"
#include "xlkeys.h"

/* One file while it is read. */
struct reader {
    XLU_Config *cfg;
    const char *file;
    struct key_places places;
    struct policy *p;
    const struct host *host;
    struct problems *problems;
};

/* ---- messages ----------------------------------------------------------- */

static void wrong(struct reader *r, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Reports what is wrong with the setting KEY. */
static void wrong(struct reader *r, const char *key, const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    text = xvasprintf(format, args);
    va_end(args);
    problem_add(r->problems, r->file, keyscan_line(&r->places, key), "%s: %s",
                key, text);
    free(text);
}

/* libxlutil's messages are lines of "FILE:LINE: text"; keeps them so. */
static void take_report(struct problems *problems, const char *file,
                        char *report)
{
    size_t skip = strlen(file);
    char *save = NULL;
    char *line;

    for (line = strtok_r(report, "\n", &save); line;
         line = strtok_r(NULL, "\n", &save)) {
        int number = 0;
        int used = 0;

        if (!strncmp(line, file, skip) &&
            sscanf(line + skip, ":%d: %n", &number, &used) == 1 && used)
            problem_add(problems, file, number, "%s", line + skip + used);
        else
            problem_add(problems, file, 0, "%s", line);
    }
}

/* ---- values ------------------------------------------------------------- */

/* Returns the string of KEY, or NULL if it is not set or no string. */
static const char *get_string(struct reader *r, const char *key)
{
    const char *value = NULL;
    int r_cfg = xlu_cfg_get_string(r->cfg, key, &value, 1);

    if (r_cfg == EINVAL) wrong(r, key, "is a list; it must be one value");
    return r_cfg ? NULL : value;
}

static bool get_long(struct reader *r, const char *key, long min, long max,
                     long *value_r)
{
    const char *text = get_string(r, key);

    if (!text) return false;
    if (parse_long(text, min, max, value_r)) return true;
    wrong(r, key, "\"%s\" is not a number from %ld to %ld", text, min, max);
    return false;
}

static void get_seconds(struct reader *r, const char *key, long min,
                        msec *value_r)
{
    long seconds;

    if (get_long(r, key, min, 86400, &seconds))
        *value_r = (msec)seconds * 1000;
}

static void get_bool(struct reader *r, const char *key, bool *value_r)
{
    const char *text = get_string(r, key);

    if (!text) return;
    if (!strcmp(text, "yes") || !strcmp(text, "1"))
        *value_r = true;
    else if (!strcmp(text, "no") || !strcmp(text, "0"))
        *value_r = false;
    else
        wrong(r, key, "\"%s\" is not yes or no", text);
}

/* A list of strings, or one string that stands for a list of one. */
static void get_list(struct reader *r, const char *key, struct strlist *list)
{
    XLU_ConfigList *values = NULL;
    const char *one = NULL;
    int n = 0;
    int i;

    if (!xlu_cfg_get_string(r->cfg, key, &one, 1)) {
        strlist_add(list, one);
        return;
    }
    if (xlu_cfg_get_list(r->cfg, key, &values, &n, 1)) return;
    for (i = 0; i < n; i++) {
        const char *item = xlu_cfg_get_listitem(values, i);

        if (item)
            strlist_add(list, item);
        else
            wrong(r, key, "element %d is no string", i + 1);
    }
}

/* ---- the keys of xenith-domain(5) --------------------------------------- */

static void read_names(struct reader *r, const char *key, struct strlist *list)
{
    size_t i;

    get_list(r, key, list);
    for (i = 0; i < list->n; i++) {
        if (!policy_name_ok(list->v[i]))
            wrong(r, key, "\"%s\" cannot be the name of a domain", list->v[i]);
        else if (!strcmp(list->v[i], r->p->name))
            wrong(r, key, "names the domain itself");
    }
}

static void read_autostart(struct reader *r, const char *key)
{
    get_bool(r, key, &r->p->autostart);
}

static void read_after(struct reader *r, const char *key)
{
    read_names(r, key, &r->p->after);
}

static void read_requires(struct reader *r, const char *key)
{
    read_names(r, key, &r->p->requires);
}

static void read_ready(struct reader *r, const char *key)
{
    const char *text = get_string(r, key);
    const char *bad;

    if (!text) return;
    bad = ready_parse(text, &r->p->ready);
    if (bad) wrong(r, key, "\"%s\": %s", text, bad);
}

static void read_start_timeout(struct reader *r, const char *key)
{
    get_seconds(r, key, 1, &r->p->start_timeout);
}

static void read_stop_timeout(struct reader *r, const char *key)
{
    get_seconds(r, key, 1, &r->p->stop_timeout);
}

static void read_start_delay(struct reader *r, const char *key)
{
    get_seconds(r, key, 0, &r->p->start_delay);
}

static void read_restart(struct reader *r, const char *key)
{
    const char *text = get_string(r, key);

    if (!text) return;
    if (!strcmp(text, "no"))
        r->p->restart = RESTART_NO;
    else if (!strcmp(text, "on-failure"))
        r->p->restart = RESTART_ON_FAILURE;
    else if (!strcmp(text, "always"))
        r->p->restart = RESTART_ALWAYS;
    else
        wrong(r, key, "\"%s\" is not no, on-failure or always", text);
}

static void read_restart_delay(struct reader *r, const char *key)
{
    get_seconds(r, key, 1, &r->p->restart_delay);
}

static void read_restart_window(struct reader *r, const char *key)
{
    get_seconds(r, key, 1, &r->p->restart_window);
}

static void read_restart_limit(struct reader *r, const char *key)
{
    long n;

    if (get_long(r, key, 0, 30, &n)) r->p->restart_limit = (unsigned int)n;
}

static void read_on_stop(struct reader *r, const char *key)
{
    const char *text = get_string(r, key);

    if (!text) return;
    if (!strcmp(text, "shutdown"))
        r->p->on_stop = STOP_SHUTDOWN;
    else if (!strcmp(text, "save"))
        r->p->on_stop = STOP_SAVE;
    else if (!strcmp(text, "destroy"))
        r->p->on_stop = STOP_DESTROY;
    else
        wrong(r, key, "\"%s\" is not shutdown, save or destroy", text);
}

static void read_save_to(struct reader *r, const char *key)
{
    const char *text = get_string(r, key);

    if (!text) return;
    if (*text != '/')
        wrong(r, key, "%s is not an absolute path", text);
    else
        r->p->save_to = xstrdup(text);
}

static void read_priority(struct reader *r, const char *key)
{
    long n;

    if (get_long(r, key, 0, 100, &n)) r->p->priority = (int)n;
}

static void read_needs(struct reader *r, const char *key)
{
    static const char *const words[] = {"hvm", "pv", "hap", "iommu"};
    struct strlist *needs = &r->p->needs;
    size_t i;
    size_t k;

    get_list(r, key, needs);
    for (i = 0; i < needs->n; i++) {
        const char *need = needs->v[i];
        bool known = *need == '/';
        struct stat st;

        for (k = 0; k < ARRAY_SIZE(words); k++)
            known = known || !strcmp(need, words[k]);
        if (!known) {
            wrong(r, key, "\"%s\" is not hvm, pv, hap, iommu or a path", need);
            continue;
        }
        if (r->host->unknown) continue;
        if (*need == '/' ? stat(need, &st) == 0
                         : strlist_has(&r->host->words, need))
            continue;
        policy_bar(r->p, true, "needs %s, which this host does not have",
                   need);
    }
}

static void read_address(struct reader *r, const char *key)
{
    const char *text = get_string(r, key);
    struct in_addr in;

    if (!text) return;
    if (inet_pton(AF_INET, text, &in) != 1) {
        wrong(r, key, "\"%s\" is not an IPv4 address", text);
        return;
    }
    free(r->p->address);
    r->p->address = xstrdup(text);
}

static const struct {
    const char *name;
    void (*read)(struct reader *r, const char *key);
} keys[] = {
    {"autostart", read_autostart},
    {"after", read_after},
    {"requires", read_requires},
    {"ready", read_ready},
    {"start_timeout", read_start_timeout},
    {"stop_timeout", read_stop_timeout},
    {"start_delay", read_start_delay},
    {"restart", read_restart},
    {"restart_delay", read_restart_delay},
    {"restart_window", read_restart_window},
    {"restart_limit", read_restart_limit},
    {"on_stop", read_on_stop},
    {"save_to", read_save_to},
    {"priority", read_priority},
    {"needs", read_needs},
    {"address", read_address},
};

/* ---- facts of xl.cfg(5) ------------------------------------------------- */

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
        wrong(r, key, "%s is not an absolute path", path);
    else if (!r->host->unknown && stat(path, &st))
        wrong(r, key, "%s%s%s", path, errno == ENOENT ? " " : ": ",
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
    if (problem) wrong(r, "disk", "%s", problem);
    free(problem);
}

static void read_file_key(struct reader *r, const char *key)
{
    const char *path = get_string(r, key);

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
    const char *path = get_string(r, "kernel");
    size_t before = r->problems->n;
    char *problem;

    if (!path) return;
    need_file(r, "kernel", path);
    if (r->host->unknown || r->problems->n != before || !loads_kernel(r))
        return;
    problem = kernel_problem(path);
    if (problem) wrong(r, "kernel", "%s", problem);
    free(problem);
}

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
        wrong(r, "disk", "\"%s\" cannot be understood", spec);
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

    get_list(r, "disk", &specs);
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
        wrong(r, "vif", "there is no bridge %s%s", bridge, whose);
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

    get_list(r, "vif", &specs);
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

    get_list(r, "pci", &specs);
    if (!specs.n) return;
    xlu_cfg_get_long(r->cfg, "pci_seize", &seize, 1);
    for (i = 0; i < specs.n; i++) {
        char *problem =
            pci_problem(r->cfg, specs.v[i], seize != 0, !r->host->unknown);

        if (problem) wrong(r, "pci", "%s", problem);
        free(problem);
    }
    if (!xlu_cfg_get_string(r->cfg, "type", &type, 1) && !strcmp(type, "pvh"))
        wrong(r, "pci",
              "a pvh guest cannot have a PCI device; pv and hvm can");
    if (!r->host->unknown && !strlist_has(&r->host->words, "iommu"))
        policy_bar(
            r->p, true,
            "a guest with a PCI device needs an IOMMU (VT-d or AMD-Vi), "
            "which this host lacks or has switched off in its firmware");
    strlist_dispose(&specs);
}

static void read_memory(struct reader *r)
{
    if (!get_long(r, "memory", 1, LONG_MAX / 2048, &r->p->memory_mb)) return;
    if (!r->host->unknown && r->host->total_mb &&
        r->p->memory_mb > r->host->total_mb)
        wrong(r, "memory",
              "%ld MiB cannot fit: this host has %ld MiB for "
              "domains",
              r->p->memory_mb, r->host->total_mb);
}

static void read_type(struct reader *r)
{
    const char *type = get_string(r, "type");

    if (type && strcmp(type, "pv") && strcmp(type, "pvh") &&
        strcmp(type, "hvm")) {
        wrong(r, "type", "\"%s\" is not pv, pvh or hvm", type);
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

/* ---- the file ----------------------------------------------------------- */

/* Distance of two words: letters to change, add or drop; at most 3 count. */
static size_t distance(const char *a, const char *b)
{
    size_t best;
    size_t other;

    while (*a && *a == *b) {
        a++;
        b++;
    }
    if (!*a) return strlen(b);
    if (!*b) return strlen(a);
    if (strlen(a) > 24 || strlen(b) > 24) return 24;
    /* Only one mistake is looked for; the rest must be alike. */
    best = strcmp(a + 1, b + 1) ? 3 : 1;
    other = strcmp(a, b + 1) ? 3 : 1;
    if (other < best) best = other;
    other = strcmp(a + 1, b) ? 3 : 1;
    if (other < best) best = other;
    if (a[1] && b[1] && a[0] == b[1] && a[1] == b[0] && !strcmp(a + 2, b + 2))
        best = 1;
    return best;
}

static void check_names(struct reader *r)
{
    size_t i;
    size_t k;

    for (i = 0; i < r->places.n; i++) {
        const char *name = r->places.v[i].name;
        const char *like = NULL;
        bool known = xl_knows(name);

        for (k = 0; k < ARRAY_SIZE(keys); k++) {
            known = known || !strcmp(name, keys[k].name);
            if (distance(name, keys[k].name) == 1) like = keys[k].name;
        }
        if (known) continue;
        problem_warn(r->problems, r->file, r->places.v[i].line,
                     "%s: neither xl nor domd knows this key%s%s%s", name,
                     like ? " (" : "", like ? like : "", like ? "?)" : "");
    }
}

/* FNV-1a, 64 bit. */
static uint64_t stamp_of(const char *text, size_t len)
{
    uint64_t hash = 0xcbf29ce484222325u;
    size_t i;

    for (i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)text[i]) * 0x100000001b3u;
    return hash;
}

uint64_t policy_stamp(const char *path)
{
    struct buf text = {0};
    uint64_t stamp = 0;

    if (!read_file(path, POLICY_FILE_MAX, &text))
        stamp = stamp_of(text.s, text.len);
    buf_dispose(&text);
    return stamp;
}

bool policy_name_ok(const char *text)
{
    const char *c;

    for (c = text; *c; c++) {
        if (!isalnum((unsigned char)*c) && !strchr("_.:+-", *c)) return false;
    }
    return c != text && c - text < 64 && *text != '-' && *text != '.';
}

static bool read_name(struct reader *r)
{
    const char *name = get_string(r, "name");

    if (!name) {
        problem_add(r->problems, r->file, 1,
                    "the domain has no name (name = \"...\")");
        return false;
    }
    if (!policy_name_ok(name)) {
        wrong(r, "name",
              "\"%s\" is not made of letters, digits and _ . : + "
              "-",
              name);
        return false;
    }
    r->p = policy_new(name, r->file);
    return true;
}

static void read_all(struct reader *r)
{
    size_t i;

    check_names(r);
    for (i = 0; i < ARRAY_SIZE(keys); i++) {
        if (keyscan_line(&r->places, keys[i].name))
            keys[i].read(r, keys[i].name);
    }
    if (r->p->on_stop == STOP_SAVE && !r->p->save_to)
        wrong(r, "on_stop", "save needs save_to, a directory on a disk");
    read_type(r);
    read_memory(r);
    read_kernel(r);
    read_file_key(r, "ramdisk");
    read_disks(r);
    read_vifs(r);
    read_pcis(r);
}

struct policy *policy_parse(const char *text, size_t len, const char *shown,
                            const struct host *host, struct problems *problems)
{
    struct reader r = {.file = shown, .host = host, .problems = problems};
    struct policy *p = NULL;
    size_t before = problems->n;
    char *report = NULL;
    size_t report_len = 0;
    FILE *sink = NULL;
    size_t i;
    int r_cfg;

    if (len > POLICY_FILE_MAX || memchr(text, '\0', len)) {
        problem_add(problems, shown, 0,
                    "is not a text file of at most %zu "
                    "bytes",
                    POLICY_FILE_MAX);
        goto out;
    }
    sink = open_memstream(&report, &report_len);
    if (!sink) {
        problem_add(problems, shown, 0, "no memory to read it");
        goto out;
    }
    r.cfg = xlu_cfg_init(sink, shown);
    if (!r.cfg) {
        problem_add(problems, shown, 0, "no memory to read it");
        goto out;
    }
    r_cfg = xlu_cfg_readdata(r.cfg, text, (int)len);
    if (r_cfg) {
        fflush(sink);
        take_report(problems, shown, report);
        if (problems->n == before)
            problem_add(problems, shown, 0, "cannot be parsed: %s",
                        strerror(r_cfg));
        goto out;
    }
    keyscan(text, len, &r.places);
    if (!read_name(&r)) goto out;
    r.p->stamp = stamp_of(text, len);
    read_all(&r);
    for (i = before; i < problems->n; i++) {
        if (problems->v[i].warning) continue;
        policy_bar(r.p, false, "%s:%d: %s", problems->v[i].file,
                   problems->v[i].line, problems->v[i].text);
        break;
    }
    p = r.p;
    r.p = NULL;
out:
    policy_free(r.p);
    key_places_dispose(&r.places);
    if (r.cfg) xlu_cfg_destroy(r.cfg);
    if (sink) fclose(sink);
    free(report);
    return p;
}

struct policy *policy_read(const char *path, const struct host *host,
                           struct problems *problems)
{
    struct policy *p = NULL;
    struct buf text = {0};
    int r = read_file(path, POLICY_FILE_MAX, &text);

    if (r)
        problem_add(problems, path, 0, "cannot be read: %s", strerror(r));
    else
        p = policy_parse(text.s, text.len, path, host, problems);
    buf_dispose(&text);
    return p;
}

char *xl_default_bridge(const char *path)
{
    const char *script = NULL;
    const char *bridge = NULL;
    XLU_Config *cfg = NULL;
    struct buf text = {0};
    char *result = NULL;
    char *report = NULL;
    size_t report_len = 0;
    FILE *sink = open_memstream(&report, &report_len);

    if (sink) cfg = xlu_cfg_init(sink, path);
    if (cfg && !read_file(path, POLICY_FILE_MAX, &text) &&
        !xlu_cfg_readdata(cfg, text.s, (int)text.len)) {
        xlu_cfg_get_string(cfg, "vif.default.script", &script, 1);
        xlu_cfg_get_string(cfg, "vif.default.bridge", &bridge, 1);
    }
    if (!script || strstr(script, "vif-bridge"))
        result = xstrdup(bridge ? bridge : "xenbr0");
    if (cfg) xlu_cfg_destroy(cfg);
    if (sink) fclose(sink);
    free(report);
    buf_dispose(&text);
    return result;
}

void host_dispose(struct host *host)
{
    strlist_dispose(&host->words);
    free(host->bridge);
    memset(host, 0, sizeof(*host));
}
