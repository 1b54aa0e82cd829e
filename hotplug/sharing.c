#include "sharing.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "uses.h"
#include "util.h"

/* A check, while it runs. */
struct check {
    struct device *device;
    const char *what;
    enum mode mode;
    const struct numbers *devices; /* with those related */
    const struct stat *file;       /* or NULL */
};

enum mode mode_parse(const char *text)
{
    const char *w = strchr(text, 'w');

    if (!w) return MODE_READ;
    return strchr(w, '!') ? MODE_SHARE : MODE_WRITE;
}

static int no_answer(const struct check *c, int r)
{
    return device_fail(c->device,
                       "cannot attach %s: xenstored does not answer: %s",
                       c->what, strerror(-r));
}

/* What a message adds about a use that forbids even reading. */
static const char *which_writes(const struct check *c)
{
    return c->mode == MODE_WRITE ? "" : ", which writes to it";
}

/* ---- dom0 --------------------------------------------------------------- */

/* Whether the line of mountinfo (proc(5)) is a mount of one of these devices
 * that conflicts; *PLACE is where. The file system's own rw flag decides, not
 * the mount's. */
static bool conflicting_mount(const struct check *c, char *line, char **place)
{
    char *fields[5];
    char *rest = line;
    char *last;
    dev_t number;
    size_t i;

    line[strcspn(line, "\n")] = '\0';
    for (i = 0; i < ARRAY_SIZE(fields); i++) {
        fields[i] = strsep(&rest, " ");
        if (!rest) return false;
    }
    if (!number_parse(fields[2], 10, &number) ||
        !numbers_have(c->devices, number))
        return false;
    last = strrchr(rest, ' ');
    last = last ? last + 1 : rest;
    *place = fields[4];
    return c->mode == MODE_WRITE ||
           (!strncmp(last, "rw", 2) && (!last[2] || last[2] == ','));
}

static int check_mounts(const struct check *c)
{
    const char *proc = getenv("HOTPLUG_PROC"); /* only tests set it */
    char path[PATH_MAX];
    char *line = NULL;
    size_t size = 0;
    char *place;
    int rc = 0;
    FILE *f;

    snprintf(path, sizeof(path), "%s/self/mountinfo", proc ? proc : "/proc");
    f = fopen(path, "re");
    if (!f)
        return device_fail(c->device,
                           "cannot attach %s: cannot read what dom0 has "
                           "mounted: %s: %s",
                           c->what, path, strerror(errno));
    while (!rc && getline(&line, &size, f) > 0)
        if (conflicting_mount(c, line, &place))
            rc = device_busy(
                c->device,
                "cannot attach %s: it is in use by dom0, mounted%s "
                "on %s; unmount it or use a copy",
                c->what, c->mode == MODE_WRITE ? "" : " for writing", place);
    free(line);
    fclose(f);
    return rc;
}

/* ---- other domains ------------------------------------------------------ */

/* Reads KEY of a domain; a missing one is FALLBACK. */
static int look_at_domain(const struct check *c, const char *domid,
                          const char *key, const char *fallback, char **value)
{
    char path[PATH_MAX];
    int r;

    snprintf(path, sizeof(path), "/local/domain/%s", domid);
    r = device_look(c->device, path, key, value);
    if (!r && !*value) *value = strdup(fallback);
    if (!r && !*value) r = -ENOMEM;
    return r;
}

/* The vm entry of the domain's target, or FALLBACK. */
static int look_at_target(const struct check *c, const char *domid,
                          const char *fallback, char **value)
{
    char *target = NULL;
    int r = look_at_domain(c, domid, "target", "-1", &target);

    *value = NULL;
    if (!r) r = look_at_domain(c, target, "vm", fallback, value);
    free(target);
    return r;
}

/* Whether DOMID is this guest under another number (a reboot), or one is the
 * other's device model. A domain without an entry is being destroyed and
 * counts as the same; dom0 has no entry. */
static int is_same_machine(const struct check *c, const char *frontend,
                           const char *domid, bool *same)
{
    char *ours = NULL;
    char *theirs = NULL;
    char *our_target = NULL;
    char *their_target = NULL;
    int r;

    *same = false;
    if (!strcmp(domid, "0")) {
        *same = !strcmp(frontend, "0");
        return 0;
    }
    r = look_at_domain(c, frontend, "vm", "unknown", &ours);
    if (!r) r = look_at_domain(c, domid, "vm", ours, &theirs);
    if (!r) r = look_at_target(c, frontend, "no target", &our_target);
    if (!r) r = look_at_target(c, domid, "no other target", &their_target);
    if (!r)
        *same = !strcmp(ours, theirs) || !strcmp(our_target, theirs) ||
                !strcmp(ours, their_target) ||
                !strcmp(our_target, their_target);
    free(ours);
    free(theirs);
    free(our_target);
    free(their_target);
    return r;
}

/* Another domain uses it: fails, unless that is the same machine. */
static int used_by(const struct check *c, const char *domid)
{
    const char *frontend;
    char *name = NULL;
    bool same = false;
    int rc = device_get(c->device, KEY_FRONTEND_ID, &frontend);
    int r;

    if (rc) return rc;
    if (!frontend)
        return device_fail(c->device, "cannot attach the disk: xenstore has "
                                      "no frontend-id for it");
    r = is_same_machine(c, frontend, domid, &same);
    if (!r && !same) r = look_at_domain(c, domid, "name", "", &name);
    if (r)
        rc = no_answer(c, r);
    else if (!same)
        rc =
            device_busy(c->device,
                        "cannot attach %s: it is in use by domain %s%s%s%s%s; "
                        "stop that domain or use a copy",
                        c->what, domid, *name ? " (" : "", name,
                        *name ? ")" : "", which_writes(c));
    free(name);
    return rc;
}

/* The domain that a back end's directory .../DOMID/DEVID is for, into DOMID,
 * of NUMBER_TEXT. */
static void domain_of(const char *path, char *domid)
{
    const char *end = strrchr(path, '/');
    const char *begin = end;

    *domid = '\0';
    while (begin && begin > path && begin[-1] != '/')
        begin--;
    if (begin) snprintf(domid, NUMBER_TEXT, "%.*s", (int)(end - begin), begin);
}

/* Disks that dom0's kernel serves. */
static int check_kernel(const struct check *c)
{
    char domid[NUMBER_TEXT];
    struct uses uses;
    int rc = 0;
    size_t i;
    int r = uses_read(c->device, c->devices, &uses);

    if (r) rc = no_answer(c, r);
    for (i = 0; !rc && i < uses.n; i++) {
        if (c->mode != MODE_WRITE && !uses.v[i].writes) continue;
        domain_of(uses.v[i].path, domid);
        rc = used_by(c, domid);
    }
    uses_free(&uses);
    return rc;
}

/* Whether QEMU's image at PATH is the file, or on one of the devices. A check
 * for a device skips files: their server may be unreachable, and all other
 * disks would wait. */
static bool is_shared_image(const struct check *c, const char *path)
{
    struct stat st;

    if (*path != '/' || (!c->file && strncmp(path, "/dev/", 5))) return false;
    if (stat(path, &st)) return false;
    if (S_ISBLK(st.st_mode)) return numbers_have(c->devices, st.st_rdev);
    return c->file && st.st_dev == c->file->st_dev &&
           st.st_ino == c->file->st_ino;
}

/* Whether the disk of DIRECTORY, which QEMU serves, conflicts. It counts once
 * block-qemu has passed it: of two at once the first wins. */
static int look_at_image(const struct check *c, const char *directory,
                         bool *conflict)
{
    char *status = NULL;
    char *mode = NULL;
    char *params = NULL;
    const char *colon;
    int r = device_look(c->device, directory, "hotplug-status", &status);

    *conflict = false;
    if (!r && status && !strcmp(status, "connected")) {
        r = device_look(c->device, directory, "mode", &mode);
        if (!r && mode && (c->mode == MODE_WRITE || strchr(mode, 'w')))
            r = device_look(c->device, directory, "params", &params);
    }
    colon = params ? strchr(params, ':') : NULL; /* FORMAT:PATH */
    if (!r && colon) *conflict = is_shared_image(c, colon + 1);
    free(status);
    free(mode);
    free(params);
    return r;
}

static int check_images_of(const struct check *c, const char *base,
                           const char *domid)
{
    char path[PATH_MAX];
    char **disks = NULL;
    unsigned int n;
    unsigned int i;
    int rc = 0;
    int r;

    snprintf(path, sizeof(path), "%s/%s", base, domid);
    r = device_list(c->device, path, &disks, &n);
    for (i = 0; !r && !rc && i < n; i++) {
        bool conflict;

        snprintf(path, sizeof(path), "%s/%s/%s", base, domid, disks[i]);
        if (!strcmp(path, c->device->path)) continue;
        r = look_at_image(c, path, &conflict);
        if (!r && conflict) rc = used_by(c, domid);
    }
    free(disks);
    return r ? no_answer(c, r) : rc;
}

/* Disks that QEMU serves: only their paths are known. */
static int check_qemu(const struct check *c)
{
    const char *backends = getenv("XENBUS_BASE_PATH");
    char base[PATH_MAX / 2];
    char **domains = NULL;
    unsigned int n;
    unsigned int i;
    int rc = 0;
    int r;

    snprintf(base, sizeof(base), "%s/qdisk", backends ? backends : "backend");
    r = device_list(c->device, base, &domains, &n);
    if (r) rc = no_answer(c, r);
    for (i = 0; !rc && i < n; i++)
        rc = check_images_of(c, base, domains[i]);
    free(domains);
    return rc;
}

/* ------------------------------------------------------------------------- */

int sharing_check(struct device *d, const char *what, enum mode mode,
                  const struct numbers *devices, const struct stat *file)
{
    struct numbers related = {0};
    struct check c = {.device = d,
                      .what = what,
                      .mode = mode,
                      .devices = &related,
                      .file = file};
    size_t i;
    int rc;

    if (mode == MODE_SHARE) return 0;
    for (i = 0; i < devices->n; i++)
        numbers_add_related(&related, devices->v[i]);
    rc = check_mounts(&c);
    if (!rc) rc = check_kernel(&c);
    if (!rc) rc = check_qemu(&c);
    numbers_free(&related);
    return rc;
}

int sharing_note(struct device *d, const char *what, dev_t number)
{
    int r = uses_note(d, number);

    if (!r) return 0;
    return device_fail(d, "cannot attach %s: cannot note its use: %s", what,
                       strerror(-r));
}
