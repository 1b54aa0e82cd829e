/*
 * The core dump of a dead instance (on_crash = "coredump-..."): NAME in the
 * directory for it, and NAME~part until it is whole. No domain's name has a ~
 * in it.
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

/* Says why there is none. WHY, which it frees, may be NULL: then there is. */
static void say_why_not(struct hv *hv, const struct slot *s, char *why)
{
    char *line;

    if (!why) return;
    line = xasprintf("%s: no core dump: %s", s->name, why);
    hv->cb.log(hv->cb.user, line);
    free(line);
    free(why);
}

static void dumped(void *user, int status, const struct buf *out,
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
        if (!no) no = xstrdup("xl failed");
    } else if (rename(part, path)) {
        no = xasprintf("%s: %s", path, strerror(errno));
    }
    if (no) (void)unlink(part);
    say_why_not(hv, s, no);
    free(part);
    free(path);
    /* A dump that failed is no reason to keep the dead. */
    xl_destroy(hv, s);
}

/* Makes room for a dump, if there is none, in the place of the one from an
 * earlier crash, PATH: which is kept if that would not do, either. Returns why
 * there is no room, or NULL. The caller frees it. */
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

/* libxl would not return before it is all written: a child does it. */
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
    /* A domd, or the host, may have gone down while it was written. */
    (void)unlink(part);
    no = make_room(hv, s, path);
    if (!no) {
        xl_begin_op(hv, s, OP_DUMP);
        r = child_start(&s->run, hv->loop, argv, dumped, s);
        if (r) no = xasprintf("cannot start " XL ": %s", strerror(r));
    }
    begun = !no;
    if (!begun) s->op = OP_NONE;
    say_why_not(hv, s, no);
    free(path);
    free(part);
    free(domid);
    return begun;
}
