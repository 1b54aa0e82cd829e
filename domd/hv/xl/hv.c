/*
 * The hypervisor through libxenlight: events, opening and closing.
 *
 * Every slow operation is one of libxl's asynchronous ones. Completions arrive
 * as events in the same queue as deaths, which is drained after each round of
 * the loop. libxl never calls back into these files, so reentrancy is no
 * concern.
 */
#include "hv/xl/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "base/child.h"

#define DUMP_DIR   "/var/lib/xen/dump"
#define DM_LOG_DIR "/var/log/xen"

static void operation_complete(struct hv *hv, uint64_t id, int rc)
{
    struct slot *s = NULL;
    unsigned int i;

    if (xl_ejected(hv, id)) return;
    for (i = 0; id && i < hv->n_slots; i++) {
        if (hv->slots[i] && hv->slots[i]->op != OP_NONE &&
            hv->slots[i]->op_id == id)
            s = hv->slots[i];
    }
    if (!s) return;
    switch (s->op) {
    case OP_CREATE:
        xl_created(hv, s, rc);
        break;
    case OP_UNPAUSE:
        xl_unpaused(hv, s, rc);
        break;
    case OP_CLEANUP:
        xl_cleaned_up(hv, s, rc);
        break;
    case OP_SHUTDOWN:
        xl_shutdown_asked(hv, s, rc);
        break;
    case OP_SAVE:
        xl_saved(hv, s, rc);
        break;
    case OP_RESUME:
        xl_save_failed(hv, s);
        break;
    case OP_DESTROY:
        xl_destroyed(hv, s, rc);
        break;
    case OP_RESET:
        xl_reset(hv, s, rc);
        break;
    case OP_NONE:
    case OP_CONVERT:
    case OP_QUEUED:
    case OP_SYNC:
    case OP_DUMP:
        break;
    }
}

static void domain_event(struct hv *hv, const libxl_event *event)
{
    struct slot *s;

    if (event->for_user >= hv->n_slots) return;
    s = hv->slots[event->for_user];
    if (!s || s->domid != event->domid) return; /* an earlier instance */
    /* It is repeated once the unpause has ended. */
    if (s->ahead && s->op == OP_UNPAUSE) return;
    switch (event->type) {
    case LIBXL_EVENT_TYPE_DOMAIN_SHUTDOWN:
        if (event->u.domain_shutdown.shutdown_reason ==
            LIBXL_SHUTDOWN_REASON_SUSPEND)
            xl_suspended(hv, s);
        else
            xl_shut_down(hv, s, event->u.domain_shutdown.shutdown_reason);
        break;
    case LIBXL_EVENT_TYPE_DOMAIN_DEATH:
        /* Our destroy ends after libxl has tidied up. */
        if (s->op == OP_DESTROY || s->op == OP_DUMP) break;
        /* These operations use the slot until they fail; only then is the
         * domain found to be gone. */
        if (s->op == OP_SAVE || s->op == OP_SYNC || s->op == OP_RESUME ||
            xl_is_resetting(s)) {
            xl_slot_watch_off(hv, s);
            break;
        }
        xl_report_gone(hv, s);
        break;
    case LIBXL_EVENT_TYPE_DISK_EJECT:
        xl_eject(hv, s, &event->u.disk_eject.disk);
        break;
    default:
        break;
    }
}

static void take_events(struct hv *hv)
{
    libxl_event *event = NULL;

    while (
        !libxl_event_check(hv->ctx, &event, LIBXL_EVENTMASK_ALL, NULL, NULL)) {
        if (event->type == LIBXL_EVENT_TYPE_OPERATION_COMPLETE)
            operation_complete(hv, event->for_user,
                               event->u.operation_complete.rc);
        else
            domain_event(hv, event);
        libxl_event_free(hv->ctx, event);
    }
}

static bool before_poll(void *user, struct pollfd *fds, int *n_io,
                        int *timeout_io)
{
    struct hv *hv = user;
    struct timeval now;
    int rc;

    /* libxl may queue events outside of a round. */
    take_events(hv);
    gettimeofday(&now, NULL);
    rc = libxl_osevent_beforepoll(hv->ctx, n_io, fds, timeout_io, now);
    return rc != ERROR_BUFFERFULL;
}

static void after_poll(void *user, struct pollfd *fds, int n)
{
    struct hv *hv = user;
    struct timeval now;

    gettimeofday(&now, NULL);
    libxl_osevent_afterpoll(hv->ctx, n, fds, now);
    take_events(hv);
}

static void store_event(void *user, int fd, short revents)
{
    struct hv *hv = user;
    bool any = false;
    char **event;

    (void)fd;
    (void)revents;
    while ((event = xs_check_watch(hv->xs))) {
        any = true;
        free(event);
    }
    if (!any) return;
    xl_guess(hv);
    xl_watch_again(hv);
    hv->cb.list_changed(hv->cb.user);
}

/* Some calls of libxl have no usable asynchronous form, or block anyway: on a
 * lock that another xl holds, or on QEMU. libxl then runs its own loop instead
 * of ours, and has to reap its children there, or it would wait for ever.
 * base/child.c reaps ours. */
static const libxl_childproc_hooks child_hooks = {
    .chldowner = libxl_sigchld_owner_libxl_always_selective_reap,
};

int hv_open(struct hv **hv_r, struct loop *loop,
            const struct hv_callbacks *callbacks, char **why_r)
{
    struct hv *hv = xcalloc(1, sizeof(*hv));
    struct loop_guest guest = {before_poll, after_poll, hv};
    int rc = -1;

    *why_r = NULL;
    hv->loop = loop;
    hv->cb = *callbacks;
    hv->dump_dir = DUMP_DIR;
    hv->dm_log_dir = DM_LOG_DIR;
    xl_read_machine(UUID_FILE, hv->machine, sizeof(hv->machine));
    xl_logger_init(hv);
    if (libxl_ctx_alloc(&hv->ctx, LIBXL_VERSION, 0, &hv->logger.vtable)) {
        *why_r =
            xstrdup("libxl cannot connect to the hypervisor or xenstored");
        goto out;
    }
    libxl_childproc_setmode(hv->ctx, &child_hooks, NULL);
    hv->xs = xs_open(0);
    if (!hv->xs || !xs_watch(hv->xs, "@introduceDomain", "i") ||
        !xs_watch(hv->xs, "@releaseDomain", "r")) {
        *why_r = xasprintf("xenstored: %s", strerror(errno));
        goto out;
    }
    hv->builder = loop_timer(loop, xl_build_next, hv);
    hv->deaths = loop_timer(loop, xl_tell_ends, hv);
    hv->xs_source = loop_add(loop, xs_fileno(hv->xs), POLLIN, store_event, hv);
    loop_set_guest(loop, &guest);
    *hv_r = hv;
    hv = NULL;
    rc = 0;
out:
    hv_close(hv);
    return rc;
}

void hv_close(struct hv *hv)
{
    struct loop_guest nobody = {0};
    unsigned int i;

    if (!hv) return;
    loop_set_guest(hv->loop, &nobody);
    for (i = 0; i < hv->n_slots; i++) {
        struct slot *s = hv->slots[i];

        if (!s) continue;
        child_free(s->run);
        if (hv->ctx) xl_slot_watch_off(hv, s);
        free(s->name);
        free(s->file);
        free(s->save_to);
        free(s->kept);
        free(s->failure);
        /* A running operation may use the rest. */
    }
    free(hv->slots);
    loop_remove(hv->loop, hv->xs_source);
    loop_timer_remove(hv->loop, hv->builder);
    loop_timer_remove(hv->loop, hv->deaths);
    if (hv->xs) xs_close(hv->xs);
    /* The context stays open: libxl would abort the process if an operation is
     * under way, as when one domd replaces another. Exit frees it. */
}
