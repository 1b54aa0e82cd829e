/* Answers requests on the control socket. */
#include "daemon/internal.h"

#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "daemon/iostat.h"

/* ---- status and metrics ------------------------------------------------- */

static void write_domain(struct daemon *d, yajl_gen g, unsigned int dom)
{
    const struct machine_domain *m = &d->m.doms[dom];
    uint32_t domid = hv_domid(d->hv, dom);
    char *ready = ready_text(&m->policy->ready);
    char *reason = daemon_reason_of(m);

    json_string(g, "name", m->policy->name);
    json_string(g, "state", machine_state_name(m->state));
    json_string(g, "reason", reason);
    json_int(g, "domid", domid == HV_NO_DOMID ? -1 : (int64_t)domid);
    json_bool(g, "want", m->want);
    json_bool(g, "by_hand", m->by_hand);
    json_bool(g, "stale", machine_is_stale(m));
    json_int(g, "since_ms", loop_now() - m->since);
    json_int(g, "uptime_ms",
             machine_has_instance(m->state) && !m->by_hand
                 ? loop_now() - m->started
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
        json_strings(g, "after", &m->policy->after);
        json_strings(g, "requires", &m->policy->requires);
    }
    free(reason);
    free(ready);
}

static bool is_requested(const struct request *req, const char *name)
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
        if (machine_find(&d->m, req->names.v[k]) >= 0) continue;
        proto_error(out, req->id, "no such domain: %s", req->names.v[k]);
        return;
    }
    g = proto_reply(req->id, true);
    json_bool(g, "closing", d->m.closing);
    json_int(g, "down_ms", machine_down_limit(&d->m, false));
    json_int(g, "down_limit_ms", machine_down_limit(&d->m, true));
    json_array(g, "domains");
    for (i = 0; i < d->m.n; i++) {
        if (!d->m.doms[i].policy ||
            !is_requested(req, d->m.doms[i].policy->name))
            continue;
        json_open(g, NULL);
        write_domain(d, g, i);
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
        write_domain(d, g, dom);
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

/* ---- commands ----------------------------------------------------------- */

/* Moves NAME from FROM to TO. */
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

static void enable_domain(struct daemon *d, unsigned int dom, bool on)
{
    const char *name = d->m.doms[dom].policy->name;

    if (on)
        move_name(&d->disabled, &d->enabled, name);
    else
        move_name(&d->enabled, &d->disabled, name);
    d->m.doms[dom].policy->autostart = on;
    d->dirty = true;
}

static const char *run_command(struct daemon *d, enum proto_cmd cmd,
                               unsigned int dom)
{
    msec now = loop_now();

    switch (cmd) {
    case PROTO_START:
        return machine_start(&d->m, dom, now);
    case PROTO_STOP:
        return machine_stop(&d->m, dom, now);
    case PROTO_RESTART:
        return machine_restart(&d->m, dom, now);
    case PROTO_ENABLE:
    case PROTO_DISABLE:
        if (!d->m.doms[dom].listed) return "it has no domain file";
        enable_domain(d, dom, cmd == PROTO_ENABLE);
        return NULL;
    default:
        return "not a command for a domain";
    }
}

/* Runs a command on each named domain; the error lists all refusals. */
static void answer_command(struct daemon *d, const struct client *client,
                           const struct request *req, struct buf *out)
{
    struct buf wrong = {0};
    yajl_gen g;
    size_t i;

    /* Start from the current files. */
    if (req->cmd == PROTO_START || req->cmd == PROTO_RESTART) {
        checks_give_up(d->checks);
        daemon_load(d, false);
    }
    machine_hold(&d->m);
    for (i = 0; i < req->names.n; i++) {
        int dom = machine_find(&d->m, req->names.v[i]);
        const char *bad = dom < 0
                              ? "no such domain"
                              : run_command(d, req->cmd, (unsigned int)dom);

        if (bad)
            buf_addf(&wrong, "%scannot %s %s: %s", wrong.len ? "; " : "",
                     proto_cmd_name(req->cmd), req->names.v[i], bad);
        else
            syslog(LOG_NOTICE, "%s %s, requested by %s",
                   proto_cmd_name(req->cmd), req->names.v[i],
                   client_who(client));
    }
    machine_release(&d->m, loop_now());
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

    checks_give_up(d->checks);
    daemon_load(d, false);
    g = proto_reply(req->id, true);
    json_array(g, "problems");
    for (i = 0; i < d->config.problems.n; i++) {
        char *text = problem_text(&d->config.problems.v[i]);

        json_string(g, NULL, text);
        free(text);
    }
    json_array_end(g);
    json_int(g, "errors", (int64_t)problem_errors(&d->config.problems));
    json_close(g);
    json_line(g, out);
}

void daemon_request(void *user, struct client *client,
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
    case PROTO_PING:
        g = proto_reply(req->id, true);
        json_close(g);
        json_line(g, out);
        break;
    case PROTO_SHUTDOWN:
        syslog(LOG_NOTICE, "shutdown, requested by %s", client_who(client));
        server_await_down(client, req->id);
        d->told_down = false;
        machine_close(&d->m, loop_now());
        break;
    default:
        answer_command(d, client, req, out);
        break;
    }
    daemon_pump(d);
}
