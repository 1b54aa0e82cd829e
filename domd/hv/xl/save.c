/* Saves an instance to a disk. */
#include "hv/xl/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hv/saved.h"
#include "base/child.h"

#define SYNC "/bin/sync"

/* Whether a suspend request to the guest is unread. */
static bool is_asked_to_suspend(struct hv *hv, uint32_t domid)
{
    char *request = xl_in_store(hv, domid, "control/shutdown");
    bool asked = request && !strcmp(request, "suspend");

    free(request);
    return asked;
}

/* A guest may suspend for an earlier domd, whose request it had read. Resume
 * it then: suspended, it cannot read the request of a newer save. */
void xl_suspended(struct hv *hv, struct slot *s)
{
    bool late = s->cut_off;

    xl_rearm(hv, s);
    s->cut_off = false;
    if (s->op == OP_SAVE)
        late = late && is_asked_to_suspend(hv, s->domid);
    else if (s->op != OP_NONE && s->op != OP_SHUTDOWN)
        late = false;
    if (late) (void)libxl_domain_resume(hv->ctx, s->domid, 1, NULL);
}

static int write_saved_config(struct hv *hv, struct slot *s)
{
    libxl_domain_config config;
    char *json = NULL;
    char *path = NULL;
    int rc;

    libxl_domain_config_init(&config);
    rc = libxl_retrieve_domain_configuration(hv->ctx, s->domid, &config, NULL);
    if (rc) goto out;
    json = libxl_domain_config_to_json(hv->ctx, &config);
    if (!json) {
        rc = ERROR_NOMEM;
        goto out;
    }
    path = saved_path(s->save_to, s->name, ".json");
    if (write_file(path, json, strlen(json), 0600)) rc = ERROR_FAIL;
out:
    free(path);
    free(json);
    libxl_domain_config_dispose(&config);
    return rc;
}

void hv_save(struct hv *hv, unsigned int dom, unsigned int gen,
             const char *dir)
{
    struct slot *s = xl_slot_get(hv, dom);
    char *text = NULL;
    char *path = NULL;
    int rc;

    (void)gen;
    if (xl_is_resetting(s)) {
        xl_report(hv, s, MACHINE_EV_SAVE_FAILED, "guest is being reset");
        return;
    }
    xl_begin_op(hv, s, OP_SAVE);
    s->aborted = false;
    xl_set_save_to(s, dir);
    text = xl_no_room(hv, s, dir, 0);
    if (text) goto out;
    path = saved_path(s->save_to, s->name, ".part");
    s->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (s->fd < 0) {
        text = xasprintf("%s: %s", path, strerror(errno));
        goto out;
    }
    rc = write_saved_config(hv, s);
    if (!rc) rc = libxl_domain_suspend(hv->ctx, s->domid, s->fd, 0, &s->how);
    if (rc) {
        text = xstrdup(xl_why(hv, s, rc));
        (void)unlink(path);
    }
out:
    free(path);
    if (!text) return;
    xl_close_fd(&s->fd);
    s->op = OP_NONE;
    xl_report(hv, s, MACHINE_EV_SAVE_FAILED, text);
    free(text);
}

void xl_save_failed(struct hv *hv, struct slot *s)
{
    char *text = s->failure;

    s->op = OP_NONE;
    s->failure = NULL;
    if (!xl_exists(hv, s->domid)) xl_report(hv, s, MACHINE_EV_GONE, NULL);
    xl_report(hv, s, MACHINE_EV_SAVE_FAILED, text);
    free(text);
}

/* Ends a save. FAILURE, which it takes over; NULL: it succeeded. */
static void finish_save(struct hv *hv, struct slot *s, char *failure)
{
    char *part = saved_path(s->save_to, s->name, ".part");
    int r;

    s->op = OP_NONE;
    r = failure ? 0 : saved_complete(s->save_to, s->name);
    if (r)
        failure = xasprintf("cannot rename %s to %s.save: %s", part, s->name,
                            strerror(r));
    if (!failure) {
        xl_report(hv, s, MACHINE_EV_SAVED, NULL);
        goto out;
    }
    s->failure = failure;
    unlink(part);
    /* Do not resume a domain that died meanwhile. */
    if (xl_is_suspended(hv, s->domid)) {
        xl_begin_op(hv, s, OP_RESUME);
        if (!libxl_domain_resume(hv->ctx, s->domid, 1, &s->how)) goto out;
    }
    xl_save_failed(hv, s);
out:
    free(part);
}

static void sync_ended(void *user, int status, const struct buf *out,
                       const struct buf *err)
{
    struct slot *s = user;
    char *reason = NULL;
    char *failure = NULL;

    (void)out;
    s->run = NULL;
    if (!WIFEXITED(status) || WEXITSTATUS(status)) {
        reason = child_reason(err);
        failure = xasprintf("cannot sync the save to the disk: %s",
                            reason ? reason : "aborted");
    }
    free(reason);
    finish_save(s->hv, s, failure);
}

/* The stream is written, and must reach the disk before the file gets its
 * final name. That takes seconds, hence a child. */
void xl_saved(struct hv *hv, struct slot *s, int rc)
{
    char *part = saved_path(s->save_to, s->name, ".part");
    char *json_path = saved_path(s->save_to, s->name, ".json");
    char *argv[] = {SYNC, part, json_path, NULL};
    char *failure = NULL;
    int r;

    xl_close_fd(&s->fd);
    if (rc) {
        failure = xstrdup(xl_why(hv, s, rc));
    } else {
        xl_begin_op(hv, s, OP_SYNC);
        r = child_start(&s->run, hv->loop, argv, sync_ended, s);
        if (r) failure = xasprintf("cannot start " SYNC ": %s", strerror(r));
    }
    if (failure) finish_save(hv, s, failure);
    free(part);
    free(json_path);
}
