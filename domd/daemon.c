#include "daemon.h"

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

#include "check.h"
#include "hv.h"
#include "iostat.h"
#include "journal.h"
#include "loop.h"
#include "machine.h"
#include "marks.h"
#include "probe.h"
#include "saved.h"
#include "server.h"

/* What we know about a domain beside the state machine. */
struct extra {
    bool forced; /* the last destroy was not asked for nicely */
    char uuid[HV_UUID_LEN];
    struct probe_mark mark; /* of the instance */
};

struct daemon {
    struct daemon_options opts;
    struct loop *loop;
    struct hv *hv;
    struct store *store;
    struct probes *probes;
    struct server *server;
    struct timer *tick;
    struct machine m;
    struct extra *extra;
    unsigned int n_extra;
    struct host host;
    struct config config; /* as it was read last */
    struct strlist enabled;
    struct strlist disabled;
    char *journal_path;
    int lock;
    bool booted;
    bool pumping;
    bool beginning; /* what the journal says is not all restored yet */
    bool forgetful; /* there is a journal, and it cannot be read */
    bool dirty;     /* the journal has to be written */
    bool told_down;
};

static volatile sig_atomic_t quitting;
static int quit_pipe[2] = {-1, -1};

static void pump(struct daemon *d);
static void load(struct daemon *d, bool say);

static struct extra *extra(struct daemon *d, unsigned int dom)
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
        const struct mc_domain *dom = &d->m.doms[i];
        struct journal_entry *e;

        if (!dom->policy || dom->by_hand) continue;
        e = journal_add(&j, dom->policy->name);
        mc_past_of(&d->m, i, &e->past);
        if (!mc_has_instance(dom->state)) continue;
        strcpy(e->uuid, extra(d, i)->uuid);
        e->mark = extra(d, i)->mark;
    }
    r = journal_write(&j, d->journal_path);
    if (r)
        syslog(LOG_ERR, "cannot write %s: %s", d->journal_path, strerror(r));
    journal_dispose(&j);
    /* What could not be written is tried again with the next change. */
    d->dirty = r != 0;
}

/* ---- doing what the state machine says ---------------------------------- */

/* The reason of its state, and what there is to remark besides. The caller
 * frees it. */
static char *reason_of(const struct mc_domain *dom)
{
    return xasprintf("%s%s%s", dom->reason,
                     *dom->reason && *dom->remark ? "; " : "", dom->remark);
}

static void tell_change(struct daemon *d, const struct mc_action *a)
{
    const struct mc_domain *dom = &d->m.doms[a->dom];
    struct buf line = {0};
    char *reason;
    yajl_gen g;

    if (!d->server) return;
    reason = reason_of(dom);
    g = json_new();
    json_open(g, NULL);
    json_int(g, "v", PROTO_VERSION);
    json_string(g, "event", "state");
    json_int(g, "time_ms", loop_now());
    json_string(g, "domain", dom->policy->name);
    json_string(g, "from", mc_state_name(a->before));
    json_string(g, "to", mc_state_name(a->after));
    if (*reason) json_string(g, "reason", reason);
    json_close(g);
    json_line(g, &line);
    server_tell(d->server, &line);
    buf_dispose(&line);
    free(reason);
}

/* An event from a state to the same: what is new is the reason. */
static void remarked(struct daemon *d, const struct mc_action *a)
{
    const struct mc_domain *dom = &d->m.doms[a->dom];
    struct mc_action same = *a;

    if (!*dom->remark) return; /* its instance is gone already */
    same.before = same.after = dom->state;
    mark("domain %s: %s", dom->policy->name, dom->remark);
    tell_change(d, &same);
}

static bool is_probed(enum mc_state state)
{
    return state == MC_BOOTING || state == MC_LATE;
}

static void changed(struct daemon *d, const struct mc_action *a)
{
    struct mc_domain *dom = &d->m.doms[a->dom];
    struct extra *x = extra(d, a->dom);

    if (!dom->policy) return;
    d->dirty = true;
    mark_change(dom, a, x->forced);
    tell_change(d, a);
    if (is_probed(a->before) && !is_probed(a->after))
        probe_stop(d->probes, a->dom);
    if (a->after == MC_BOOTING) {
        x->forced = false;
        /* More may have happened since; then there is nothing to look for. */
        if (is_probed(dom->state))
            probe_start(d->probes, a->dom, dom->gen, dom->policy,
                        hv_domid(d->hv, a->dom));
    }
    if (!mc_has_instance(a->after)) x->forced = false;
    if (!dom->listed && !mc_has_instance(dom->state)) {
        mc_forget(&d->m, a->dom);
        mc_link(&d->m, loop_now());
    }
}

static void act(struct daemon *d, const struct mc_action *a)
{
    struct mc_domain *dom = &d->m.doms[a->dom];
    struct extra *x = extra(d, a->dom);

    if (!dom->policy) return;
    switch (a->act) {
    case MC_ACT_CREATE:
        x->mark = probe_mark(d->probes, a->dom, dom->policy);
        x->uuid[0] = '\0';
        hv_create(d->hv, a->dom, a->gen, dom->policy, a->fresh);
        break;
    case MC_ACT_ABORT:
        hv_abort(d->hv, a->dom);
        break;
    case MC_ACT_SHUTDOWN:
        hv_shutdown(d->hv, a->dom, a->gen);
        break;
    case MC_ACT_SAVE:
        hv_save(d->hv, a->dom, a->gen, dom->policy->save_to);
        break;
    case MC_ACT_DESTROY:
        x->forced = a->forced;
        /* Before it can be gone: a successor would think that somebody else
         * had destroyed it. */
        if (d->dirty) save_journal(d);
        hv_destroy(d->hv, a->dom, a->gen);
        break;
    case MC_ACT_CHANGED:
        changed(d, a);
        break;
    case MC_ACT_REMARK:
        remarked(d, a);
        break;
    }
}

/* Carries out all that is to be done. What the hypervisor answers at once
 * adds to the list; the outer call goes on with it. */
static void pump(struct daemon *d)
{
    struct mc_action a;

    if (d->pumping || d->beginning) return;
    d->pumping = true;
    while (mc_take(&d->m, &a))
        act(d, &a);
    d->pumping = false;
    loop_at(d->tick, mc_deadline(&d->m));
    if (d->dirty) save_journal(d);
    if (d->m.closing && !d->told_down && mc_is_down(&d->m)) {
        d->told_down = true;
        mark_event("all domains are down");
        if (d->server) server_tell_down(d->server);
    }
}

static void tick(void *user)
{
    struct daemon *d = user;

    mc_tick(&d->m, loop_now());
    pump(d);
}

/* ---- what happens ------------------------------------------------------- */

static void hv_result(void *user, unsigned int dom, enum mc_event event,
                      const struct mc_result *result)
{
    struct daemon *d = user;

    if (event == MC_EV_FILE_CHANGED) mc_hold(&d->m);
    mc_event(&d->m, dom, event, result, loop_now());
    if (event == MC_EV_FILE_CHANGED) {
        load(d, false);
        mc_release(&d->m, loop_now());
    }
    pump(d);
}

static void hv_begins(void *user, unsigned int dom, const char *uuid,
                      bool resumed)
{
    struct daemon *d = user;
    struct extra *x = extra(d, dom);
    struct mc_result res = {.gen = d->m.doms[dom].gen, .resumed = resumed};

    mc_event(&d->m, dom, MC_EV_BEGUN, &res, loop_now());
    /* Its time runs from now on. Nothing else has to follow, and the
     * hypervisor is in the middle of something: no pump. */
    loop_at(d->tick, mc_deadline(&d->m));
    snprintf(x->uuid, HV_UUID_LEN, "%s", uuid);
    x->mark.resumed = resumed;
    probe_mark_set(d->probes, dom, &x->mark);
    /* Before the hypervisor knows of it: a successor has to recognise it. */
    save_journal(d);
}

static void hv_stalled(void *user, unsigned int dom, msec ms)
{
    struct daemon *d = user;

    mc_stalled(&d->m, dom, ms);
}

static void hv_mark(void *user, const char *line)
{
    (void)user;
    mark("%s", line);
}

static void hv_log(void *user, const char *line)
{
    (void)user;
    syslog(LOG_WARNING, "%s", line);
}

static void probe_success(void *user, unsigned int dom, unsigned int gen)
{
    struct daemon *d = user;
    struct mc_result res = {.gen = gen};

    mc_event(&d->m, dom, MC_EV_READY, &res, loop_now());
    pump(d);
}

/* Whether an instance is one of ours: by its number, or, as long as it is
 * being created, by its UUID. */
static bool is_known(struct daemon *d, const struct hv_info *info)
{
    unsigned int i;

    for (i = 0; i < d->m.n; i++) {
        if (!d->m.doms[i].policy || !mc_has_instance(d->m.doms[i].state))
            continue;
        if (hv_domid(d->hv, i) == info->domid) return true;
        if (*extra(d, i)->uuid && !strcmp(extra(d, i)->uuid, info->uuid))
            return true;
    }
    return false;
}

/* Somebody has started DOM afresh, on its disks: what was saved of it must not
 * be used any more. */
static void spoil_saved(const struct daemon *d, unsigned int dom)
{
    const struct policy *p = d->m.doms[dom].policy;

    /* It may be ours after all, and saved just now. */
    if (!p->save_to || d->forgetful) return;
    if (saved_put_aside(p->save_to, p->name))
        mark("domain %s was started by hand: what was saved of it is not used "
             "any more, and is kept as %s/%s.save.failed",
             p->name, p->save_to, p->name);
}

static void adopt_by_hand(struct daemon *d, const struct hv_info *info)
{
    int found = mc_find(&d->m, info->name);
    unsigned int dom;
    unsigned int gen;

    if (!*info->name || info->dying) return;
    if (found >= 0 && mc_has_instance(d->m.doms[found].state)) return;
    if (found < 0) {
        struct policy *p = policy_new(info->name, NULL);

        p->stop_timeout = d->opts.hand_timeout;
        found = (int)mc_add(&d->m, p);
        mc_link(&d->m, loop_now());
    }
    dom = (unsigned int)found;
    spoil_saved(d, dom);
    extra(d, dom)->uuid[0] = '\0';
    gen = mc_adopt_by_hand(&d->m, dom, loop_now());
    if (!hv_adopt(d->hv, dom, gen, info->name, info->domid, true, false,
                  NULL)) {
        struct mc_result res = {.gen = gen, .death = MC_VANISHED};

        mc_event(&d->m, dom, MC_EV_GONE, &res, loop_now());
    }
}

static void hv_list_changed(void *user)
{
    struct daemon *d = user;
    struct hv_info *list;
    int n;
    int i;

    list = hv_list(d->hv, &n);
    for (i = 0; i < n; i++) {
        if (!is_known(d, &list[i])) adopt_by_hand(d, &list[i]);
    }
    hv_info_free(list, n > 0 ? n : 0);
    pump(d);
}

/* ---- the configuration -------------------------------------------------- */

static bool is_bar(const struct config *c, const char *text)
{
    size_t i;

    for (i = 0; i < c->n; i++) {
        if (c->v[i] && c->v[i]->bar && !strcmp(c->v[i]->bar, text))
            return true;
    }
    return false;
}

/* Says what is wrong, except for what bars a domain: its state says that. */
static void mark_problems(const struct config *c)
{
    size_t i;

    for (i = 0; i < c->problems.n; i++) {
        char *text = problem_text(&c->problems.v[i]);

        if (!is_bar(c, text)) mark("config %s", text);
        free(text);
    }
}

static void apply_overrides(struct daemon *d, struct policy *p)
{
    if (strlist_has(&d->enabled, p->name)) p->autostart = true;
    if (strlist_has(&d->disabled, p->name)) p->autostart = false;
}

/* A file that is there and cannot be understood takes no domain away: what it
 * said before goes on to count, and only a start from it is refused. */
static bool keep_unreadable(const struct daemon *d, struct policy *p,
                            const struct config *c)
{
    size_t i;

    for (i = 0; i < c->problems.n; i++) {
        const struct problem *problem = &c->problems.v[i];
        char *text;

        if (problem->warning) continue;
        if (strcmp(problem->file, p->file) &&
            strcmp(problem->file, d->opts.config_dir))
            continue;
        text = problem_text(problem);
        policy_bar(p, false, "%s", text);
        free(text);
        p->stamp = 0;
        return true;
    }
    return false;
}

/* Reads the files again. SAY: also tells the console of mistakes. */
static void load(struct daemon *d, bool say)
{
    struct config c;
    unsigned int i;
    size_t k;

    host_dispose(&d->host);
    hv_host(d->hv, &d->host);
    config_read(&c, d->opts.config_dir, &d->host);
    if (say) mark_problems(&c);
    for (i = 0; i < d->m.n; i++) {
        struct mc_domain *dom = &d->m.doms[i];
        bool still = false;

        if (!dom->policy || !dom->listed) continue;
        for (k = 0; k < c.n; k++) {
            if (!strcmp(c.v[k]->name, dom->policy->name)) still = true;
        }
        if (!still && !keep_unreadable(d, dom->policy, &c))
            mc_unlist(&d->m, i);
    }
    /* What that changes is told before its places can be taken. */
    pump(d);
    for (i = 0; i < d->m.n; i++)
        mc_forget(&d->m, i);
    for (k = 0; k < c.n; k++) {
        struct policy *p = config_take(&c, k);
        int found = mc_find(&d->m, p->name);

        apply_overrides(d, p);
        if (found < 0)
            mc_add(&d->m, p);
        else
            mc_set_policy(&d->m, (unsigned int)found, p);
    }
    config_dispose(&d->config);
    d->config = c;
    mc_link(&d->m, loop_now());
    d->dirty = true;
}

/* ---- adoption ----------------------------------------------------------- */

static enum mc_found what_is_left(const struct hv_info *info)
{
    if (info->never_ran || info->dying) return MC_FOUND_BROKEN;
    return info->shut_down ? MC_FOUND_DEAD : MC_FOUND_RUNNING;
}

static void adopt_one(struct daemon *d, unsigned int dom,
                      const struct journal_entry *e,
                      const struct hv_info *info)
{
    const struct policy *p = d->m.doms[dom].policy;
    const char *name = p->name;
    msec now = loop_now();
    unsigned int gen;

    strcpy(extra(d, dom)->uuid, info->uuid);
    extra(d, dom)->mark = e->mark;
    probe_mark_set(d->probes, dom, &e->mark);
    gen = mc_adopt(&d->m, dom, &e->past, what_is_left(info), now);
    if (!hv_adopt(d->hv, dom, gen, name, info->domid, false,
                  e->past.state == MC_SAVING, p->save_to)) {
        struct mc_result res = {.gen = gen, .death = MC_VANISHED};

        mc_event(&d->m, dom, MC_EV_GONE, &res, now);
    }
    mark_event("domain %s adopted (domid %u)", name,
               (unsigned int)info->domid);
}

static int life_in(const struct hv_info *info)
{
    if (info->dying) return 0;
    return info->shut_down ? 1 : 2;
}

/* The instance that has UUID, or -1. One that is being removed may have the
 * same as the one that a reboot made after it. */
static int instance_of(const struct hv_info *list, int n, const char *uuid)
{
    int found = -1;
    int i;

    for (i = 0; *uuid && i < n; i++) {
        if (strcmp(uuid, list[i].uuid)) continue;
        if (found < 0 || life_in(&list[i]) > life_in(&list[found])) found = i;
    }
    return found;
}

/* Goes on where the daemon before us has ended: first with what runs, then
 * with what does not. */
static void adopt_all(struct daemon *d, const struct journal *j,
                      const struct hv_info *list, int n)
{
    size_t k;
    int dom;
    int i;

    for (k = 0; k < j->n; k++) {
        const struct journal_entry *e = &j->v[k];

        i = instance_of(list, n, e->uuid);
        if (i < 0) continue;
        dom = mc_find(&d->m, e->name);
        /* Its file is gone, but it is ours. */
        if (dom < 0) {
            dom = (int)mc_add(&d->m, policy_new(e->name, NULL));
            mc_link(&d->m, loop_now());
        }
        adopt_one(d, (unsigned int)dom, e, &list[i]);
    }
    hv_list_changed(d);
    for (k = 0; k < j->n; k++) {
        dom = mc_find(&d->m, j->v[k].name);
        if (dom < 0 || mc_has_instance(d->m.doms[dom].state)) continue;
        (void)mc_adopt(&d->m, (unsigned int)dom, &j->v[k].past,
                       MC_FOUND_NOTHING, loop_now());
    }
}

static void split_names(const char *text, struct strlist *names)
{
    char *copy = xstrdup(text);
    char *save = NULL;
    char *name;

    for (name = strtok_r(copy, ", ", &save); name;
         name = strtok_r(NULL, ", ", &save))
        strlist_add(names, name);
    free(copy);
}

static void boot(struct daemon *d)
{
    struct strlist only = {0};
    size_t k;

    if (!strcmp(d->opts.autostart, "no")) {
        mark("domains are not started (autostart=no)");
    } else if (!strcmp(d->opts.autostart, "yes")) {
        mc_autostart(&d->m, NULL, loop_now());
    } else {
        split_names(d->opts.autostart, &only);
        for (k = 0; k < only.n; k++) {
            if (mc_find(&d->m, only.v[k]) < 0)
                mark("autostart: there is no domain %s", only.v[k]);
        }
        mc_autostart(&d->m, &only, loop_now());
    }
    strlist_dispose(&only);
    d->booted = true;
    d->dirty = true;
}

static int begin(struct daemon *d)
{
    struct journal j = {0};
    struct hv_info *list;
    char *why = NULL;
    int rc = -1;
    size_t k;
    int n;

    /* Without it, all that runs would be taken for missing. */
    list = hv_list(d->hv, &n);
    if (n < 0) {
        fprintf(stderr, "domd: the hypervisor does not say what runs\n");
        syslog(LOG_ERR, "the hypervisor does not say what runs");
        goto out;
    }
    journal_read(&j, d->journal_path, &why);
    if (why) mark("domd: %s; what runs is taken for started by hand", why);
    for (k = 0; k < j.enabled.n; k++)
        strlist_add(&d->enabled, j.enabled.v[k]);
    for (k = 0; k < j.disabled.n; k++)
        strlist_add(&d->disabled, j.disabled.v[k]);
    d->booted = j.booted;
    /* Nothing is done, and above all nothing is written, before all that the
     * old journal says is known again: we could be killed at any moment. */
    d->beginning = true;
    d->forgetful = why != NULL;
    mc_hold(&d->m);
    load(d, !j.booted);
    adopt_all(d, &j, list, n);
    if (!d->booted) boot(d);
    mc_release(&d->m, loop_now());
    d->beginning = d->forgetful = false;
    pump(d);
    rc = 0;
out:
    hv_info_free(list, n > 0 ? n : 0);
    journal_dispose(&j);
    free(why);
    return rc;
}

/* ---- answers ------------------------------------------------------------ */

static void put_names(yajl_gen g, const char *key, const struct strlist *list)
{
    size_t i;

    json_array(g, key);
    for (i = 0; i < list->n; i++)
        json_string(g, NULL, list->v[i]);
    json_array_end(g);
}

static void put_domain(struct daemon *d, yajl_gen g, unsigned int dom)
{
    const struct mc_domain *m = &d->m.doms[dom];
    uint32_t domid = hv_domid(d->hv, dom);
    char *ready = ready_text(&m->policy->ready);
    char *reason = reason_of(m);

    json_string(g, "name", m->policy->name);
    json_string(g, "state", mc_state_name(m->state));
    json_string(g, "reason", reason);
    json_int(g, "domid", domid == HV_NO_DOMID ? -1 : (int64_t)domid);
    json_bool(g, "want", m->want);
    json_bool(g, "by_hand", m->by_hand);
    json_bool(g, "stale", mc_is_stale(m));
    json_int(g, "since_ms", loop_now() - m->since);
    json_int(g, "uptime_ms",
             mc_has_instance(m->state) && !m->by_hand ? loop_now() - m->started
                                                      : 0);
    json_int(g, "latency_ms", m->latency);
    json_int(g, "restarts", m->restarts);
    if (m->policy->file) {
        json_string(g, "file", m->policy->file);
        json_bool(g, "autostart", m->policy->autostart);
        json_int(g, "priority", m->policy->priority);
        json_string(g, "ready", ready);
        json_string(g, "restart", restart_name(m->policy->restart));
        json_string(g, "on_stop", stop_name(m->policy->on_stop));
        put_names(g, "after", &m->policy->after);
        put_names(g, "requires", &m->policy->requires);
    }
    free(reason);
    free(ready);
}

static bool asked_for(const struct request *req, const char *name)
{
    return !req->names.n || strlist_has(&req->names, name);
}

static void answer_status(struct daemon *d, const struct request *req,
                          struct buf *out)
{
    yajl_gen g;
    unsigned int i;
    size_t k;

    for (k = 0; k < req->names.n; k++) {
        if (mc_find(&d->m, req->names.v[k]) >= 0) continue;
        proto_error(out, req->id, "there is no domain %s", req->names.v[k]);
        return;
    }
    g = proto_reply(req->id, true);
    json_bool(g, "closing", d->m.closing);
    json_array(g, "domains");
    for (i = 0; i < d->m.n; i++) {
        if (!d->m.doms[i].policy || !asked_for(req, d->m.doms[i].policy->name))
            continue;
        json_open(g, NULL);
        put_domain(d, g, i);
        json_close(g);
    }
    json_array_end(g);
    json_close(g);
    json_line(g, out);
}

static void answer_metrics(struct daemon *d, const struct request *req,
                           struct buf *out)
{
    yajl_gen g = proto_reply(req->id, true);
    struct hv_totals totals;
    struct hv_info *list;
    struct iostat io;
    unsigned int dom;
    int n;
    int i;

    if (hv_totals(d->hv, &totals)) {
        json_open(g, "host");
        json_int(g, "memory_kb", (int64_t)totals.memory_kb);
        json_int(g, "free_kb", (int64_t)totals.free_kb);
        json_int(g, "cpus", totals.cpus);
        json_int(g, "dom0_cpu_ns", (int64_t)totals.dom0_cpu_ns);
        json_close(g);
    }
    list = hv_list(d->hv, &n);
    json_array(g, "domains");
    for (dom = 0; dom < d->m.n; dom++) {
        if (!d->m.doms[dom].policy) continue;
        json_open(g, NULL);
        put_domain(d, g, dom);
        for (i = 0; i < n; i++) {
            if (list[i].domid != hv_domid(d->hv, dom)) continue;
            iostat_read("/sys", list[i].domid, &io);
            json_int(g, "cpu_ns", (int64_t)list[i].cpu_ns);
            json_int(g, "memory_kb", (int64_t)list[i].memory_kb);
            if (io.vbd) {
                json_int(g, "vbd_read_bytes", (int64_t)io.vbd_read);
                json_int(g, "vbd_written_bytes", (int64_t)io.vbd_written);
            }
            if (io.vif) {
                json_int(g, "vif_received_bytes", (int64_t)io.vif_received);
                json_int(g, "vif_sent_bytes", (int64_t)io.vif_sent);
            }
        }
        json_close(g);
    }
    json_array_end(g);
    json_close(g);
    json_line(g, out);
    hv_info_free(list, n > 0 ? n : 0);
}

/* Ends a set of names in S, adds NAME to TO. */
static void move_name(struct strlist *from, struct strlist *to,
                      const char *name)
{
    struct strlist rest = {0};
    size_t i;

    for (i = 0; i < from->n; i++) {
        if (strcmp(from->v[i], name)) strlist_add(&rest, from->v[i]);
    }
    strlist_dispose(from);
    *from = rest;
    if (!strlist_has(to, name)) strlist_add(to, name);
}

static void enable(struct daemon *d, unsigned int dom, bool on)
{
    const char *name = d->m.doms[dom].policy->name;

    if (on)
        move_name(&d->disabled, &d->enabled, name);
    else
        move_name(&d->enabled, &d->disabled, name);
    d->m.doms[dom].policy->autostart = on;
    d->dirty = true;
}

static const char *command(struct daemon *d, enum proto_cmd cmd,
                           unsigned int dom)
{
    msec now = loop_now();

    switch (cmd) {
    case PROTO_START:
        return mc_start(&d->m, dom, now);
    case PROTO_STOP:
        return mc_stop(&d->m, dom, now);
    case PROTO_RESTART:
        return mc_restart(&d->m, dom, now);
    case PROTO_ENABLE:
    case PROTO_DISABLE:
        if (!d->m.doms[dom].listed) return "no file describes it";
        enable(d, dom, cmd == PROTO_ENABLE);
        return NULL;
    default:
        return "not a command for a domain";
    }
}

/* A command that names domains: all are tried, and each that was refused is
 * named. */
static void answer_command(struct daemon *d, const struct client *client,
                           const struct request *req, struct buf *out)
{
    struct buf wrong = {0};
    yajl_gen g;
    size_t i;

    /* What is started is what the files say now. */
    if (req->cmd == PROTO_START || req->cmd == PROTO_RESTART) load(d, false);
    mc_hold(&d->m);
    for (i = 0; i < req->names.n; i++) {
        int dom = mc_find(&d->m, req->names.v[i]);
        const char *bad = dom < 0 ? "there is no such domain"
                                  : command(d, req->cmd, (unsigned int)dom);

        if (bad)
            buf_addf(&wrong, "%scannot %s %s: %s", wrong.len ? "; " : "",
                     proto_cmd_name(req->cmd), req->names.v[i], bad);
        else
            syslog(LOG_NOTICE, "%s %s, asked for by %s",
                   proto_cmd_name(req->cmd), req->names.v[i],
                   client_who(client));
    }
    mc_release(&d->m, loop_now());
    if (wrong.len) {
        proto_error(out, req->id, "%s", wrong.s);
    } else {
        g = proto_reply(req->id, true);
        json_close(g);
        json_line(g, out);
    }
    buf_dispose(&wrong);
}

static void answer_reload(struct daemon *d, const struct request *req,
                          struct buf *out)
{
    yajl_gen g;
    size_t i;

    load(d, false);
    g = proto_reply(req->id, true);
    json_array(g, "problems");
    for (i = 0; i < d->config.problems.n; i++) {
        char *text = problem_text(&d->config.problems.v[i]);

        json_string(g, NULL, text);
        free(text);
    }
    json_array_end(g);
    json_close(g);
    json_line(g, out);
}

static void request(void *user, struct client *client,
                    const struct request *req, struct buf *out)
{
    struct daemon *d = user;
    yajl_gen g;

    switch (req->cmd) {
    case PROTO_STATUS:
        answer_status(d, req, out);
        break;
    case PROTO_METRICS:
        answer_metrics(d, req, out);
        break;
    case PROTO_RELOAD:
        answer_reload(d, req, out);
        break;
    case PROTO_EVENTS:
        server_follow(client);
        g = proto_reply(req->id, true);
        json_close(g);
        json_line(g, out);
        break;
    case PROTO_SHUTDOWN:
        syslog(LOG_NOTICE, "shutdown, asked for by %s", client_who(client));
        server_await_down(client, req->id);
        d->told_down = false;
        mc_close(&d->m, loop_now());
        break;
    default:
        answer_command(d, client, req, out);
        break;
    }
    pump(d);
}

/* ---- opening and closing ------------------------------------------------ */

/* Two of us would each think that the other's domains came by hand. */
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

static void woken(void *user, int fd, short revents)
{
    (void)user;
    (void)fd;
    (void)revents;
}

int daemon_open(struct daemon **daemon_r, const struct daemon_options *opts)
{
    struct daemon *d = xcalloc(1, sizeof(*d));
    struct hv_callbacks cb = {
        hv_result, hv_begins, hv_stalled, hv_list_changed, hv_mark, hv_log, d,
    };
    struct group *group;
    char *why = NULL;
    int rc = -1;
    int r;

    d->opts = *opts;
    d->lock = -1;
    mc_init(&d->m, opts->parallel);
    d->journal_path = xasprintf("%s/domd.json", opts->run_dir);
    if (take_lock(d)) goto out;
    marks_open(opts->run_dir, opts->consoles);
    d->loop = loop_new();
    d->tick = loop_timer(d->loop, tick, d);
    if (pipe2(quit_pipe, O_CLOEXEC | O_NONBLOCK)) {
        fprintf(stderr, "domd: a pipe: %s\n", strerror(errno));
        goto out;
    }
    loop_add(d->loop, quit_pipe[0], POLLIN, woken, d);
    if (hv_open(&d->hv, d->loop, &cb, &why)) {
        fprintf(stderr, "domd: %s\n", why);
        syslog(LOG_ERR, "%s", why);
        goto out;
    }
    d->store = store_open();
    d->probes =
        probes_new(d->loop, d->store, opts->console_dir, probe_success, d);
    group = getgrnam(opts->group);
    r = server_open(&d->server, d->loop, opts->socket,
                    group ? (long)group->gr_gid : -1, request, d);
    if (r) {
        fprintf(stderr, "domd: %s: %s\n", opts->socket, strerror(r));
        syslog(LOG_ERR, "%s: %s", opts->socket, strerror(r));
        goto out;
    }
    if (begin(d)) goto out;
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
    hv_close(d->hv);
    store_close(d->store);
    loop_free(d->loop);
    mc_dispose(&d->m);
    host_dispose(&d->host);
    config_dispose(&d->config);
    strlist_dispose(&d->enabled);
    strlist_dispose(&d->disabled);
    free(d->extra);
    free(d->journal_path);
    if (d->lock >= 0) close(d->lock);
    free(d);
}
