#include "preflight/preflight.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/visible.h"
#include "preflight/kernel.h"
#include "preflight/pci.h"
#include "preflight/qcow2.h"

/* One want under check. */
struct look {
    const struct want *want;
    preflight_looks *looks;
    void *user;
};

static void report_look(void *user, const char *path)
{
    const struct look *l = user;

    if (l->looks) l->looks(l->user, l->want, path);
}

/* An error text for the file PATH, or NULL. */
static char *file_problem(const char *path)
{
    struct stat st;

    if (!stat(path, &st)) return NULL;
    if (errno == ENOENT) return xasprintf("%s does not exist", path);
    return xasprintf("%s: %s", path, strerror(errno));
}

static char *bridge_problem(const struct want *w)
{
    char *path = xasprintf("/sys/class/net/%s/bridge", w->what);
    char *problem = NULL;
    struct stat st;

    if (strchr(w->what, '/') || stat(path, &st))
        problem = xasprintf("no such bridge: %s%s", w->what,
                            w->by_default ? ", the default of /etc/xen/xl.conf"
                                          : "");
    free(path);
    return problem;
}

static char *find_problem(struct look *l, struct findings *found)
{
    const struct want *w = l->want;
    struct stat st;
    char *problem;

    switch (w->kind) {
    case WANT_FILE:
        return file_problem(w->what);
    case WANT_KERNEL:
        problem = file_problem(w->what);
        return problem ? problem : kernel_problem(w->what, KERNEL_FOR_LIBXL);
    case WANT_HVM_KERNEL:
        problem = file_problem(w->what);
        return problem ? problem : kernel_problem(w->what, KERNEL_FOR_QEMU);
    case WANT_QCOW2:
        return qcow2_problem(w->what, report_look, l);
    case WANT_NEED:
        if (stat(w->what, &st) && !found->skip)
            found->skip =
                xasprintf("needs %s, which this host lacks", w->what);
        return NULL;
    case WANT_SAVED:
        (void)stat(w->what, &st);
        return NULL;
    case WANT_BRIDGE:
        return bridge_problem(w);
    case WANT_PCI:
        return pci_problem(w->what, w->seize);
    }
    return NULL;
}

void preflight_look(const struct policy *p, struct findings *found,
                    preflight_looks *looks, void *user)
{
    size_t i;

    for (i = 0; i < p->n_wants; i++) {
        const struct want *w = &p->wants[i];
        struct look l = {w, looks, user};
        char *problem;
        char *text;

        report_look(&l, w->what);
        problem = find_problem(&l, found);
        if (problem) {
            /* The name of a backing file is untrusted text. */
            text = visible(problem, SIZE_MAX);
            problem_add(&found->problems, p->file, w->line, "%s: %s", w->key,
                        text);
            free(text);
            free(problem);
        }
        if (w->written) {
            text = realpath(w->what, NULL);
            strlist_add(&found->named, w->what);
            strlist_add(&found->really, text ? text : w->what);
            free(text);
        }
    }
}

/* Replaces the writable disks of P by their real paths. */
static void apply_real_paths(struct policy *p, const struct findings *found)
{
    size_t i;
    size_t k;

    for (i = 0; i < found->named.n; i++) {
        for (k = 0; k < p->writes.n; k++) {
            if (strcmp(p->writes.v[k], found->named.v[i])) continue;
            free(p->writes.v[k]);
            p->writes.v[k] = xstrdup(found->really.v[i]);
        }
    }
}

void preflight_apply(struct policy *p, const struct findings *found,
                     struct problems *problems)
{
    size_t i;

    apply_real_paths(p, found);
    if (found->skip) policy_bar(p, true, "%s", found->skip);
    for (i = 0; i < found->problems.n; i++) {
        const struct problem *f = &found->problems.v[i];

        problem_add(problems, f->file, f->line, "%s", f->text);
        policy_bar(p, false, "%s:%d: %s", f->file, f->line, f->text);
    }
}

void findings_dispose(struct findings *found)
{
    problems_dispose(&found->problems);
    free(found->skip);
    strlist_dispose(&found->named);
    strlist_dispose(&found->really);
    memset(found, 0, sizeof(*found));
}

void preflight_all(struct config *config)
{
    size_t i;

    for (i = 0; i < config->n; i++) {
        struct findings found = {0};

        preflight_look(config->v[i], &found, NULL, NULL);
        preflight_apply(config->v[i], &found, &config->problems);
        findings_dispose(&found);
    }
}

/* Whether the live image provides PATH. */
static bool is_provided(const char *path)
{
    return !strcmp(path, "/config/images/hello/vmlinux") ||
           !strcmp(path, "/config/images/hello/initrd.gz");
}

/* An error text for W, as far as TREE shows, or NULL. */
static char *tree_problem(const struct want *w, const char *tree)
{
    static const char below[] = "/config/";
    char *problem = NULL;
    struct stat st;
    char *path;

    if (w->kind != WANT_FILE && w->kind != WANT_KERNEL &&
        w->kind != WANT_HVM_KERNEL && w->kind != WANT_QCOW2)
        return NULL;
    if (strncmp(w->what, below, strlen(below)) || is_provided(w->what))
        return NULL;
    path = xasprintf("%s/%s", tree, w->what + strlen(below));
    if (stat(path, &st)) problem = xasprintf("%s does not exist", w->what);
    free(path);
    return problem;
}

void preflight_tree(struct config *config, const char *tree)
{
    size_t i;
    size_t k;

    for (i = 0; i < config->n; i++) {
        struct policy *p = config->v[i];
        struct findings found = {0};

        for (k = 0; k < p->n_wants; k++) {
            char *problem = tree_problem(&p->wants[k], tree);

            if (problem)
                problem_add(&found.problems, p->file, p->wants[k].line,
                            "%s: %s", p->wants[k].key, problem);
            free(problem);
        }
        preflight_apply(p, &found, &config->problems);
        findings_dispose(&found);
    }
}
