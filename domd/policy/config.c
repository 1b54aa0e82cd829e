#include "policy/config.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/graph.h"
#include "policy/keyscan.h"

/* ---- checks across domains ---------------------------------------------- */

static void add_problem(struct config *c, size_t i, const char *key, bool hard,
                        const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* Reports a problem of policy I with the line of KEY in its file. HARD: it
 * also bars the policy. */
static void add_problem(struct config *c, size_t i, const char *key, bool hard,
                        const char *format, ...)
{
    struct policy *p = c->v[i];
    struct key_places places = {0};
    struct buf text = {0};
    va_list args;
    char *what;
    int line = 0;

    if (!text_read(p->file, &text)) {
        keyscan(text.s, text.len, &places);
        line = keyscan_line(&places, key);
    }
    va_start(args, format);
    what = xvasprintf(format, args);
    va_end(args);
    if (hard) {
        problem_add(&c->problems, p->file, line, "%s: %s", key, what);
        policy_bar(p, false, "%s:%d: %s: %s", p->file, line, key, what);
    } else {
        problem_warn(&c->problems, p->file, line, "%s: %s", key, what);
    }
    free(what);
    key_places_dispose(&places);
    buf_dispose(&text);
}

static size_t find_policy(const struct config *c, const char *name)
{
    size_t i;

    for (i = 0; i < c->n; i++) {
        if (!strcmp(c->v[i]->name, name)) return i;
    }
    return c->n;
}

/* The later of two policies with one name is discarded: names are unique. */
static void check_names(struct config *c)
{
    size_t i;
    size_t k;

    for (i = 0; i < c->n; i++) {
        size_t first = find_policy(c, c->v[i]->name);

        if (first == i) continue;
        add_problem(c, i, "name", true,
                    "\"%s\" is already the name of the domain in %s",
                    c->v[i]->name, c->v[first]->file);
        policy_free(c->v[i]);
        c->n--;
        for (k = i; k < c->n; k++)
            c->v[k] = c->v[k + 1];
        i--;
    }
}

/* HARD: the domain cannot start without the named one. */
static void check_known(struct config *c, size_t i, const char *key,
                        const struct strlist *names, bool hard)
{
    size_t k;

    for (k = 0; k < names->n; k++) {
        if (find_policy(c, names->v[k]) < c->n) continue;
        add_problem(c, i, key, hard, "no such domain: %s", names->v[k]);
    }
}

/* The key that holds the second name of the cycle "a -> b -> a". */
static const char *find_cycle_key(const struct policy *p, const char *cycle)
{
    const char *second = strstr(cycle, " -> ") + 4;
    const char *end = strstr(second, " -> ");
    char *name =
        xstrndup(second, end ? (size_t)(end - second) : strlen(second));
    bool requires = strlist_has(&p->requires, name);

    free(name);
    return requires ? "requires" : "after";
}

static void check_cycles(struct config *c)
{
    size_t i;

    for (i = 0; i < c->n; i++) {
        char *cycle = graph_cycle(c->v, c->n, i);

        if (!cycle) continue;
        add_problem(c, i, find_cycle_key(c->v[i], cycle), true,
                    "dependency cycle: %s", cycle);
        free(cycle);
    }
}

/* Two writers of one disk may be meant to run one at a time, but not at
 * boot. */
static void check_disks(struct config *c)
{
    size_t i;
    size_t j;
    size_t k;

    for (i = 0; i < c->n; i++) {
        for (j = 0; j < i; j++) {
            for (k = 0; k < c->v[i]->writes.n; k++) {
                const char *disk = c->v[i]->writes.v[k];

                if (!strlist_has(&c->v[j]->writes, disk)) continue;
                if (c->v[i]->autostart && c->v[j]->autostart)
                    add_problem(c, i, "disk", true,
                                "%s is also written by domain %s; set "
                                "autostart = \"no\" for one of them",
                                disk, c->v[j]->name);
                else
                    add_problem(c, i, "disk", false,
                                "%s is also written by domain %s; only one of "
                                "them can run at a time",
                                disk, c->v[j]->name);
            }
        }
    }
}

/* Compares UUIDs as libxl does, ignoring case and dashes. */
static bool same_uuid(const char *a, const char *b)
{
    if (!a || !b) return false;
    for (;;) {
        a += strspn(a, "-");
        b += strspn(b, "-");
        if (tolower((unsigned char)*a) != tolower((unsigned char)*b))
            return false;
        if (!*a) return true;
        a++;
        b++;
    }
}

/* A copied file. As with disks, the two may be meant to run one at a time. */
static void check_uuids(struct config *c)
{
    size_t i;
    size_t j;

    for (i = 0; i < c->n; i++) {
        for (j = 0; j < i; j++) {
            if (!same_uuid(c->v[i]->uuid, c->v[j]->uuid)) continue;
            if (c->v[i]->autostart && c->v[j]->autostart)
                add_problem(c, i, "uuid", true,
                            "domain %s has the same UUID; change or remove "
                            "one of them",
                            c->v[j]->name);
            else
                add_problem(c, i, "uuid", false,
                            "domain %s has the same UUID; only one of them "
                            "can run at a time",
                            c->v[j]->name);
        }
    }
}

static void check_memory(struct config *c, const struct host *host)
{
    long total = 0;
    size_t i;

    if (host->unknown || !host->total_mb) return;
    for (i = 0; i < c->n; i++) {
        if (c->v[i]->autostart && !c->v[i]->bar) total += c->v[i]->memory_mb;
    }
    if (total <= host->total_mb) return;
    problem_warn(&c->problems, c->n ? c->v[0]->file : "", 0,
                 "memory: the domains that start at boot need %ld MiB, but "
                 "this host has %ld MiB for domains",
                 total, host->total_mb);
}

void config_check(struct config *c, const struct host *host)
{
    size_t i;

    check_names(c);
    for (i = 0; i < c->n; i++) {
        check_known(c, i, "after", &c->v[i]->after, false);
        check_known(c, i, "requires", &c->v[i]->requires, true);
    }
    check_cycles(c);
    check_disks(c);
    check_uuids(c);
    check_memory(c, host);
}

/* ---- the directory ------------------------------------------------------ */

static int is_domain_file(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);

    return len > 4 && entry->d_name[0] != '.' &&
           !strcmp(entry->d_name + len - 4, ".cfg");
}

static int compare_names(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* Whether TEXT has more than blanks and comments. */
static bool has_content(const struct buf *text)
{
    bool comment = false;
    size_t i;

    for (i = 0; i < text->len; i++) {
        char c = text->s[i];

        if (c == '\n')
            comment = false;
        else if (c == '#')
            comment = true;
        else if (!comment && !strchr(" \t\r", c))
            return true;
    }
    return false;
}

static void add_file(struct config *c, const char *path,
                     const struct host *host)
{
    struct policy *p = NULL;
    struct buf text = {0};
    struct buf clean = {0};
    int r = read_file(path, POLICY_FILE_MAX, &text);

    if (!r) text_clean(text.s, text.len, &clean);
    if (r)
        problem_add(&c->problems, path, 0, "cannot be read: %s", strerror(r));
    else if (has_content(&clean))
        p = policy_parse(text.s, text.len, path, host, &c->problems);
    buf_dispose(&text);
    buf_dispose(&clean);
    if (!p) return;
    c->v = xrealloc(c->v, c->n + 1, sizeof(struct policy *));
    c->v[c->n++] = p;
}

int config_list(const char *dir, struct strlist *paths)
{
    struct dirent **names = NULL;
    int n = scandir(dir, &names, is_domain_file, compare_names);
    int i;

    if (n < 0) return errno;
    for (i = 0; i < n; i++) {
        char *path = xasprintf("%s/%s", dir, names[i]->d_name);

        strlist_add(paths, path);
        free(path);
        free(names[i]);
    }
    free(names);
    return 0;
}

void config_read(struct config *c, const char *dir, const struct host *host)
{
    struct strlist paths = {0};
    int r = config_list(dir, &paths);
    size_t i;

    memset(c, 0, sizeof(*c));
    if (r && r != ENOENT)
        problem_add(&c->problems, dir, 0, "cannot be read: %s", strerror(r));
    for (i = 0; i < paths.n; i++)
        add_file(c, paths.v[i], host);
    strlist_dispose(&paths);
}

void config_read_file(struct config *c, const char *path,
                      const struct host *host)
{
    memset(c, 0, sizeof(*c));
    add_file(c, path, host);
}

struct policy *config_take(struct config *c, size_t i)
{
    struct policy *p = c->v[i];

    c->v[i] = NULL;
    return p;
}

void config_dispose(struct config *c)
{
    size_t i;

    for (i = 0; i < c->n; i++)
        policy_free(c->v[i]);
    free(c->v);
    problems_dispose(&c->problems);
    memset(c, 0, sizeof(*c));
}
