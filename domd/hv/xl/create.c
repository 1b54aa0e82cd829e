/*
 * Creates an instance: xl converts the file to JSON, libxl builds the domain
 * in its turn, and it is unpaused. A failed creation is removed.
 */
#include "hv/xl/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hv/xl/dmlog.h"
#include "hv/saved.h"
#include "base/child.h"
#include "policy/text.h"

static void create_failed(struct hv *hv, struct slot *s, const char *text)
{
    char *copy = xstrdup(text);

    free(s->kept);
    s->kept = NULL;
    xl_slot_clear(hv, s);
    xl_report(hv, s, MACHINE_EV_CREATE_FAILED, copy);
    free(copy);
}

/* Hands the configuration to libxl. */
static void build_domain(struct hv *hv, struct slot *s)
{
    libxl_domain_restore_params params;
    char *no = xl_look_for_saved(hv, s);
    struct strlist writes = {0};
    msec began;
    int rc;

    if (!no) {
        snprintf(s->uuid, sizeof(s->uuid), LIBXL_UUID_FMT,
                 LIBXL_UUID_BYTES(s->config.c_info.uuid));
        xl_list_written(&s->config, &writes);
        no = hv->cb.begins(hv->cb.user, s->dom, s->uuid,
                           s->fd >= 0 ? &writes : NULL);
        strlist_dispose(&writes);
    }
    if (no) {
        create_failed(hv, s, no);
        free(no);
        return;
    }
    xl_begin_op(hv, s, OP_CREATE);
    s->domid = HV_NO_DOMID;
    began = loop_now();
    if (s->fd >= 0) {
        libxl_domain_restore_params_init(&params);
        params.stream_version = 2;
        rc = libxl_domain_create_restore(hv->ctx, &s->config, &s->domid, s->fd,
                                         -1, &params, &s->how, NULL);
        libxl_domain_restore_params_dispose(&params);
    } else {
        rc = libxl_domain_create_new(hv->ctx, &s->config, &s->domid, &s->how,
                                     NULL);
    }
    hv->cb.stalled(hv->cb.user, s->dom, loop_now() - began);
    if (rc) create_failed(hv, s, xl_why(hv, s, rc));
}

/* Whether A is built before B: one whose turn has come before one that is
 * created ahead, and then in the order of their requests. */
static bool is_before(const struct slot *a, const struct slot *b)
{
    if (a->ahead != b->ahead) return b->ahead;
    return a->op_id < b->op_id;
}

/* Builds the next domain. libxl blocks while it loads the kernel and fills the
 * memory, so the loop runs a round between two builds. */
void xl_build_next(void *user)
{
    struct hv *hv = user;
    struct slot *first = NULL;
    unsigned int queued = 0;
    unsigned int i;

    for (i = 0; i < hv->n_slots; i++) {
        struct slot *s = hv->slots[i];

        if (!s || s->op != OP_QUEUED) continue;
        queued++;
        if (!first || is_before(s, first)) first = s;
    }
    if (queued > 1) loop_at(hv->builder, loop_now());
    if (first) build_domain(hv, first);
}

static void queue_creation(struct hv *hv, struct slot *s)
{
    xl_begin_op(hv, s, OP_QUEUED);
    loop_at(hv->builder, loop_now());
    xl_report(hv, s, MACHINE_EV_QUEUED, NULL);
}

/* xl has converted the file to JSON, or failed. */
static void conversion_ended(void *user, int status, const struct buf *out,
                             const struct buf *err)
{
    struct slot *s = user;
    struct hv *hv = s->hv;
    char *reason;

    s->run = NULL;
    s->op = OP_NONE;
    if (s->aborted) {
        create_failed(hv, s, "aborted");
    } else if (policy_stamp(s->file) != s->stamp) {
        xl_slot_clear(hv, s);
        xl_report(hv, s, MACHINE_EV_FILE_CHANGED, NULL);
    } else if (!WIFEXITED(status) || WEXITSTATUS(status) || !out->len) {
        reason = child_reason(err);
        create_failed(hv, s, reason ? reason : "xl rejects the file");
        free(reason);
    } else {
        libxl_domain_config_init(&s->config);
        s->has_config = true;
        if (libxl_domain_config_from_json(hv->ctx, &s->config, out->s)) {
            create_failed(
                hv, s, "libxl cannot parse the configuration that xl printed");
        } else {
            xl_give_macs(&s->config, hv->machine);
            queue_creation(hv, s);
        }
    }
}

static int convert_file(struct hv *hv, struct slot *s)
{
    int fd;
    char *name = text_for_child(s->file, &fd);
    char *argv[] = {XL, "-N", "create", "-q", name, NULL};
    int r = child_start(&s->run, hv->loop, argv, conversion_ended, s);

    if (fd >= 0) close(fd);
    free(name);
    return r;
}

void hv_create(struct hv *hv, unsigned int dom, unsigned int gen,
               const struct policy *policy, bool fresh, bool ahead)
{
    struct slot *s = xl_slot_get(hv, dom);
    char *text;
    int r;

    xl_slot_clear(hv, s);
    s->gen = gen;
    s->ahead = ahead;
    free(s->name);
    s->name = xstrdup(policy->name);
    xl_set_save_to(s, policy->save_to);
    if (fresh) {
        free(s->kept);
        s->kept = NULL;
    }
    if (s->kept) {
        libxl_domain_config_init(&s->config);
        s->has_config = true;
        r = libxl_domain_config_from_json(hv->ctx, &s->config, s->kept);
        if (!r) {
            queue_creation(hv, s);
            return;
        }
        xl_slot_config_dispose(s);
    }
    xl_begin_op(hv, s, OP_CONVERT);
    free(s->file);
    s->file = xstrdup(policy->file);
    s->stamp = policy->stamp;
    r = convert_file(hv, s);
    if (r) {
        text = xasprintf("cannot start " XL ": %s", strerror(r));
        create_failed(hv, s, text);
        free(text);
    }
}

/* The remains of a failed creation are gone. With RC they may not be; then the
 * state machine tries again. */
void xl_cleaned_up(struct hv *hv, struct slot *s, int rc)
{
    char *text = s->failure;

    s->failure = NULL;
    s->op = OP_NONE;
    if (rc && xl_exists(hv, s->domid)) {
        xl_slot_config_dispose(s);
        xl_report(hv, s, MACHINE_EV_CREATE_LEFT, text);
    } else {
        create_failed(hv, s, text);
    }
    free(text);
}

/* Removes the remains of a failed creation. TEXT, which it takes over, says
 * why it failed. libxl removes what it could not build, but neither a built
 * nor a cancelled domain. The failure is reported when nothing is left: the
 * next instance has the same name and disks. */
static void clean_up(struct hv *hv, struct slot *s, char *text)
{
    int rc = 0;

    free(s->failure);
    s->failure = text;
    if (s->domid != HV_NO_DOMID && xl_exists(hv, s->domid)) {
        xl_begin_op(hv, s, OP_CLEANUP);
        rc = libxl_domain_destroy(hv->ctx, s->domid, &s->how);
        if (!rc) return;
    }
    xl_cleaned_up(hv, s, rc);
}

/* Returns why a creation failed with RC. The caller frees it. */
static char *why_not_created(const struct hv *hv, const struct slot *s, int rc)
{
    char *complaint = dmlog_complaint(hv->dm_log_dir, s->name, s->op_began);
    char *text = complaint ? xasprintf("QEMU: %s", complaint)
                           : xstrdup(xl_why(hv, s, rc));

    free(complaint);
    return text;
}

/* The guest may have run before the unpause failed. Unless the hypervisor
 * rules that out, the save must not be used again. */
static void settle_failed_unpause(struct hv *hv, const struct slot *s, int rc)
{
    libxl_dominfo info;
    bool never;

    libxl_dominfo_init(&info);
    never = xl_look_at(hv, s->domid, &info) && xl_never_ran(&info);
    libxl_dominfo_dispose(&info);
    if (!never || !saved_give_back(s->save_to, s->name))
        xl_put_aside(hv, s, why_not_created(hv, s, rc));
}

void xl_unpaused(struct hv *hv, struct slot *s, int rc)
{
    s->op = OP_NONE;
    if (s->taken && !rc) saved_done(s->save_to, s->name);
    if (s->taken && rc) settle_failed_unpause(hv, s, rc);
    s->taken = false;
    s->ahead = false;
    if (!rc) xl_watch_on(hv, s);
    if (s->was_reset) {
        xl_reset_done(hv, s, rc);
    } else if (rc) {
        clean_up(hv, s, why_not_created(hv, s, rc));
    } else {
        xl_slot_config_dispose(s);
        xl_report(hv, s, MACHINE_EV_CREATED, NULL);
        xl_device_model_says(hv, s);
    }
}

/* Its end is reported once the unpause has ended: until then nobody expects
 * one. */
static void unpause(struct hv *hv, struct slot *s)
{
    int rc;

    if (s->ahead) xl_slot_watch_off(hv, s);
    xl_begin_op(hv, s, OP_UNPAUSE);
    rc = libxl_domain_unpause(hv->ctx, s->domid, &s->how);
    if (rc) xl_unpaused(hv, s, rc);
}

void xl_created(struct hv *hv, struct slot *s, int rc)
{
    bool restore = s->fd >= 0;
    char *text = NULL;
    int r = 0;

    s->op = OP_NONE;
    if (!rc && s->aborted) rc = ERROR_ABORTED; /* the abort came too late */
    if (rc) text = why_not_created(hv, s, rc);
    if (restore && rc && !s->aborted) xl_restore_failed(hv, s, text);
    xl_close_fd(&s->fd);
    /* The guest has not run: on failure the save stays usable. */
    if (restore && !rc) {
        r = saved_take(s->save_to, s->name);
        s->taken = !r;
        if (r)
            text = xasprintf("cannot rename the save in %s: %s", s->save_to,
                             strerror(r));
    }
    if (rc || r) {
        clean_up(hv, s, text);
    } else if (s->ahead) {
        xl_watch_on(hv, s);
        xl_report(hv, s, MACHINE_EV_BUILT, NULL);
    } else {
        unpause(hv, s);
    }
}

/* Whether somebody else has unpaused it already. */
static bool has_run(struct hv *hv, const struct slot *s)
{
    libxl_dominfo info;
    bool ran;

    libxl_dominfo_init(&info);
    ran = xl_look_at(hv, s->domid, &info) && !xl_never_ran(&info);
    libxl_dominfo_dispose(&info);
    return ran;
}

void hv_unpause(struct hv *hv, unsigned int dom, unsigned int gen)
{
    struct slot *s = xl_slot_get(hv, dom);

    if (s->gen != gen) return;
    if (has_run(hv, s)) {
        xl_slot_watch_off(hv, s);
        xl_unpaused(hv, s, 0);
    } else {
        unpause(hv, s);
    }
}

void hv_abort(struct hv *hv, unsigned int dom)
{
    struct slot *s = xl_slot_get(hv, dom);

    switch (s->op) {
    case OP_CONVERT:
        s->aborted = true;
        child_kill(s->run);
        break;
    case OP_SYNC:
        child_kill(s->run);
        break;
    case OP_QUEUED:
        create_failed(hv, s, "aborted");
        break;
    case OP_CREATE:
    case OP_SAVE:
        /* The operation still ends with an event. */
        s->aborted = true;
        (void)libxl_ao_abort(hv->ctx, &s->how);
        break;
    default:
        break; /* ends soon, by itself */
    }
}
