/* One domain file, for the shell scripts create and remove: its settings, its
 * domain, and a copy of it. */
#include "xenith/internal.h"

#include <stdlib.h>
#include <string.h>

#include "policy/clone.h"
#include "policy/config.h"

/* Parses the file PATH, or prints its problems. The caller disposes. */
static bool read_domfile(struct domfile *f, const char *path)
{
    struct problems problems = {0};
    bool ok = domfile_read(f, path, &problems);

    xenith_problems(&problems, stderr);
    problems_dispose(&problems);
    return ok;
}

/* ---- what it says ------------------------------------------------------- */

/* Adds VALUE, with blanks for tabs and newlines. */
static void add_value(struct buf *out, const char *value)
{
    for (; *value; value++)
        buf_add(out, strchr("\t\n", *value) ? " " : value, 1);
}

/* Adds: disk, w or r (read-only), its path or - if that is not in this host's
 * file system, and the path as written. */
static void add_disk(struct domfile *f, const char *spec, struct buf *out)
{
    libxl_device_disk disk;
    char *bad = domfile_disk(f, spec, &disk);
    const char *path = bad ? NULL : disk.pdev_path;
    bool local = path && *path == '/' && !disk.script && !disk.backend_domname;

    buf_addf(out, "disk\t%s\t", bad || disk.readwrite ? "w" : "r");
    add_value(out, local ? path : "-");
    buf_addf(out, "\t");
    add_value(out, path && *path ? path : "-");
    buf_addf(out, "\n");
    free(bad);
    libxl_device_disk_dispose(&disk);
}

static void add_pair(const char *key, const char *value, struct buf *out)
{
    buf_addf(out, "%s\t", key);
    add_value(out, value);
    buf_addf(out, "\n");
}

/* Adds a line for a string, or for each string of a list. */
static void add_setting(struct domfile *f, const char *key, struct buf *out)
{
    XLU_ConfigList *list = NULL;
    const char *value = NULL;
    int n = 0;
    int i;

    if (!xlu_cfg_get_string(f->cfg, key, &value, 1)) {
        add_pair(key, value, out);
        return;
    }
    if (xlu_cfg_get_list(f->cfg, key, &list, &n, 1)) return;
    for (i = 0; i < n; i++) {
        value = xlu_cfg_get_listitem(list, i);
        if (!value) continue;
        if (!strcmp(key, "disk"))
            add_disk(f, value, out);
        else
            add_pair(key, value, out);
    }
}

int cmd_file_facts(const struct options *o, char *const *args)
{
    struct domfile f;
    struct buf out = {0};
    int rc = EXIT_WRONG;
    size_t i;

    (void)o;
    if (!*args) return EXIT_USAGE;
    if (!read_domfile(&f, *args)) goto out;
    for (i = 0; i < f.places.n; i++) {
        /* A repeated setting counts once. */
        if (keyscan_line(&f.places, f.places.v[i].name) != f.places.v[i].line)
            continue;
        add_setting(&f, f.places.v[i].name, &out);
    }
    xenith_print(&out);
    rc = EXIT_OK;
out:
    buf_dispose(&out);
    domfile_dispose(&f);
    return rc;
}

/* ---- whose it is -------------------------------------------------------- */

static bool is_named(const char *path, const char *name)
{
    struct problems problems = {0};
    struct domfile f;
    const char *is =
        domfile_read(&f, path, &problems) ? domfile_string(&f, "name") : NULL;
    bool named = is && !strcmp(is, name);

    problems_dispose(&problems);
    domfile_dispose(&f);
    return named;
}

int cmd_file_named(const struct options *o, char *const *args)
{
    struct strlist paths = {0};
    size_t i;

    (void)o;
    if (!args[0] || !args[1]) return EXIT_USAGE;
    /* Without a directory there are no files. */
    (void)config_list(args[1], &paths);
    for (i = 0; i < paths.n; i++) {
        if (is_named(paths.v[i], args[0])) printf("%s\n", paths.v[i]);
    }
    strlist_dispose(&paths);
    return EXIT_OK;
}

/* ---- a copy ------------------------------------------------------------- */

/* Stores VALUE of WHAT=VALUE; false: WHAT is unknown. */
static bool set_argument(struct clone *clone, const char *word)
{
    const struct {
        const char *name;
        const char **value;
    } words[] = {
        {"name=", &clone->name},           {"mac=", &clone->mac},
        {"bridge=", &clone->bridge},       {"kernel=", &clone->kernel},
        {"ramdisk=", &clone->ramdisk},     {"memory=", &clone->memory},
        {"vcpus=", &clone->vcpus},         {"address=", &clone->address},
        {"disk-from=", &clone->disk_from}, {"disk=", &clone->disk},
        {"seed-from=", &clone->seed_from}, {"seed=", &clone->seed},
    };
    size_t i;

    for (i = 0; i < ARRAY_SIZE(words); i++) {
        size_t len = strlen(words[i].name);

        if (strncmp(word, words[i].name, len)) continue;
        /* An empty value is none. */
        *words[i].value = word[len] ? word + len : NULL;
        return true;
    }
    return false;
}

int cmd_file_clone(const struct options *o, char *const *args)
{
    struct problems said = {0};
    struct clone clone = {0};
    struct domfile f;
    struct buf out = {0};
    int rc = EXIT_WRONG;
    size_t i;

    (void)o;
    if (!*args) return EXIT_USAGE;
    for (i = 1; args[i]; i++) {
        if (set_argument(&clone, args[i])) continue;
        fprintf(stderr, "xenith: file-clone: unexpected argument \"%s\"\n",
                args[i]);
        return EXIT_USAGE;
    }
    if (!clone.name || !clone.disk_from != !clone.disk ||
        !clone.seed_from != !clone.seed)
        return EXIT_USAGE;
    if (!read_domfile(&f, *args)) goto out;
    if (clone_text(&f, &clone, &out, &said)) {
        xenith_print(&out);
        rc = EXIT_OK;
    }
    xenith_problems(&said, stderr);
out:
    problems_dispose(&said);
    buf_dispose(&out);
    domfile_dispose(&f);
    return rc;
}
