/* Runs scripts of the host for a command that does more. */
#include "xenith/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"

struct run {
    struct buf *out;
    struct buf *err;
    int status;
    bool ended;
};

static void script_ended(void *user, int status, const struct buf *out,
                         const struct buf *err)
{
    struct run *run = user;

    if (out->len) buf_add(run->out, out->s, out->len);
    if (err->len) buf_add(run->err, err->s, err->len);
    run->status = status;
    run->ended = true;
}

bool xenith_script(const char *name, struct buf *out, struct buf *err)
{
    const char *dir = getenv("XENITH_SCRIPTS");
    char *path = xasprintf("%s/%s", dir ? dir : SCRIPT_DIR, name);
    char *argv[] = {path, NULL};
    struct run run = {.out = out, .err = err};
    struct loop *loop = NULL;
    struct child *child = NULL;
    bool ok = true;
    int r;

    if (access(path, X_OK)) goto out;
    loop = loop_new();
    r = child_start(&child, loop, argv, script_ended, &run);
    if (r) buf_addf(err, "cannot start %s: %s\n", path, strerror(r));
    while (!r && !run.ended)
        loop_round(loop);
    ok = !r && WIFEXITED(run.status) && !WEXITSTATUS(run.status);
out:
    loop_free(loop);
    free(path);
    return ok;
}
