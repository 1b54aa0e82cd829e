/* Checks all domain files, and shows their order. */
#include "xenith/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libxl.h>

#include "base/child.h"
#include "base/visible.h"
#include "policy/config.h"
#include "policy/graph.h"
#include "policy/host.h"
#include "preflight/preflight.h"

#define CONFIG_DIR "/config/domains"
#define XL         "/usr/sbin/xl"

/* ---- the host ----------------------------------------------------------- */

/* Reads the facts of this host, if it runs Xen. */
static void read_host(struct host *host)
{
    xentoollog_logger_stdiostream *log =
        xtl_createlogger_stdiostream(stderr, XTL_CRITICAL, 0);
    libxl_ctx *ctx = NULL;

    memset(host, 0, sizeof(*host));
    host->unknown = true;
    if (!access("/proc/xen/capabilities", R_OK) &&
        !libxl_ctx_alloc(&ctx, LIBXL_VERSION, 0, (xentoollog_logger *)log)) {
        host_facts(ctx, host);
        libxl_ctx_free(ctx);
    }
    if (log) xtl_logger_destroy((xentoollog_logger *)log);
}

void xenith_problems(const struct problems *problems, FILE *to)
{
    size_t i;

    for (i = 0; i < problems->n; i++) {
        char *text = problem_text(&problems->v[i]);
        char *shown = visible(text, SIZE_MAX);

        fprintf(to, "%s\n", shown);
        free(shown);
        free(text);
    }
}

/* The directory of the domain files. The default may be missing: no domains; a
 * named one must exist. NULL: it does not, which was printed. */
static const char *config_dir(const char *cmd, char *const *args)
{
    if (!*args) return CONFIG_DIR;
    if (!access(*args, R_OK)) return *args;
    fprintf(stderr, "xenith: %s: cannot read %s: %s\n", cmd, *args,
            strerror(errno));
    return NULL;
}

/* ---- what the start would run ------------------------------------------- */

/* xl's result for a domain file. */
struct dryrun {
    const char *file;
    struct problems *problems;
    bool ended;
};

/* Adds each line of xl as an error if it refuses the file, else as a
 * warning. */
static void xl_ended(void *user, int status, const struct buf *out,
                     const struct buf *err)
{
    struct dryrun *run = user;
    bool refused = !WIFEXITED(status) || WEXITSTATUS(status);
    char *text = xstrndup(err->s ? err->s : "", err->len);
    char *save = NULL;
    char *line;

    (void)out;
    run->ended = true;
    for (line = strtok_r(text, "\n", &save); line;
         line = strtok_r(NULL, "\n", &save)) {
        if (refused)
            problem_add(run->problems, run->file, 0, "xl: %s", line);
        else
            problem_warn(run->problems, run->file, 0, "xl: %s", line);
    }
    if (refused && !err->len)
        problem_add(run->problems, run->file, 0, "xl rejects the file");
    free(text);
}

/* Runs xl as domd does before a start; it creates nothing. */
static void run_xl(const char *xl, const char *file, struct problems *problems)
{
    int fd;
    char *name = text_for_child(file, &fd);
    char *argv[] = {xstrdup(xl), "-N", "create", "-q", name, NULL};
    struct dryrun run = {.file = file, .problems = problems};
    struct loop *loop = loop_new();
    struct child *child = NULL;
    int r = child_start(&child, loop, argv, xl_ended, &run);

    if (r)
        problem_add(problems, file, 0, "cannot start %s: %s", xl, strerror(r));
    while (!r && !run.ended)
        loop_round(loop);
    loop_free(loop);
    if (fd >= 0) close(fd);
    free(name);
    free(argv[0]);
}

/* Asks xl about files without known errors. Tests set $XENITH_XL. */
static void ask_xl(struct config *c, const struct host *host)
{
    const char *xl = getenv("XENITH_XL");
    size_t i;

    if (!xl) {
        if (host->unknown || access(XL, X_OK)) return;
        xl = XL;
    }
    for (i = 0; i < c->n; i++) {
        if (!c->v[i]->bar) run_xl(xl, c->v[i]->file, &c->problems);
    }
}

/* ---- the commands ------------------------------------------------------- */

/* Checks this host's own settings, if the user may read them. Returns false if
 * there are errors in them. */
static bool check_host(void)
{
    struct buf out = {0};
    struct buf err = {0};
    bool ok = xenith_script("check-host", &out, &err);

    xenith_print(&err);
    buf_dispose(&err);
    buf_dispose(&out);
    return ok;
}

int cmd_check(const struct options *o, char *const *args)
{
    struct host host = {.unknown = true};
    struct config c = {0};
    struct stat st;
    char *tree = NULL;
    const char *path;
    int rc = EXIT_WRONG;
    bool alone;

    /* A tree describes another host. */
    if (o->config)
        tree = xasprintf("%s/domains", o->config);
    else
        read_host(&host);
    path = tree && !*args ? tree : config_dir("check", args);
    if (!path) goto out;
    alone = !stat(path, &st) && S_ISREG(st.st_mode);
    if (alone)
        config_read_file(&c, path, &host);
    else
        config_read(&c, path, &host);
    if (o->config)
        preflight_tree(&c, o->config);
    else if (!host.unknown)
        preflight_all(&c);
    if (!alone) config_check(&c, &host);
    if (!o->config) ask_xl(&c, &host);
    xenith_problems(&c.problems, stdout);
    rc = problem_errors(&c.problems) ? EXIT_WRONG : EXIT_OK;
    if (!o->config && !*args && !check_host()) rc = EXIT_WRONG;
out:
    config_dispose(&c);
    host_dispose(&host);
    free(tree);
    return rc;
}

int cmd_graph(const struct options *o, char *const *args)
{
    struct host host = {.unknown = true};
    struct config c;
    struct buf out = {0};
    const char *dir = config_dir("graph", args);
    int rc;

    if (!dir) return EXIT_WRONG;
    config_read(&c, dir, &host);
    config_check(&c, &host);
    rc = c.problems.n && !c.n ? EXIT_WRONG : EXIT_OK;
    if (rc) xenith_problems(&c.problems, stderr);
    if (o->dot)
        graph_dot(c.v, c.n, &out);
    else
        graph_text(c.v, c.n, &out);
    xenith_print(&out);
    buf_dispose(&out);
    config_dispose(&c);
    return rc;
}
