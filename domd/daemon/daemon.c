/*
 * The daemon: opening and closing, the actions of the state machine, and the
 * events that it is told.
 */
#include "daemon/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <syslog.h>
#include <unistd.h>

#include "base/visible.h"
#include "daemon/journal.h"
#include "daemon/marks.h"

static volatile sig_atomic_t quitting;
static int quit_pipe[2] = {-1, -1};

struct extra *daemon_extra(struct daemon *d, unsigned int dom)
{
    if (dom >= d->n_extra) {
        d->extra = xrealloc(d->extra, dom + 1, sizeof(*d->extra));
        while (d->n_extra <= dom)
            d->extra[d->n_extra++] = (struct extra){0};
    }
    return &d->extra[dom];
}

/* ---- the journal -------------------------------------------------------- */

static void save_journal(struct daemon *d)
{
    struct journal j = {0};
    unsigned int i;
    size_t k;
    int r;

    j.booted = d->booted;
    for (k = 0; k < d->enabled.n; k++)
        strlist_add(&j.enabled, d->enabled.v[k]);
    for (k = 0; k < d->disabled.n; k++)
        strlist_add(&j.disabled, d->disabled.v[k]);
    for (i = 0; i < d->m.n; i++) {
        const struct machine_domain *dom = &d->m.doms[i];
        struct journal_entry *e;

        if (!dom->policy || dom->by_hand) continue;
        e = journal_add(&j, dom->policy->name);
        machine_past_of(&d->m, i, &e->past);
        if (!machine_has_instance(dom->state)) continue;
        strcpy(e->uuid, daemon_extra(d, i)->uuid);
        e->mark = daemon_extra(d, i)->mark;
    }
    r = journal_write(&j, d->journal_path);
    if (r)
        syslog(LOG_ERR, "cannot write %s: %s", d->journal_path, strerror(r));
    journal_dispose(&j);
    /* A failed write is retried with the next change. */
    d->dirty = r != 0;
}

/* ---- doing what the state machine says ---------------------------------- */

char *daemon_reason_of(const struct machine_domain *dom)
{
    return xasprintf("%s%s%s", dom->reason,
                     *dom->reason && *dom->remark ? "; " : "", dom->remark);
}

static void send_change(struct daemon *d, const struct machine_action *a)
{
    const struct machine_domain *dom = &d->m.doms[a->dom];
    struct buf line = {0};
    char *reason;
    yajl_gen g;

    if (!d->server) return;
    reason = daemon_reason_of(dom);
    g = json_new();
    json_open(g, NULL);
    json_int(g, "v", PROTO_VERSION);
    json_string(g, "event", "state");
    json_int(g, "time_ms", loop_now());
    json_string(g, "domain", dom->policy->name);
    json_string(g, "from", machine_state_name(a->before));
    json_string(g, "to", machine_state_name(a->after));
    if (*reason) json_string(g, "reason", reason);
    json_close(g);
    json_line(g, &line);
    server_tell(d->server, &line);
    buf_dispose(&line);
    free(reason);
}

/* Sends an event without a change of state: the reason is new. */
static void handle_remark(struct daemon *d, const struct machine_action *a)
{
    const struct machine_domain *dom = &d->m.doms[a->dom];
    struct machine_action same = *a;

    if (!*dom->remark) return; /* the instance is gone */
    same.before = same.after = dom->state;
    mark("domain %s: %s", dom->policy->name, dom->remark);
    send_change(d, &same);
}

static bool is_probed(enum machine_state state)
{
    return state == MACHINE_BOOTING || state == MACHINE_LATE;
}

static void handle_change(struct daemon *d, const struct machine_action *a)
{
    struct machine_domain *dom = &d->m.doms[a->dom];
    struct extra *x = daemon_extra(d, a->dom);

    if (!dom->policy) return;
    d->dirty = true;
    mark_change(dom, a, x->forced);
    send_change(d, a);
    if (is_probed(a->before) && !is_probed(a->after))
        probe_stop(d->probes, a->dom);
    if (a->after == MACHINE_BOOTING) {
        x->forced = false;
        /* The state may have changed since; then there is nothing to probe. */
        if (is_probed(dom->state))
            probe_start(d->probes, a->dom, dom->gen, dom->policy,
                        hv_domid(d->hv, a->dom));
    }
    if (a->after == MACHINE_LATE) hv_look_late(d->hv, a->dom);
    if (!machine_has_instance(a->after)) x->forced = false;
    if (!dom->listed && !machine_has_instance(dom->state)) {
        machine_forget(&d->m, a->dom);
        machine_link(&d->m, loop_now());
    }
}

static void run_action(struct daemon *d, const struct machine_action *a)
{
    struct machine_domain *dom = &d->m.doms[a->dom];
    struct extra *x = daemon_extra(d, a->dom);
    struct machine_result res = {.gen = a->gen};

    if (!dom->policy) return;
    switch (a->act) {
    case MACHINE_ACT_CREATE:
        /* hv/xl opens the domain's paths in this process. */
        if (!checks_answer(d->checks, dom->policy)) {
            machine_event(&d->m, a->dom, MACHINE_EV_FILE_CHANGED, &res,
                          loop_now());
            break;
        }
        x->mark = probe_mark(d->probes, a->dom, dom->policy);
        x->uuid[0] = '\0';
        x->print = checks_print(dom->policy);
        hv_create(d->hv, a->dom, a->gen, dom->policy, a->fresh, a->ahead);
        break;
    case MACHINE_ACT_UNPAUSE:
        /* What it was created from may have been replaced meanwhile. */
        if (!checks_answer(d->checks, dom->policy) ||
            checks_print(dom->policy) != x->print ||
            policy_stamp(dom->policy->file) != dom->stamp) {
            machine_event(&d->m, a->dom, MACHINE_EV_FILE_CHANGED, &res,
                          loop_now());
            break;
        }
        /* Save first: to a successor one that is built has not run. */
        if (d->dirty) save_journal(d);
        hv_unpause(d->hv, a->dom, a->gen);
        break;
    case MACHINE_ACT_ABORT:
        hv_abort(d->hv, a->dom);
        break;
    case MACHINE_ACT_SHUTDOWN:
        hv_shutdown(d->hv, a->dom, a->gen);
        break;
    case MACHINE_ACT_SAVE:
        if (!checks_answer(d->checks, dom->policy)) {
            res.why = dom->policy->hold;
            machine_event(&d->m, a->dom, MACHINE_EV_SAVE_FAILED, &res,
                          loop_now());
            break;
        }
        hv_save(d->hv, a->dom, a->gen, dom->policy->save_to);
        break;
    case MACHINE_ACT_DESTROY:
        x->forced = a->forced;
        /* Save first: a successor would think that somebody else had destroyed
         * it. */
        if (d->dirty) save_journal(d);
        hv_destroy(d->hv, a->dom, a->gen);
        break;
    case MACHINE_ACT_CHANGED:
        handle_change(d, a);
        break;
    case MACHINE_ACT_REMARK:
        handle_remark(d, a);
        break;
    }
}

void daemon_pump(struct daemon *d)
{
    struct machine_action a;

    if (d->pumping || d->beginning) return;
    d->pumping = true;
    while (machine_take(&d->m, &a))
        run_action(d, &a);
    d->pumping = false;
    loop_at(d->tick, machine_deadline(&d->m));
    if (d->dirty) save_journal(d);
    if (d->m.closing && !d->told_down && machine_is_down(&d->m)) {
        d->told_down = true;
        mark_event("all domains are down");
        if (d->server) server_tell_down(d->server);
    }
}

static void run_deadlines(void *user)
{
    struct daemon *d = user;

    machine_tick(&d->m, loop_now());
    daemon_pump(d);
}

/* ---- what happens ------------------------------------------------------- */

static void hv_result(void *user, unsigned int dom, enum machine_event event,
                      const struct machine_result *result)
{
    struct daemon *d = user;
    struct machine_result shown = *result;
    char *why = result->why ? visible(result->why, VISIBLE_MAX) : NULL;

    shown.why = why;
    if (event == MACHINE_EV_FILE_CHANGED) machine_hold(&d->m);
    machine_event(&d->m, dom, event, &shown, loop_now());
    if (event == MACHINE_EV_FILE_CHANGED) {
        daemon_load(d, false);
        machine_release(&d->m, loop_now());
    }
    free(why);
    daemon_pump(d);
}

/* The name of another domain with UUID, or NULL; the caller frees it. UUIDs
 * identify our instances after a crash, and name files of xl and QEMU. */
static char *find_uuid_owner(struct daemon *d, unsigned int dom,
                             const char *uuid)
{
    struct hv_info *list;
    char *name = NULL;
    unsigned int k;
    int n;
    int i;

    for (k = 0; k < d->m.n; k++) {
        const struct machine_domain *other = &d->m.doms[k];

        if (k != dom && other->policy && machine_has_instance(other->state) &&
            !strcmp(daemon_extra(d, k)->uuid, uuid))
            return xstrdup(other->policy->name);
    }
    list = hv_list(d->hv, &n);
    for (i = 0; !name && i < n; i++) {
        if (!list[i].dying && !strcmp(list[i].uuid, uuid))
            name = xstrdup(list[i].name);
    }
    hv_info_free(list, n > 0 ? n : 0);
    return name;
}

static char *hv_begins(void *user, unsigned int dom, const char *uuid,
                       const struct strlist *saved)
{
    struct daemon *d = user;
    struct extra *x;
    struct machine_result res = {
        .gen = d->m.doms[dom].gen,
        .resumed = saved != NULL,
        .writes = saved,
    };
    char *taken = saved ? machine_disk_taken(&d->m, dom, saved) : NULL;
    char *other;
    char *no;

    /* Its file may have named other disks when it was saved. */
    if (taken) {
        no = xasprintf("%s, and the save of this domain writes to it", taken);
        free(taken);
        return no;
    }
    other = find_uuid_owner(d, dom, uuid);
    if (other) {
        no = xasprintf("domain %s runs with the same UUID, %s; change or "
                       "remove one of them",
                       other, uuid);
        free(other);
        return no;
    }
    machine_event(&d->m, dom, MACHINE_EV_BEGUN, &res, loop_now());
    /* Its time limit starts now. No pump: nothing else is due, and the
     * hypervisor is in the middle of an operation. */
    loop_at(d->tick, machine_deadline(&d->m));
    x = daemon_extra(d, dom);
    snprintf(x->uuid, HV_UUID_LEN, "%s", uuid);
    x->mark.resumed = res.resumed;
    probe_mark_set(d->probes, dom, &x->mark);
    /* Save first: a successor has to recognise the new domain. */
    save_journal(d);
    return NULL;
}

static void hv_stalled(void *user, unsigned int dom, msec ms)
{
    struct daemon *d = user;

    machine_stalled(&d->m, dom, ms);
}

static void hv_mark(void *user, const char *line)
{
    (void)user;
    mark("%s", line);
}

static void hv_log(void *user, const char *line)
{
    char *shown = visible(line, MARK_MAX);

    (void)user;
    syslog(LOG_WARNING, "%s", shown);
    free(shown);
}

static void probe_success(void *user, unsigned int dom, unsigned int gen)
{
    struct daemon *d = user;
    struct machine_result res = {.gen = gen};

    machine_event(&d->m, dom, MACHINE_EV_READY, &res, loop_now());
    daemon_pump(d);
}

/* ---- opening and closing ------------------------------------------------ */

/* Two daemons would adopt each other's domains as started by hand. */
static int take_lock(struct daemon *d)
{
    char *path = xasprintf("%s/domd.lock", d->opts.run_dir);

    d->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (d->lock < 0) {
        fprintf(stderr, "domd: %s: %s\n", path, strerror(errno));
    } else if (flock(d->lock, LOCK_EX | LOCK_NB)) {
        fprintf(stderr, "domd: %s: another domd is running\n", path);
        close(d->lock);
        d->lock = -1;
    }
    free(path);
    return d->lock < 0 ? -1 : 0;
}

static void ignore_wakeup(void *user, int fd, short revents)
{
    (void)user;
    (void)fd;
    (void)revents;
}

int daemon_open(struct daemon **daemon_r, const struct daemon_options *opts)
{
    struct daemon *d = xcalloc(1, sizeof(*d));
    struct hv_callbacks cb = {
        hv_result, hv_begins, hv_stalled, daemon_list_changed,
        hv_mark,   hv_log,    d,
    };
    struct group *group;
    char *why = NULL;
    int rc = -1;
    int r;

    d->opts = *opts;
    d->lock = -1;
    machine_init(&d->m, opts->parallel);
    d->journal_path = xasprintf("%s/domd.json", opts->run_dir);
    if (take_lock(d)) goto out;
    d->loop = loop_new();
    if (opts->consoles)
        d->consoles = consoles_open(d->loop, "/sys/class/tty/console/active");
    marks_open(opts->run_dir, d->consoles);
    d->tick = loop_timer(d->loop, run_deadlines, d);
    if (pipe2(quit_pipe, O_CLOEXEC | O_NONBLOCK)) {
        fprintf(stderr, "domd: cannot create a pipe: %s\n", strerror(errno));
        goto out;
    }
    loop_add(d->loop, quit_pipe[0], POLLIN, ignore_wakeup, d);
    if (hv_open(&d->hv, d->loop, &cb, &why)) {
        fprintf(stderr, "domd: %s\n", why);
        syslog(LOG_ERR, "%s", why);
        goto out;
    }
    d->store = store_open();
    d->probes =
        probes_new(d->loop, d->store, opts->console_dir, probe_success, d);
    d->checks = checks_new(d->loop, daemon_answered, d);
    group = getgrnam(opts->group);
    r = server_open(&d->server, d->loop, opts->socket,
                    group ? (long)group->gr_gid : -1, daemon_request, d);
    if (r) {
        fprintf(stderr, "domd: %s: %s\n", opts->socket, strerror(r));
        syslog(LOG_ERR, "%s: %s", opts->socket, strerror(r));
        goto out;
    }
    if (daemon_begin(d)) goto out;
    *daemon_r = d;
    d = NULL;
    rc = 0;
out:
    free(why);
    daemon_close(d);
    return rc;
}

void daemon_quit(void)
{
    int saved_errno = errno;
    ssize_t r;

    quitting = 1;
    r = write(quit_pipe[1], "", 1); /* wakes the loop */
    (void)r;
    errno = saved_errno;
}

void daemon_run(struct daemon *d)
{
    while (!quitting)
        loop_round(d->loop);
    save_journal(d);
}

void daemon_close(struct daemon *d)
{
    if (!d) return;
    server_close(d->server);
    probes_free(d->probes);
    checks_free(d->checks);
    hv_close(d->hv);
    store_close(d->store);
    marks_close();
    consoles_close(d->consoles);
    loop_free(d->loop);
    machine_dispose(&d->m);
    host_dispose(&d->host);
    config_dispose(&d->config);
    strlist_dispose(&d->enabled);
    strlist_dispose(&d->disabled);
    free(d->extra);
    free(d->journal_path);
    if (d->lock >= 0) close(d->lock);
    free(d);
}
