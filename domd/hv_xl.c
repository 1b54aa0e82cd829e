/*
 * The hypervisor through libxenlight.
 *
 * Every operation that takes time is one of libxl's asynchronous ones; their
 * ends arrive as events in the same queue as the deaths of domains, and are
 * taken out of it after each round of the loop. libxl never calls back into
 * this file, so there is no reentrancy to think about.
 *
 * What happens to a domain that has shut down follows xl's handling of
 * on_poweroff, on_reboot, on_crash, on_watchdog and on_soft_reset.
 */
#include "hv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <libxl.h>
#include <libxl_event.h>
#include <libxl_utils.h>
#include <xenstore.h>

#include "dmlog.h"
#include "dmwatch.h"
#include "host_xl.h"
#include "saved.h"
#include "xlrun.h"

/* What `xl -N create` prints is a few kilobytes. */
#define CONFIG_MAX ((size_t)1024 * 1024)
#define ERRORS_MAX 32
#define DUMP_DIR   "/var/lib/xen/dump"
#define DM_LOG_DIR "/var/log/xen"
#define XL         "/usr/sbin/xl"
#define SCRIPT     "script: " /* before what a hotplug script says */
#define SYNC       "/bin/sync"
/* So long an xl that waits for its domain to end has to remove it. */
#define HAND_GRACE ((msec)3 * 1000)

enum op {
    OP_NONE,
    OP_CONVERT, /* xl turns the file into JSON */
    OP_QUEUED,  /* for its turn to be built */
    OP_CREATE,
    OP_UNPAUSE,
    OP_CLEANUP, /* what came of a creation that failed is removed */
    OP_SHUTDOWN,
    OP_SAVE,
    OP_SYNC,   /* what was saved is on its way to the disk */
    OP_RESUME, /* it could not be saved, and goes on */
    OP_DUMP,   /* xl writes its memory to a disk */
    OP_DESTROY,
    OP_RESET,
};

struct slot {
    struct hv *hv;
    unsigned int dom;
    unsigned int gen;
    uint32_t domid;
    uint32_t guess; /* while it is being created; for messages only */
    char *name;
    char *file;     /* OP_CONVERT: what xl reads, */
    uint64_t stamp; /* and what it said when it was checked */
    bool by_hand;

    enum op op;
    uint64_t op_id;
    libxl_asyncop_how how;
    uint64_t first_error; /* errors before this one are not about it */
    time_t op_began;      /* what a device model said before is not, either */

    struct xlrun *run; /* OP_CONVERT, OP_SYNC, OP_DUMP */
    bool aborted;      /* its creation was called off */
    char *failure;     /* OP_CLEANUP, OP_RESUME: what to report in the end */
    enum op then;      /* OP_RESET: what was asked for in the meantime */
    bool was_reset;    /* OP_UNPAUSE: after OP_RESET, not after OP_CREATE */

    /* OP_CREATE and after; libxl keeps a pointer to it */
    libxl_domain_config config;
    bool has_config;
    char uuid[HV_UUID_LEN];
    char *save_to;
    char *kept; /* JSON of the instance before, for a restart */
    int fd;     /* OP_SAVE, or a restore */
    bool taken; /* OP_UNPAUSE: it goes on from what was saved */

    bool cut_off; /* its save, perhaps after it had been asked to suspend */

    /* How its death is to be dealt with. */
    bool dump;
    bool rename;
    bool asked;                   /* to shut down */
    bool ended;                   /* and that is still to be told: */
    libxl_shutdown_reason reason; /* why, */
    msec tell_at;                 /* and when */

    libxl_evgen_domain_death *death;
    libxl_evgen_disk_eject **ejects;
    int n_ejects;
    struct dmwatch
        *dm; /* NULL: it has no device model, or it is not watched */
    pid_t dm_pid;
};

/* A CD that leaves its drive; libxl keeps a pointer to the disk. It is not the
 * operation of the slot: the domain may be shutting down at the same time. */
struct eject {
    uint64_t op_id;
    uint32_t domid;
    libxl_device_disk disk;
    struct eject *next;
};

/* An error that libxl has logged. */
struct logged {
    uint64_t number;
    uint32_t domid; /* HV_NO_DOMID: it names none */
    char text[200];
};

struct logger {
    xentoollog_logger vtable;
    struct hv *hv;
};

struct hv {
    struct loop *loop;
    struct hv_callbacks cb;
    libxl_ctx *ctx;
    struct logger logger;
    struct xs_handle *xs;
    struct source *xs_source;
    struct timer *builder;
    struct timer *deaths;
    struct slot **slots;
    unsigned int n_slots;
    struct eject *ejects;
    uint64_t next_op;
    struct logged errors[ERRORS_MAX];
    uint64_t n_errors;
};

/* ---- what libxl logs ---------------------------------------------------- */

static void logger_message(struct xentoollog_logger *l, xentoollog_level level,
                           int errnoval, const char *context,
                           const char *format, va_list args)
    __attribute__((format(printf, 5, 0)));

static void logger_message(struct xentoollog_logger *l, xentoollog_level level,
                           int errnoval, const char *context,
                           const char *format, va_list args)
{
    struct hv *hv = ((struct logger *)l)->hv;
    char *text;
    char *line;

    if (level < XTL_WARN) return;
    text = xvasprintf(format, args);
    if (errnoval >= 0) {
        line = xasprintf("%s: %s", text, strerror(errnoval));
        free(text);
        text = line;
    }
    if (level >= XTL_ERROR) {
        struct logged *e = &hv->errors[hv->n_errors % ERRORS_MAX];
        const char *from = text;
        unsigned int domid;
        int used = 0;

        /* "libxl_x.c:123:function: Domain 7:what went wrong" */
        if (strstr(from, "Domain ")) from = strstr(from, "Domain ");
        e->number = hv->n_errors++;
        e->domid = HV_NO_DOMID;
        if (sscanf(from, "Domain %u:%n", &domid, &used) == 1 && used) {
            e->domid = domid;
            from += used;
        } else if (!strncmp(from, "libxl", 5)) {
            const char *colon = strstr(from, ": ");

            if (colon) from = colon + 2;
        }
        snprintf(e->text, sizeof(e->text), "%s", from);
    }
    line = xasprintf("%s: %s", context ? context : "libxl", text);
    hv->cb.log(hv->cb.user, line);
    free(line);
    free(text);
}

static void logger_progress(struct xentoollog_logger *l, const char *context,
                            const char *what, int percent, unsigned long done,
                            unsigned long total)
{
    (void)l;
    (void)context;
    (void)what;
    (void)percent;
    (void)done;
    (void)total;
}

static void logger_destroy(struct xentoollog_logger *l)
{
    (void)l;
}

/* Whether an error about DOMID may be about this slot. */
static bool may_be_about(const struct hv *hv, const struct slot *s,
                         uint32_t domid)
{
    unsigned int i;

    if (domid == HV_NO_DOMID) return true;
    if (s->domid != HV_NO_DOMID) return domid == s->domid;
    if (s->guess != HV_NO_DOMID) return domid == s->guess;
    for (i = 0; i < hv->n_slots; i++) {
        const struct slot *o = hv->slots[i];

        if (o && (o->domid == domid || o->guess == domid)) return false;
    }
    return true;
}

/* The first error since the operation of this slot began: the later ones are
 * its consequences. But the words of a hotplug script come after its status.
 */
static const char *why(const struct hv *hv, const struct slot *s, int rc)
{
    static char text[256];
    uint64_t i = hv->n_errors > ERRORS_MAX ? hv->n_errors - ERRORS_MAX : 0;

    text[0] = '\0';
    for (; i < hv->n_errors; i++) {
        const struct logged *e = &hv->errors[i % ERRORS_MAX];

        if (e->number < s->first_error || !may_be_about(hv, s, e->domid))
            continue;
        if (!strncmp(e->text, SCRIPT, strlen(SCRIPT))) {
            snprintf(text, sizeof(text), "%s", e->text + strlen(SCRIPT));
            return text;
        }
        if (!text[0]) snprintf(text, sizeof(text), "%s", e->text);
    }
    if (text[0]) return text;
    snprintf(text, sizeof(text), "libxl says %s",
             libxl_error_to_string(rc) ? libxl_error_to_string(rc) : "?");
    return text;
}

/* ---- slots -------------------------------------------------------------- */

static struct slot *slot_get(struct hv *hv, unsigned int dom)
{
    struct slot *s;

    if (dom >= hv->n_slots) {
        hv->slots = xrealloc(hv->slots, dom + 1, sizeof(struct slot *));
        while (hv->n_slots <= dom)
            hv->slots[hv->n_slots++] = NULL;
    }
    if (hv->slots[dom]) return hv->slots[dom];
    s = xcalloc(1, sizeof(*s));
    s->hv = hv;
    s->dom = dom;
    s->domid = HV_NO_DOMID;
    s->guess = HV_NO_DOMID;
    s->fd = -1;
    hv->slots[dom] = s;
    return s;
}

static void slot_config_dispose(struct slot *s)
{
    if (s->has_config) libxl_domain_config_dispose(&s->config);
    s->has_config = false;
}

static void slot_watch_off(struct hv *hv, struct slot *s)
{
    int i;

    if (s->death) libxl_evdisable_domain_death(hv->ctx, s->death);
    s->death = NULL;
    for (i = 0; i < s->n_ejects; i++) {
        if (s->ejects[i]) libxl_evdisable_disk_eject(hv->ctx, s->ejects[i]);
    }
    free(s->ejects);
    s->ejects = NULL;
    s->n_ejects = 0;
    dmwatch_free(s->dm);
    s->dm = NULL;
}

static void close_fd(int *fd)
{
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

/* The instance is no more. */
static void slot_clear(struct hv *hv, struct slot *s)
{
    slot_watch_off(hv, s);
    slot_config_dispose(s);
    close_fd(&s->fd);
    s->domid = HV_NO_DOMID;
    s->guess = HV_NO_DOMID;
    s->uuid[0] = '\0';
    s->dump = s->rename = s->by_hand = s->aborted = s->was_reset = false;
    s->taken = s->cut_off = s->asked = s->ended = false;
    s->op = s->then = OP_NONE;
}

static void begin_op(struct hv *hv, struct slot *s, enum op op)
{
    s->op = op;
    s->op_id = ++hv->next_op;
    s->first_error = hv->n_errors;
    s->op_began = time(NULL);
    memset(&s->how, 0, sizeof(s->how));
    s->how.u.for_event = s->op_id;
}

static void report(struct hv *hv, const struct slot *s, enum mc_event event,
                   const char *text)
{
    struct mc_result res = {.gen = s->gen, .death = MC_VANISHED, .why = text};

    hv->cb.result(hv->cb.user, s->dom, event, &res);
}

static void report_gone(struct hv *hv, struct slot *s)
{
    slot_clear(hv, s);
    report(hv, s, MC_EV_GONE, NULL);
}

static void report_died(struct hv *hv, const struct slot *s,
                        enum mc_death death)
{
    struct mc_result res = {.gen = s->gen, .death = death};

    hv->cb.result(hv->cb.user, s->dom, MC_EV_DIED, &res);
}

/* What the hypervisor says of a domain; false if it has none of that number.
 * libxl_domain_info would log an error for it. The caller disposes. */
static bool look_at(struct hv *hv, uint32_t domid, libxl_dominfo *info)
{
    int n = 0;
    int i;
    bool found = false;
    libxl_dominfo *all = libxl_list_domain(hv->ctx, &n);

    for (i = 0; all && i < n; i++) {
        if (all[i].domid != domid) continue;
        libxl_dominfo_copy(hv->ctx, info, &all[i]);
        found = true;
    }
    if (all) libxl_dominfo_list_free(all, n);
    return found;
}

/* Whether a domain will never run again by itself. One that is suspended has
 * shut down, too, but goes on if its save fails. */
static bool has_ended(const libxl_dominfo *info)
{
    return info->shutdown &&
           info->shutdown_reason != LIBXL_SHUTDOWN_REASON_SUSPEND;
}

/* Whether its creation has not come to its end. */
static bool never_ran(const libxl_dominfo *info)
{
    return info->paused && !info->cpu_time;
}

static bool exists(struct hv *hv, uint32_t domid)
{
    libxl_dominfo info;
    bool found;

    libxl_dominfo_init(&info);
    found = look_at(hv, domid, &info);
    libxl_dominfo_dispose(&info);
    return found;
}

/* What xenstore has below the domain's directory; NULL: nothing. The caller
 * frees it. */
static char *in_store(struct hv *hv, uint32_t domid, const char *node)
{
    char *path = xasprintf("/local/domain/%u/%s", (unsigned int)domid, node);
    unsigned int len;
    char *value = xs_read(hv->xs, XBT_NULL, path, &len);

    free(path);
    return value;
}

/* ---- its device model --------------------------------------------------- */

/* As libxl noted it; 0: there is none in dom0. */
static pid_t device_model_pid(struct hv *hv, uint32_t domid)
{
    char *text = in_store(hv, domid, "image/device-model-pid");
    long pid = 0;

    if (text && !parse_long(text, 1, INT32_MAX, &pid)) pid = 0;
    free(text);
    return (pid_t)pid;
}

/* Whether the domain goes on without its device model: nobody ends it, and it
 * did not end by itself. libxl removes this node before it ends the one for
 * the other's sake. */
static bool goes_on(struct hv *hv, const struct slot *s)
{
    char *path = xasprintf("device-model/%u", (unsigned int)s->domid);
    char *node = in_store(hv, 0, path);
    libxl_dominfo info;
    bool on;

    libxl_dominfo_init(&info);
    on = node && look_at(hv, s->domid, &info) && !info.dying &&
         !has_ended(&info);
    libxl_dominfo_dispose(&info);
    free(node);
    free(path);
    return on;
}

static void device_model_on(struct hv *hv, struct slot *s);

static void device_model_ended(void *user)
{
    struct slot *s = user;
    struct hv *hv = s->hv;
    char *words;

    if (s->op == OP_DESTROY || s->op == OP_CLEANUP || !goes_on(hv, s)) return;
    /* After a reset it has another one. */
    if (device_model_pid(hv, s->domid) != s->dm_pid) {
        device_model_on(hv, s);
        return;
    }
    words = dmlog_last_words(DM_LOG_DIR, s->name);
    report(hv, s, MC_EV_DM_ENDED, words);
    free(words);
}

static void device_model_on(struct hv *hv, struct slot *s)
{
    char *line;

    dmwatch_free(s->dm);
    s->dm = NULL;
    s->dm_pid = device_model_pid(hv, s->domid);
    if (!s->dm_pid) return;
    s->dm = dmwatch_new(hv->loop, s->dm_pid, s->domid, device_model_ended, s);
    if (s->dm) return;
    line = xasprintf("%s: its device model is not watched: %s", s->name,
                     strerror(errno));
    hv->cb.log(hv->cb.user, line);
    free(line);
}

/* ---- deaths and ejects -------------------------------------------------- */

/* Asks for the events of an instance that runs. */
static int watch_on(struct hv *hv, struct slot *s)
{
    libxl_domain_config config;
    int rc;
    int i;

    rc = libxl_evenable_domain_death(hv->ctx, s->domid, s->dom, &s->death);
    if (rc) return rc;
    if (s->by_hand) return 0;
    device_model_on(hv, s);
    libxl_domain_config_init(&config);
    rc = libxl_retrieve_domain_configuration(hv->ctx, s->domid, &config, NULL);
    if (!rc && config.num_disks) {
        s->ejects = xcalloc((size_t)config.num_disks,
                            sizeof(libxl_evgen_disk_eject *));
        s->n_ejects = config.num_disks;
        for (i = 0; i < config.num_disks; i++) {
            if (!config.disks[i].removable) continue;
            /* Without this event a CD stays in: no reason to give up. */
            (void)libxl_evenable_disk_eject(hv->ctx, s->domid,
                                            config.disks[i].vdev, s->dom,
                                            &s->ejects[i]);
        }
    }
    libxl_domain_config_dispose(&config);
    return 0;
}

/* Keeps the configuration of the instance for the next one. A name that was
 * changed in between stays ours. */
static void keep_config(struct hv *hv, struct slot *s,
                        libxl_domain_config *config)
{
    char *json;

    free(config->c_info.name);
    config->c_info.name = xstrdup(s->name);
    json = libxl_domain_config_to_json(hv->ctx, config);
    if (!json) return;
    free(s->kept);
    s->kept = json;
}

/* Whether the instance is being reset: what is to be done with it has to
 * wait, because libxl uses the slot's configuration. */
static bool is_resetting(const struct slot *s)
{
    return s->op == OP_RESET || (s->op == OP_UNPAUSE && s->was_reset);
}

static void soft_reset(struct hv *hv, struct slot *s)
{
    int rc;

    begin_op(hv, s, OP_RESET);
    rc = libxl_domain_soft_reset(hv->ctx, &s->config, s->domid, &s->how, NULL);
    if (!rc) return;
    s->op = OP_NONE;
    report_died(hv, s, MC_CRASH);
}

/* Maps the action that the domain file names to what the state machine has to
 * know, RES, and to what has to be done before the instance is removed. RC:
 * whether its configuration could be read. */
static libxl_action_on_shutdown consider(struct slot *s, unsigned int reason,
                                         const libxl_domain_config *config,
                                         int rc, struct mc_result *res)
{
    libxl_action_on_shutdown action = LIBXL_ACTION_ON_SHUTDOWN_DESTROY;

    switch (reason) {
    case LIBXL_SHUTDOWN_REASON_POWEROFF:
        res->death = MC_POWEROFF;
        if (!rc) action = config->on_poweroff;
        break;
    case LIBXL_SHUTDOWN_REASON_REBOOT:
        res->death = MC_REBOOT;
        action = rc ? LIBXL_ACTION_ON_SHUTDOWN_RESTART : config->on_reboot;
        break;
    case LIBXL_SHUTDOWN_REASON_WATCHDOG:
        res->death = MC_CRASH;
        if (!rc) action = config->on_watchdog;
        break;
    case LIBXL_SHUTDOWN_REASON_SOFT_RESET:
        res->death = MC_REBOOT;
        if (!rc) action = config->on_soft_reset;
        break;
    default:
        res->death = MC_CRASH;
        if (!rc) action = config->on_crash;
        break;
    }
    switch (action) {
    case LIBXL_ACTION_ON_SHUTDOWN_PRESERVE:
        res->keep = true;
        break;
    case LIBXL_ACTION_ON_SHUTDOWN_RESTART_RENAME:
        s->rename = true;
        res->again = true;
        break;
    case LIBXL_ACTION_ON_SHUTDOWN_COREDUMP_RESTART:
        s->dump = true;
        res->again = true;
        break;
    case LIBXL_ACTION_ON_SHUTDOWN_RESTART:
        res->again = true;
        break;
    case LIBXL_ACTION_ON_SHUTDOWN_COREDUMP_DESTROY:
        s->dump = true;
        break;
    default:
        break;
    }
    return action;
}

static void died(struct hv *hv, struct slot *s, unsigned int reason)
{
    struct mc_result res = {.gen = s->gen};
    libxl_action_on_shutdown action;
    libxl_domain_config config;
    int rc;

    s->ended = false;
    libxl_domain_config_init(&config);
    rc = libxl_retrieve_domain_configuration(hv->ctx, s->domid, &config, NULL);
    action = consider(s, reason, &config, rc, &res);
    /* Not while it is being stopped: then it is a death like any other. */
    if (!rc && action == LIBXL_ACTION_ON_SHUTDOWN_SOFT_RESET &&
        s->op == OP_NONE) {
        slot_config_dispose(s);
        memcpy(&s->config, &config, sizeof(config)); /* takes it over */
        s->has_config = true;
        soft_reset(hv, s);
        return;
    }
    if (!rc) keep_config(hv, s, &config);
    libxl_domain_config_dispose(&config);
    hv->cb.result(hv->cb.user, s->dom, MC_EV_DIED, &res);
}

/* Sets the timer to the first end that is still to be told. */
static void set_deaths(struct hv *hv)
{
    msec first = MSEC_NEVER;
    unsigned int i;

    for (i = 0; i < hv->n_slots; i++) {
        const struct slot *s = hv->slots[i];

        if (s && s->ended && s->tell_at < first) first = s->tell_at;
    }
    loop_at(hv->deaths, first);
}

static void tell_later(struct hv *hv, struct slot *s,
                       libxl_shutdown_reason reason, msec delay)
{
    s->ended = true;
    s->reason = reason;
    s->tell_at = loop_now() + delay;
    set_deaths(hv);
}

static void tell_ends(void *user)
{
    struct hv *hv = user;
    msec now = loop_now();
    unsigned int i;

    for (i = 0; i < hv->n_slots; i++) {
        struct slot *s = hv->slots[i];

        if (!s || !s->ended || s->tell_at > now) continue;
        s->ended = false;
        /* It may be on its way out by now. */
        if (s->op == OP_DESTROY || s->op == OP_DUMP) continue;
        if (s->by_hand)
            report_died(hv, s, MC_POWEROFF);
        else
            died(hv, s, s->reason);
    }
    set_deaths(hv);
}

/* An earlier domd may have ended while the dead instance was about to be
 * renamed, or written to a disk: then it must not just be destroyed. */
static void settle_dead(struct hv *hv, struct slot *s,
                        libxl_shutdown_reason reason)
{
    struct mc_result unused = {0};
    libxl_domain_config config;
    int rc;

    libxl_domain_config_init(&config);
    rc = libxl_retrieve_domain_configuration(hv->ctx, s->domid, &config, NULL);
    (void)consider(s, reason, &config, rc, &unused);
    libxl_domain_config_dispose(&config);
}

/* libxl looks for those that have ended already when the first of all their
 * events is asked for, and next when another domain ends. It may look while it
 * waits for something on behalf of the first, and so misses the others that
 * are adopted: these are told of from here. Returns whether it is there. */
static bool look_for_end(struct hv *hv, struct slot *s)
{
    libxl_dominfo info;
    bool there;

    libxl_dominfo_init(&info);
    there = look_at(hv, s->domid, &info);
    if (there && !s->by_hand && has_ended(&info)) {
        tell_later(hv, s, info.shutdown_reason, 0);
        if (!info.dying) settle_dead(hv, s, info.shutdown_reason);
    }
    libxl_dominfo_dispose(&info);
    return there;
}

/* One that somebody else has started is his to remove. When the host goes down
 * it has to go; if no xl waits for its end, nobody else removes it. */
static void shut_down(struct hv *hv, struct slot *s,
                      libxl_shutdown_reason reason)
{
    /* That was told of already. */
    if (s->op == OP_DESTROY || s->op == OP_DUMP || is_resetting(s)) return;
    if (!s->by_hand)
        died(hv, s, reason);
    else if (s->asked)
        tell_later(hv, s, reason, HAND_GRACE);
}

/* A suspended domain is "shut down", too. The event is asked for again before
 * the old request is dropped, because a new watch fires at once. */
static void rearm(struct hv *hv, struct slot *s)
{
    libxl_evgen_domain_death *again = NULL;

    if (!s->death) return; /* an event from before it was given up */
    if (libxl_evenable_domain_death(hv->ctx, s->domid, s->dom, &again)) return;
    libxl_evdisable_domain_death(hv->ctx, s->death);
    s->death = again;
}

/* Whether the guest has been asked to suspend and has not read it. */
static bool is_asked_to_suspend(struct hv *hv, uint32_t domid)
{
    char *request = in_store(hv, domid, "control/shutdown");
    bool asked = request && !strcmp(request, "suspend");

    free(request);
    return asked;
}

/* It may have done so for a domd that is gone, whose request it had read. Then
 * it goes on: suspended, it would not read that of a save that began since. */
static void suspended(struct hv *hv, struct slot *s)
{
    bool late = s->cut_off;

    rearm(hv, s);
    s->cut_off = false;
    if (s->op == OP_SAVE)
        late = late && is_asked_to_suspend(hv, s->domid);
    else if (s->op != OP_NONE && s->op != OP_SHUTDOWN)
        late = false;
    if (late) (void)libxl_domain_resume(hv->ctx, s->domid, 1, NULL);
}

/* Whether the operation ID was an eject, which has now ended. */
static bool ejected(struct hv *hv, uint64_t id)
{
    struct eject **at;

    for (at = &hv->ejects; *at; at = &(*at)->next) {
        struct eject *e = *at;

        if (e->op_id != id) continue;
        *at = e->next;
        libxl_device_disk_dispose(&e->disk);
        free(e);
        return true;
    }
    return false;
}

/* Tells libxl that the drive is empty now, as xl does. A guest may say so as
 * often as it likes: one that is being emptied need not be told again. */
static void eject(struct hv *hv, const struct slot *s,
                  const libxl_device_disk *disk)
{
    libxl_asyncop_how how = {0};
    struct eject *e;

    for (e = hv->ejects; e; e = e->next) {
        if (e->domid == s->domid && !strcmp(e->disk.vdev, disk->vdev)) return;
    }
    e = xcalloc(1, sizeof(*e));
    e->domid = s->domid;
    e->op_id = how.u.for_event = ++hv->next_op;
    libxl_device_disk_init(&e->disk);
    libxl_device_disk_copy(hv->ctx, &e->disk, disk);
    e->next = hv->ejects;
    hv->ejects = e;
    /* Nothing more is heard of one that cannot even begin. */
    if (libxl_cdrom_insert(hv->ctx, s->domid, &e->disk, &how))
        (void)ejected(hv, e->op_id);
}

static void domain_event(struct hv *hv, const libxl_event *event)
{
    struct slot *s;

    if (event->for_user >= hv->n_slots) return;
    s = hv->slots[event->for_user];
    if (!s || s->domid != event->domid) return; /* an earlier instance */
    switch (event->type) {
    case LIBXL_EVENT_TYPE_DOMAIN_SHUTDOWN:
        if (event->u.domain_shutdown.shutdown_reason ==
            LIBXL_SHUTDOWN_REASON_SUSPEND)
            suspended(hv, s);
        else
            shut_down(hv, s, event->u.domain_shutdown.shutdown_reason);
        break;
    case LIBXL_EVENT_TYPE_DOMAIN_DEATH:
        /* A destroy of ours ends when libxl has also tidied up. */
        if (s->op == OP_DESTROY || s->op == OP_DUMP) break;
        /* These use what is in the slot until they end, and they will end
         * badly: then it is found to be gone. */
        if (s->op == OP_SAVE || s->op == OP_SYNC || s->op == OP_RESUME ||
            is_resetting(s)) {
            slot_watch_off(hv, s);
            break;
        }
        report_gone(hv, s);
        break;
    case LIBXL_EVENT_TYPE_DISK_EJECT:
        eject(hv, s, &event->u.disk_eject.disk);
        break;
    default:
        break;
    }
}

/* ---- creation ----------------------------------------------------------- */

/* DIR may be NULL. */
static void set_save_to(struct slot *s, const char *dir)
{
    free(s->save_to);
    s->save_to = dir ? xstrdup(dir) : NULL;
}

static void create_failed(struct hv *hv, struct slot *s, const char *text)
{
    char *copy = xstrdup(text);

    free(s->kept);
    s->kept = NULL;
    slot_clear(hv, s);
    report(hv, s, MC_EV_CREATE_FAILED, copy);
    free(copy);
}

/* What was saved and cannot be used: the domain will boot afresh, and after
 * that its memory would not fit its disks. WHAT, which it frees, says why. */
static void put_aside(struct hv *hv, const struct slot *s, char *what)
{
    char *line;

    if (saved_put_aside(s->save_to, s->name)) {
        line = xasprintf("domain %s boots afresh: %s. What was saved is kept "
                         "as %s/%s.save.failed",
                         s->name, what, s->save_to, s->name);
        hv->cb.mark(hv->cb.user, line);
        free(line);
    }
    free(what);
}

/* Why what was saved to PATH does not fit the disks of CONFIG, or NULL. The
 * caller frees it. */
static char *disks_changed(const char *path, const libxl_domain_config *config)
{
    int i;

    for (i = 0; i < config->num_disks; i++) {
        const libxl_device_disk *disk = &config->disks[i];

        if (!disk->readwrite || !disk->pdev_path) continue;
        if (disk->script || disk->backend_domname) continue;
        if (saved_is_older(path, disk->pdev_path))
            return xasprintf("%s was written after it was saved",
                             disk->pdev_path);
    }
    return NULL;
}

/* Opens what was saved, if anything was, and reads its configuration, which
 * takes the place of the one in the file. */
static void look_for_saved(struct hv *hv, struct slot *s)
{
    char *path = NULL;
    char *json_path = NULL;
    struct buf json = {0};
    libxl_domain_config config;
    char *wrong = NULL;

    if (!s->save_to) return;
    path = saved_path(s->save_to, s->name, "");
    json_path = saved_path(s->save_to, s->name, ".json");
    libxl_domain_config_init(&config);
    if (saved_is_doubtful(s->save_to, s->name)) {
        wrong = xstrdup("it may have gone on from what was saved before the "
                        "host went down");
        goto out;
    }
    s->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (s->fd < 0) goto out;
    if (read_file(json_path, CONFIG_MAX, &json) ||
        libxl_domain_config_from_json(hv->ctx, &config, json.s))
        wrong = xstrdup("what was saved has no configuration");
    else
        wrong = disks_changed(path, &config);
    if (wrong) {
        close_fd(&s->fd);
        goto out;
    }
    slot_config_dispose(s);
    memcpy(&s->config, &config, sizeof(config)); /* takes it over */
    s->has_config = true;
    libxl_domain_config_init(&config);
out:
    if (wrong) put_aside(hv, s, wrong);
    libxl_domain_config_dispose(&config);
    buf_dispose(&json);
    free(path);
    free(json_path);
}

/* The configuration is there: hands it to libxl. */
static void build(struct hv *hv, struct slot *s)
{
    libxl_domain_restore_params params;
    msec began;
    int rc;

    look_for_saved(hv, s);
    snprintf(s->uuid, sizeof(s->uuid), LIBXL_UUID_FMT,
             LIBXL_UUID_BYTES(s->config.c_info.uuid));
    hv->cb.begins(hv->cb.user, s->dom, s->uuid, s->fd >= 0);
    begin_op(hv, s, OP_CREATE);
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
    if (rc) create_failed(hv, s, why(hv, s, rc));
}

/* Builds the domain whose turn it is. libxl loads the kernel and fills the
 * memory before it returns, which takes its time: the rest of the loop goes
 * round between two of them. */
static void build_next(void *user)
{
    struct hv *hv = user;
    struct slot *first = NULL;
    unsigned int queued = 0;
    unsigned int i;

    for (i = 0; i < hv->n_slots; i++) {
        struct slot *s = hv->slots[i];

        if (!s || s->op != OP_QUEUED) continue;
        queued++;
        if (!first || s->op_id < first->op_id) first = s;
    }
    if (queued > 1) loop_at(hv->builder, loop_now());
    if (first) build(hv, first);
}

static void queue(struct hv *hv, struct slot *s)
{
    begin_op(hv, s, OP_QUEUED);
    loop_at(hv->builder, loop_now());
    report(hv, s, MC_EV_QUEUED, NULL);
}

/* xl has turned the file into JSON, or has not. */
static void converted(void *user, int status, const struct buf *out,
                      const struct buf *err)
{
    struct slot *s = user;
    struct hv *hv = s->hv;
    char *reason;

    s->run = NULL;
    s->op = OP_NONE;
    if (s->aborted) {
        create_failed(hv, s, "called off");
    } else if (policy_stamp(s->file) != s->stamp) {
        slot_clear(hv, s);
        report(hv, s, MC_EV_FILE_CHANGED, NULL);
    } else if (!WIFEXITED(status) || WEXITSTATUS(status) || !out->len) {
        reason = xlrun_reason(err);
        create_failed(hv, s, reason ? reason : "xl does not accept the file");
        free(reason);
    } else {
        libxl_domain_config_init(&s->config);
        s->has_config = true;
        if (libxl_domain_config_from_json(hv->ctx, &s->config, out->s))
            create_failed(hv, s, "libxl does not understand what xl printed");
        else
            queue(hv, s);
    }
}

static int convert(struct hv *hv, struct slot *s)
{
    char *argv[] = {XL, "-N", "create", "-q", s->file, NULL};

    return xlrun_start(&s->run, hv->loop, argv, converted, s);
}

void hv_create(struct hv *hv, unsigned int dom, unsigned int gen,
               const struct policy *policy, bool fresh)
{
    struct slot *s = slot_get(hv, dom);
    char *text;
    int r;

    slot_clear(hv, s);
    s->gen = gen;
    free(s->name);
    s->name = xstrdup(policy->name);
    set_save_to(s, policy->save_to);
    if (fresh) {
        free(s->kept);
        s->kept = NULL;
    }
    if (s->kept) {
        libxl_domain_config_init(&s->config);
        s->has_config = true;
        r = libxl_domain_config_from_json(hv->ctx, &s->config, s->kept);
        if (!r) {
            queue(hv, s);
            return;
        }
        slot_config_dispose(s);
    }
    begin_op(hv, s, OP_CONVERT);
    free(s->file);
    s->file = xstrdup(policy->file);
    s->stamp = policy->stamp;
    r = convert(hv, s);
    if (r) {
        text = xasprintf("cannot start " XL ": %s", strerror(r));
        create_failed(hv, s, text);
        free(text);
    }
}

/* What was left of a creation that failed is gone; or, with RC, it may not be:
 * then it is for the state machine to try again. */
static void cleaned_up(struct hv *hv, struct slot *s, int rc)
{
    char *text = s->failure;

    s->failure = NULL;
    s->op = OP_NONE;
    if (rc && exists(hv, s->domid)) {
        slot_config_dispose(s);
        report(hv, s, MC_EV_CREATE_LEFT, text);
    } else {
        create_failed(hv, s, text);
    }
    free(text);
}

/* A creation has failed, and TEXT, which it takes over, says why. libxl
 * removes what it could not build, but not what it built, nor what was called
 * off. That it failed is told when there is nothing left of it: the next one
 * has the same name and disks. */
static void clean_up(struct hv *hv, struct slot *s, char *text)
{
    int rc = 0;

    free(s->failure);
    s->failure = text;
    if (s->domid != HV_NO_DOMID && exists(hv, s->domid)) {
        begin_op(hv, s, OP_CLEANUP);
        rc = libxl_domain_destroy(hv->ctx, s->domid, &s->how);
        if (!rc) return;
    }
    cleaned_up(hv, s, rc);
}

/* Why a creation has failed with RC. The caller frees it. */
static char *why_not_created(const struct hv *hv, const struct slot *s, int rc)
{
    char *complaint = dmlog_complaint(DM_LOG_DIR, s->name, s->op_began);
    char *text =
        complaint ? xasprintf("QEMU: %s", complaint) : xstrdup(why(hv, s, rc));

    free(complaint);
    return text;
}

static void unpaused(struct hv *hv, struct slot *s, int rc);

static void created(struct hv *hv, struct slot *s, int rc)
{
    bool restore = s->fd >= 0;
    char *text = NULL;
    int r = 0;

    s->op = OP_NONE;
    close_fd(&s->fd);
    if (!rc && s->aborted) rc = ERROR_ABORTED; /* it was too late for that */
    if (rc) text = why_not_created(hv, s, rc);
    /* If the restore was called off, the guest has not run, and what was saved
     * can be used again. */
    if (restore && !rc) {
        r = saved_take(s->save_to, s->name);
        s->taken = !r;
        if (r)
            text = xasprintf("what was saved in %s cannot be renamed: %s",
                             s->save_to, strerror(r));
    } else if (restore && !s->aborted) {
        put_aside(hv, s, xstrdup(text));
    }
    if (!rc && !r) {
        begin_op(hv, s, OP_UNPAUSE);
        rc = libxl_domain_unpause(hv->ctx, s->domid, &s->how);
        if (rc) unpaused(hv, s, rc);
        return;
    }
    clean_up(hv, s, text);
}

void hv_abort(struct hv *hv, unsigned int dom)
{
    struct slot *s = slot_get(hv, dom);

    switch (s->op) {
    case OP_CONVERT:
        s->aborted = true;
        xlrun_kill(s->run);
        break;
    case OP_SYNC:
        xlrun_kill(s->run);
        break;
    case OP_QUEUED:
        create_failed(hv, s, "called off");
        break;
    case OP_CREATE:
    case OP_SAVE:
        /* Its end comes as an event, whatever it will be. */
        s->aborted = true;
        (void)libxl_ao_abort(hv->ctx, &s->how);
        break;
    default:
        break; /* ends soon, by itself */
    }
}

/* ---- the end of an instance --------------------------------------------- */

/* The guest was asked to shut down, and RC is what became of that. */
static void shutdown_asked(struct hv *hv, struct slot *s, int rc)
{
    s->op = OP_NONE;
    /* A guest without PV drivers has a power button. */
    if (rc == ERROR_NOPARAVIRT)
        rc = libxl_send_trigger(hv->ctx, s->domid, LIBXL_TRIGGER_POWER, 0,
                                NULL);
    /* libxl waits 60 s for the guest to have read it. A guest that has not may
     * still boot; how long it may take is not for libxl to say. */
    if (rc == ERROR_TIMEDOUT) return;
    if (rc) report(hv, s, MC_EV_SHUTDOWN_FAILED, why(hv, s, rc));
}

void hv_shutdown(struct hv *hv, unsigned int dom, unsigned int gen)
{
    struct slot *s = slot_get(hv, dom);
    libxl_dominfo info;
    bool dead;
    int rc;

    (void)gen;
    if (is_resetting(s)) {
        s->then = OP_SHUTDOWN;
        return;
    }
    /* One that has ended already will not end again: somebody else's that was
     * kept, or ours that died while it was being saved. */
    libxl_dominfo_init(&info);
    dead = look_at(hv, s->domid, &info) && (info.dying || has_ended(&info));
    libxl_dominfo_dispose(&info);
    if (dead) {
        report_died(hv, s, MC_POWEROFF);
        return;
    }
    s->asked = true;
    begin_op(hv, s, OP_SHUTDOWN);
    rc = libxl_domain_shutdown(hv->ctx, s->domid, &s->how);
    if (rc) shutdown_asked(hv, s, rc);
}

/* Whether a directory lies on something that outlasts this machine's power. */
static bool is_ram(const struct statfs *fs)
{
    switch ((unsigned long)fs->f_type) {
    case 0x01021994UL: /* tmpfs */
    case 0x858458f6UL: /* ramfs */
    case 0x794c7630UL: /* overlayfs: the root, which is in RAM */
    case 0x73717368UL: /* squashfs */
        return true;
    default:
        return false;
    }
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

/* Why the memory of the instance cannot be written to DIR, or NULL. The caller
 * frees it. */
static char *no_room(struct hv *hv, const struct slot *s, const char *dir)
{
    libxl_dominfo info;
    struct statfs fs;
    char *text = NULL;
    uint64_t need;
    uint64_t room;

    libxl_dominfo_init(&info);
    if (statfs(dir, &fs)) {
        text = xasprintf("%s: %s", dir, strerror(errno));
        goto out;
    }
    if (is_ram(&fs)) {
        text = xasprintf("%s is in memory, not on a disk", dir);
        goto out;
    }
    if (!look_at(hv, s->domid, &info)) {
        text = xstrdup("it is gone");
        goto out;
    }
    need = info.current_memkb / 1024 + 32;
    room = (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize / 1048576;
    if (room < need)
        text = xasprintf("%s has %llu MiB free, and %llu are needed", dir,
                         (unsigned long long)room, (unsigned long long)need);
out:
    libxl_dominfo_dispose(&info);
    return text;
}

void hv_save(struct hv *hv, unsigned int dom, unsigned int gen,
             const char *dir)
{
    struct slot *s = slot_get(hv, dom);
    char *text = NULL;
    char *path = NULL;
    int rc;

    (void)gen;
    if (is_resetting(s)) {
        report(hv, s, MC_EV_SAVE_FAILED, "it is being reset");
        return;
    }
    begin_op(hv, s, OP_SAVE);
    s->aborted = false;
    set_save_to(s, dir);
    text = no_room(hv, s, dir);
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
        text = xstrdup(why(hv, s, rc));
        (void)unlink(path);
    }
out:
    free(path);
    if (!text) return;
    close_fd(&s->fd);
    s->op = OP_NONE;
    report(hv, s, MC_EV_SAVE_FAILED, text);
    free(text);
}

static void save_failed(struct hv *hv, struct slot *s)
{
    char *text = s->failure;

    s->op = OP_NONE;
    s->failure = NULL;
    if (!exists(hv, s->domid)) report(hv, s, MC_EV_GONE, NULL);
    report(hv, s, MC_EV_SAVE_FAILED, text);
    free(text);
}

static bool is_suspended(struct hv *hv, uint32_t domid)
{
    libxl_dominfo info;
    bool suspended;

    libxl_dominfo_init(&info);
    suspended = look_at(hv, domid, &info) && info.shutdown &&
                info.shutdown_reason == LIBXL_SHUTDOWN_REASON_SUSPEND;
    libxl_dominfo_dispose(&info);
    return suspended;
}

/* The end of a save. FAILURE, which it takes over, says why there is none. */
static void save_ends(struct hv *hv, struct slot *s, char *failure)
{
    char *part = saved_path(s->save_to, s->name, ".part");
    char *path = saved_path(s->save_to, s->name, "");

    s->op = OP_NONE;
    if (!failure && rename(part, path))
        failure = xasprintf("%s: %s", path, strerror(errno));
    if (!failure) {
        report(hv, s, MC_EV_SAVED, NULL);
        goto out;
    }
    s->failure = failure;
    unlink(part);
    /* One that has died meanwhile must not be brought back to life. */
    if (is_suspended(hv, s->domid)) {
        begin_op(hv, s, OP_RESUME);
        if (!libxl_domain_resume(hv->ctx, s->domid, 1, &s->how)) goto out;
    }
    save_failed(hv, s);
out:
    free(part);
    free(path);
}

static void synced(void *user, int status, const struct buf *out,
                   const struct buf *err)
{
    struct slot *s = user;
    char *reason = NULL;
    char *failure = NULL;

    (void)out;
    s->run = NULL;
    if (!WIFEXITED(status) || WEXITSTATUS(status)) {
        reason = xlrun_reason(err);
        failure = xasprintf("what was saved did not reach the disk: %s",
                            reason ? reason : "called off");
    }
    free(reason);
    save_ends(s->hv, s, failure);
}

/* All is written; now it has to reach the disk before the file gets the name
 * by which it counts. That takes seconds, hence a child. */
static void saved(struct hv *hv, struct slot *s, int rc)
{
    char *part = saved_path(s->save_to, s->name, ".part");
    char *json_path = saved_path(s->save_to, s->name, ".json");
    char *argv[] = {SYNC, part, json_path, NULL};
    char *failure = NULL;
    int r;

    close_fd(&s->fd);
    if (rc) {
        failure = xstrdup(why(hv, s, rc));
    } else {
        begin_op(hv, s, OP_SYNC);
        r = xlrun_start(&s->run, hv->loop, argv, synced, s);
        if (r) failure = xasprintf("cannot start " SYNC ": %s", strerror(r));
    }
    if (failure) save_ends(hv, s, failure);
    free(part);
    free(json_path);
}

/* Gives the dead instance another name and leaves it there; from now on it is
 * somebody else's. */
static bool set_aside(struct hv *hv, struct slot *s)
{
    libxl_domain_config config;
    libxl_uuid uuid;
    char suffix[32];
    time_t now = time(NULL);
    struct tm tm;
    int rc;

    if (!gmtime_r(&now, &tm)) return false;
    if (!strftime(suffix, sizeof(suffix), "-%Y%m%dT%H%M%SZ", &tm))
        return false;
    libxl_uuid_generate(&uuid);
    libxl_domain_config_init(&config);
    rc = libxl_retrieve_domain_configuration(hv->ctx, s->domid, &config, NULL);
    if (!rc)
        rc = libxl_domain_preserve(hv->ctx, s->domid, &config.c_info, suffix,
                                   uuid);
    libxl_domain_config_dispose(&config);
    return !rc;
}

static void destroy(struct hv *hv, struct slot *s)
{
    int rc;

    begin_op(hv, s, OP_DESTROY);
    rc = libxl_domain_destroy(hv->ctx, s->domid, &s->how);
    if (!rc) return;
    s->op = OP_NONE;
    report(hv, s, MC_EV_DESTROY_FAILED, why(hv, s, rc));
}

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
    destroy(hv, s);
}

/* Begins to write the memory of the dead instance to a disk. libxl would not
 * return before it is all written. */
static bool dump(struct hv *hv, struct slot *s)
{
    char *no = no_room(hv, s, DUMP_DIR);
    char *domid = xasprintf("%u", (unsigned int)s->domid);
    char *path = xasprintf(DUMP_DIR "/%s", s->name);
    char *argv[] = {XL, "dump-core", domid, path, NULL};
    char *line;
    int r;

    s->dump = false;
    if (!no) {
        begin_op(hv, s, OP_DUMP);
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

void hv_destroy(struct hv *hv, unsigned int dom, unsigned int gen)
{
    struct slot *s = slot_get(hv, dom);

    (void)gen;
    if (s->domid == HV_NO_DOMID) {
        report_gone(hv, s);
        return;
    }
    if (is_resetting(s)) {
        s->then = OP_DESTROY;
        (void)libxl_ao_abort(hv->ctx, &s->how);
        return;
    }
    if (s->rename && set_aside(hv, s)) {
        report_gone(hv, s);
        return;
    }
    if (s->dump && dump(hv, s)) return;
    destroy(hv, s);
}

static void destroyed(struct hv *hv, struct slot *s, int rc)
{
    s->op = OP_NONE;
    if (rc && exists(hv, s->domid))
        report(hv, s, MC_EV_DESTROY_FAILED, why(hv, s, rc));
    else
        report_gone(hv, s);
}

/* The reset of an instance has ended, and it runs again; or it does not. */
static void reset_done(struct hv *hv, struct slot *s, int rc)
{
    enum op then = s->then;

    s->op = s->then = OP_NONE;
    s->was_reset = false;
    slot_config_dispose(s);
    if (!exists(hv, s->domid))
        report_gone(hv, s);
    else if (then == OP_DESTROY)
        destroy(hv, s);
    else if (rc)
        report_died(hv, s, MC_CRASH);
    else if (then == OP_SHUTDOWN)
        hv_shutdown(hv, s->dom, s->gen);
}

static void reset(struct hv *hv, struct slot *s, int rc)
{
    slot_watch_off(hv, s);
    if (!rc) {
        begin_op(hv, s, OP_UNPAUSE);
        s->was_reset = true;
        rc = libxl_domain_unpause(hv->ctx, s->domid, &s->how);
    }
    if (rc) reset_done(hv, s, rc);
}

static void unpaused(struct hv *hv, struct slot *s, int rc)
{
    s->op = OP_NONE;
    if (s->taken && !rc) saved_done(s->save_to, s->name);
    if (s->taken && rc) put_aside(hv, s, why_not_created(hv, s, rc));
    s->taken = false;
    if (!rc) rc = watch_on(hv, s);
    if (s->was_reset) {
        reset_done(hv, s, rc);
    } else if (rc) {
        clean_up(hv, s, why_not_created(hv, s, rc));
    } else {
        slot_config_dispose(s);
        report(hv, s, MC_EV_CREATED, NULL);
    }
}

/* ---- events ------------------------------------------------------------- */

static void operation_complete(struct hv *hv, uint64_t id, int rc)
{
    struct slot *s = NULL;
    unsigned int i;

    if (ejected(hv, id)) return;
    for (i = 0; id && i < hv->n_slots; i++) {
        if (hv->slots[i] && hv->slots[i]->op != OP_NONE &&
            hv->slots[i]->op_id == id)
            s = hv->slots[i];
    }
    if (!s) return;
    switch (s->op) {
    case OP_CREATE:
        created(hv, s, rc);
        break;
    case OP_UNPAUSE:
        unpaused(hv, s, rc);
        break;
    case OP_CLEANUP:
        cleaned_up(hv, s, rc);
        break;
    case OP_SHUTDOWN:
        shutdown_asked(hv, s, rc);
        break;
    case OP_SAVE:
        saved(hv, s, rc);
        break;
    case OP_RESUME:
        save_failed(hv, s);
        break;
    case OP_DESTROY:
        destroyed(hv, s, rc);
        break;
    case OP_RESET:
        reset(hv, s, rc);
        break;
    case OP_NONE:
    case OP_CONVERT:
    case OP_QUEUED:
    case OP_SYNC:
    case OP_DUMP:
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

    /* Events may also come up outside of a round. */
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

/* ---- the list of domains ------------------------------------------------ */

/* The UUID of a domain. The hypervisor has that with which it was made, for
 * ever, and an instance that follows a dead one has the same. One that was set
 * aside (rename-restart) has got another, which only xenstore knows. */
static void uuid_of(struct hv *hv, const libxl_dominfo *info,
                    char uuid[HV_UUID_LEN])
{
    char *vm;

    snprintf(uuid, HV_UUID_LEN, LIBXL_UUID_FMT, LIBXL_UUID_BYTES(info->uuid));
    if (!has_ended(info)) return;
    vm = in_store(hv, info->domid, "vm");
    if (vm && !strncmp(vm, "/vm/", 4))
        snprintf(uuid, HV_UUID_LEN, "%s", vm + 4);
    free(vm);
}

/* The name of a domain that is one of ours, or that we have met: xenstore
 * need not be asked, which would take a round trip for each. */
static const char *known_name(const struct hv *hv, uint32_t domid,
                              const char *uuid)
{
    unsigned int i;

    for (i = 0; i < hv->n_slots; i++) {
        const struct slot *s = hv->slots[i];

        if (!s || !s->name) continue;
        if (s->domid == domid || (*s->uuid && !strcmp(s->uuid, uuid)))
            return s->name;
    }
    return NULL;
}

struct hv_info *hv_list(struct hv *hv, int *n_r)
{
    struct hv_info *list = NULL;
    libxl_dominfo *all;
    int n = 0;
    int i;

    *n_r = 0;
    all = libxl_list_domain(hv->ctx, &n);
    if (!all) {
        *n_r = -1;
        return NULL;
    }
    list = xcalloc((size_t)n, sizeof(*list));
    for (i = 0; i < n; i++) {
        struct hv_info *info = &list[*n_r];
        const char *known;
        char *name = NULL;

        if (all[i].domid == 0) continue;
        uuid_of(hv, &all[i], info->uuid);
        known = known_name(hv, all[i].domid, info->uuid);
        if (!known) {
            /* A device model in a domain of its own comes and goes with
             * the domain that it serves. */
            if (libxl_is_stubdom(hv->ctx, all[i].domid, NULL)) continue;
            name = libxl_domid_to_name(hv->ctx, all[i].domid);
        }
        info->domid = all[i].domid;
        info->name = name ? name : xstrdup(known ? known : "");
        info->never_ran = never_ran(&all[i]);
        info->shut_down = has_ended(&all[i]);
        info->dying = all[i].dying;
        info->cpu_ns = all[i].cpu_time;
        info->memory_kb = all[i].current_memkb;
        (*n_r)++;
    }
    libxl_dominfo_list_free(all, n);
    return list;
}

void hv_info_free(struct hv_info *list, int n)
{
    int i;

    for (i = 0; i < n; i++)
        free(list[i].name);
    free(list);
}

/* A domain that appears while we create one: which is it? */
static void guess(struct hv *hv)
{
    libxl_dominfo *all;
    unsigned int k;
    int n = 0;
    int i;

    all = libxl_list_domain(hv->ctx, &n);
    for (i = 0; all && i < n; i++) {
        char uuid[HV_UUID_LEN];

        uuid_of(hv, &all[i], uuid);
        for (k = 0; k < hv->n_slots; k++) {
            struct slot *s = hv->slots[k];

            if (s && s->op == OP_CREATE && !strcmp(s->uuid, uuid))
                s->guess = all[i].domid;
        }
    }
    if (all) libxl_dominfo_list_free(all, n);
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
    guess(hv);
    hv->cb.list_changed(hv->cb.user);
}

void hv_host(struct hv *hv, struct host *host)
{
    host_facts(hv->ctx, host);
}

bool hv_totals(struct hv *hv, struct hv_totals *totals)
{
    libxl_physinfo info;
    libxl_dominfo dom0;
    bool ok = false;

    memset(totals, 0, sizeof(*totals));
    libxl_physinfo_init(&info);
    libxl_dominfo_init(&dom0);
    if (libxl_get_physinfo(hv->ctx, &info)) goto out;
    if (libxl_domain_info(hv->ctx, &dom0, 0)) goto out;
    totals->memory_kb = info.total_pages * 4;
    totals->free_kb = (info.free_pages + info.scrub_pages) * 4;
    totals->cpus = info.nr_cpus;
    totals->dom0_cpu_ns = dom0.cpu_time;
    ok = true;
out:
    libxl_dominfo_dispose(&dom0);
    libxl_physinfo_dispose(&info);
    return ok;
}

/* An earlier domd may have ended while the instance was about to go on from
 * what had been saved. */
static void settle_taken(struct hv *hv, const struct slot *s)
{
    libxl_dominfo info;
    char *line;

    libxl_dominfo_init(&info);
    if (!look_at(hv, s->domid, &info) || info.dying) {
        /* Nobody knows: that is for the next start to say. */
    } else if (!never_ran(&info)) {
        saved_done(s->save_to, s->name);
    } else if (saved_give_back(s->save_to, s->name)) {
        line = xasprintf("domain %s did not go on from what was saved, which "
                         "is used again",
                         s->name);
        hv->cb.mark(hv->cb.user, line);
        free(line);
    }
    libxl_dominfo_dispose(&info);
}

bool hv_adopt(struct hv *hv, unsigned int dom, unsigned int gen,
              const char *name, uint32_t domid, bool by_hand, bool saving,
              const char *save_to)
{
    struct slot *s = slot_get(hv, dom);

    slot_clear(hv, s);
    s->gen = gen;
    s->by_hand = by_hand;
    free(s->name);
    s->name = xstrdup(name);
    s->domid = domid;
    set_save_to(s, save_to);
    /* Its save was cut off by the end of an earlier domd. What there is of it
     * goes first: memory that is older than the disks must not be used. */
    if (saving && is_suspended(hv, domid)) {
        if (s->save_to) saved_drop(s->save_to, s->name);
        (void)libxl_domain_resume(hv->ctx, domid, 1, NULL);
    } else {
        s->cut_off = saving;
    }
    if (s->save_to) settle_taken(hv, s);
    if (watch_on(hv, s) || !look_for_end(hv, s)) {
        slot_clear(hv, s);
        return false;
    }
    return true;
}

uint32_t hv_domid(const struct hv *hv, unsigned int dom)
{
    if (dom >= hv->n_slots || !hv->slots[dom]) return HV_NO_DOMID;
    return hv->slots[dom]->domid;
}

/* ---- opening and closing ------------------------------------------------ */

/* A few of its calls have no asynchronous form that would be of use, or wait
 * in spite of it: for a lock that another xl holds, or for QEMU. Meanwhile
 * libxl has its own loop in which ours does not go round. It must hear of its
 * children there, or it would wait for ever. Ours are xlrun.c's. */
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
    hv->logger.vtable.vmessage = logger_message;
    hv->logger.vtable.progress = logger_progress;
    hv->logger.vtable.destroy = logger_destroy;
    hv->logger.hv = hv;
    if (libxl_ctx_alloc(&hv->ctx, LIBXL_VERSION, 0, &hv->logger.vtable)) {
        *why_r = xstrdup("libxl cannot reach the hypervisor or xenstored");
        goto out;
    }
    libxl_childproc_setmode(hv->ctx, &child_hooks, NULL);
    hv->xs = xs_open(0);
    if (!hv->xs || !xs_watch(hv->xs, "@introduceDomain", "i") ||
        !xs_watch(hv->xs, "@releaseDomain", "r")) {
        *why_r = xasprintf("xenstored: %s", strerror(errno));
        goto out;
    }
    hv->builder = loop_timer(loop, build_next, hv);
    hv->deaths = loop_timer(loop, tell_ends, hv);
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
        xlrun_free(s->run);
        if (hv->ctx) slot_watch_off(hv, s);
        free(s->name);
        free(s->file);
        free(s->save_to);
        free(s->kept);
        free(s->failure);
        /* The rest may be in use by an operation that goes on. */
    }
    free(hv->slots);
    loop_remove(hv->loop, hv->xs_source);
    loop_timer_remove(hv->loop, hv->builder);
    loop_timer_remove(hv->loop, hv->deaths);
    if (hv->xs) xs_close(hv->xs);
    /* libxl would abort the process if an operation is under way, and that is
     * when a domd is replaced by the next. All of this ends with us. */
}
