/*
 * Core dump of a dead instance (on_crash = "coredump-..."): the file is
 * NAME~part until it is complete, then NAME. No domain name contains a ~.
 */
#include "hv/xl/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"

static char *dump_path(const struct slot *s, const char *suffix)
{
    return xasprintf("%s/%s%s", s->hv->dump_dir, s->name, suffix);
}

/* Logs why there is no dump. WHY, which it frees; NULL: there is one. */
static void log_failure(struct hv *hv, const struct slot *s, char *why)
{
    char *line;

    if (!why) return;
    line = xasprintf("%s: no core dump: %s", s->name, why);
    hv->cb.log(hv->cb.user, line);
    free(line);
    free(why);
}

static void dump_ended(void *user, int status, const struct buf *out,
                       const struct buf *err)
{
    struct slot *s = user;
    struct hv *hv = s->hv;
    char *part = dump_path(s, "~part");
    char *path = dump_path(s, "");
    char *no = NULL;

    (void)out;
    s->run = NULL;
    if (!WIFEXITED(status) || WEXITSTATUS(status)) {
        no = child_reason(err);
        if (!no) no = xstrdup("xl dump-core failed");
    } else if (rename(part, path)) {
        no = xasprintf("%s: %s", path, strerror(errno));
    }
    if (no) (void)unlink(part);
    log_failure(hv, s, no);
    free(part);
    free(path);
    /* Even without its dump the dead domain is removed. */
    xl_destroy(hv, s);
}

/* Makes room for a dump by removing the previous one, PATH, unless even that
 * would not suffice. Returns why there is no room, or NULL. The caller frees
 * it. */
static char *make_room(struct hv *hv, const struct slot *s, const char *path)
{
    char *no = xl_no_room(hv, s, hv->dump_dir, 0);
    char *still;
    struct stat st;

    if (!no || stat(path, &st)) return no;
    still = xl_no_room(hv, s, hv->dump_dir, (uint64_t)st.st_blocks * 512);
    if (!still) {
        (void)unlink(path);
        free(no);
        return NULL;
    }
    free(still);
    return no;
}

/* libxl would block until all is written: a child does it. */
bool xl_dump(struct hv *hv, struct slot *s)
{
    char *domid = xasprintf("%u", (unsigned int)s->domid);
    char *part = dump_path(s, "~part");
    char *path = dump_path(s, "");
    char *argv[] = {XL, "dump-core", domid, part, NULL};
    char *no;
    bool begun;
    int r;

    s->dump = false;
    /* Remove the partial file of an interrupted dump. */
    (void)unlink(part);
    no = make_room(hv, s, path);
    if (!no) {
        xl_begin_op(hv, s, OP_DUMP);
        r = child_start(&s->run, hv->loop, argv, dump_ended, s);
        if (r) no = xasprintf("cannot start " XL ": %s", strerror(r));
    }
    begun = !no;
    if (!begun) s->op = OP_NONE;
    log_failure(hv, s, no);
    free(path);
    free(part);
    free(domid);
    return begun;
}
