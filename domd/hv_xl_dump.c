/* The core dump of a dead instance (on_crash = "coredump-..."). */
#include "hv_xl_internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "xlrun.h"

#define DUMP_DIR "/var/lib/xen/dump"

static void dumped(void *user, int status, const struct buf *out,
                   const struct buf *err)
{
    struct slot *s = user;
    struct hv *hv = s->hv;
    char *reason;
    char *line;

    (void)out;
    s->run = NULL;
    if (!WIFEXITED(status) || WEXITSTATUS(status)) {
        reason = xlrun_reason(err);
        line = xasprintf("%s: no core dump: %s", s->name,
                         reason ? reason : "xl failed");
        hv->cb.log(hv->cb.user, line);
        free(line);
        free(reason);
    }
    /* A dump that failed is no reason to keep the dead. */
    hvx_destroy(hv, s);
}

/* libxl would not return before it is all written: a child does it. */
bool hvx_dump(struct hv *hv, struct slot *s)
{
    char *no = hvx_no_room(hv, s, DUMP_DIR);
    char *domid = xasprintf("%u", (unsigned int)s->domid);
    char *path = xasprintf(DUMP_DIR "/%s", s->name);
    char *argv[] = {XL, "dump-core", domid, path, NULL};
    char *line;
    int r;

    s->dump = false;
    if (!no) {
        hvx_begin_op(hv, s, OP_DUMP);
        r = xlrun_start(&s->run, hv->loop, argv, dumped, s);
        if (r) no = xasprintf("cannot start " XL ": %s", strerror(r));
    }
    if (no) {
        s->op = OP_NONE;
        line = xasprintf("%s: no core dump: %s", s->name, no);
        hv->cb.log(hv->cb.user, line);
        free(line);
    }
    free(path);
    free(domid);
    r = no ? -1 : 0;
    free(no);
    return !r;
}
