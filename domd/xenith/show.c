#include "xenith/show.h"

#include <stdlib.h>
#include <string.h>

#include "base/visible.h"
#include "machine/machine.h"

char *show_duration(int64_t ms)
{
    int64_t s = ms / 1000;

    if (ms < 0) return xstrdup("-");
    if (s < 120) return xasprintf("%lld s", (long long)s);
    if (s < 7200) return xasprintf("%lld min", (long long)s / 60);
    if (s < 172800)
        return xasprintf("%lld h %lld min", (long long)s / 3600,
                         (long long)s / 60 % 60);
    return xasprintf("%lld d %lld h", (long long)s / 86400,
                     (long long)s / 3600 % 24);
}

static const char *get_text(yajl_val v, const char *key)
{
    const char *text = json_get_string(v, key);

    return text ? text : "";
}

void show_status(yajl_val answer, struct buf *out)
{
    yajl_val doms = json_get_array(answer, "domains");
    size_t width = 6;
    size_t n = doms ? json_len(doms) : 0;
    size_t i;

    for (i = 0; i < n; i++) {
        size_t len = strlen(get_text(json_at(doms, i), "name"));

        if (len > width) width = len;
    }
    buf_addf(out, "%-*s %-10s %5s %-12s %8s  %s\n", (int)width, "DOMAIN",
             "STATE", "DOMID", "FOR", "RESTARTS", "");
    for (i = 0; i < n; i++) {
        yajl_val d = json_at(doms, i);
        char *since = show_duration(json_get_int(d, "since_ms", -1));
        int64_t domid = json_get_int(d, "domid", -1);
        char *id =
            domid < 0 ? xstrdup("-") : xasprintf("%lld", (long long)domid);

        buf_addf(
            out, "%-*s %-10s %5s %-12s %8lld  %s%s\n", (int)width,
            get_text(d, "name"), get_text(d, "state"), id, since,
            (long long)json_get_int(d, "restarts", 0), get_text(d, "reason"),
            json_get_bool(d, "stale", false) ? " (its file has changed since)"
                                             : "");
        /* Strip trailing blanks. */
        while (out->len > 1 && out->s[out->len - 2] == ' ') {
            out->s[out->len - 2] = '\n';
            out->s[--out->len] = '\0';
        }
        free(id);
        free(since);
    }
}

void show_event(yajl_val event, struct buf *out)
{
    int64_t ms = json_get_int(event, "time_ms", 0);
    const char *reason = get_text(event, "reason");
    const char *from = get_text(event, "from");
    const char *to = get_text(event, "to");
    bool moved = strcmp(from, to) != 0;

    buf_addf(out, "%lld.%02lld %s %s%s%s%s%s\n", (long long)ms / 1000,
             (long long)ms % 1000 / 10, get_text(event, "domain"), from,
             moved ? " -> " : "", moved ? to : "", *reason ? ": " : "",
             reason);
}

/* ---- Prometheus --------------------------------------------------------- */

/* SCALE: factor from our unit to the metric's. */
static const struct {
    const char *name;
    const char *type;
    const char *help;
    const char *key;
    double scale;
    bool running; /* only for running domains */
} metrics[] = {
    {"xenith_domain_uptime_seconds", "gauge",
     "Time since the creation of the running instance began.", "uptime_ms",
     1e-3, true},
    {"xenith_domain_start_latency_seconds", "gauge",
     "Time from the beginning of the creation until it was ready.",
     "latency_ms", 1e-3, false},
    {"xenith_domain_restarts_total", "counter",
     "Instances started by domd after one had ended.", "restarts", 1, false},
    {"xenith_domain_cpu_seconds_total", "counter", "CPU time used.", "cpu_ns",
     1e-9, true},
    {"xenith_domain_memory_bytes", "gauge", "Memory of the domain.",
     "memory_kb", 1024, true},
    {"xenith_domain_vbd_read_bytes_total", "counter",
     "Bytes read from its disks.", "vbd_read_bytes", 1, true},
    {"xenith_domain_vbd_written_bytes_total", "counter",
     "Bytes written to its disks.", "vbd_written_bytes", 1, true},
    {"xenith_domain_vif_received_bytes_total", "counter",
     "Bytes received by its network cards.", "vif_received_bytes", 1, true},
    {"xenith_domain_vif_sent_bytes_total", "counter",
     "Bytes sent by its network cards.", "vif_sent_bytes", 1, true},
};

static const struct {
    const char *name;
    const char *type;
    const char *help;
    const char *key;
    double scale;
} host_metrics[] = {
    {"xenith_host_memory_bytes", "gauge", "Memory of the machine.",
     "memory_kb", 1024},
    {"xenith_host_memory_free_bytes", "gauge", "Free memory of the machine.",
     "free_kb", 1024},
    {"xenith_host_cpus", "gauge", "CPUs of the machine.", "cpus", 1},
    {"xenith_host_dom0_cpu_seconds_total", "counter", "CPU time used by dom0.",
     "dom0_cpu_ns", 1e-9},
};

static void write_head(struct buf *out, const char *name, const char *type,
                       const char *help)
{
    buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* The label value of a domain; the caller frees it. Domains started by hand
 * may have any name. */
static char *domain_label(yajl_val dom)
{
    char *name = visible(get_text(dom, "name"), SIZE_MAX);
    struct buf out = {0};
    const char *c;

    buf_add(&out, "", 0);
    for (c = name; *c; c++) {
        if (*c == '\\' || *c == '"') buf_add(&out, "\\", 1);
        buf_add(&out, c, 1);
    }
    free(name);
    return out.s;
}

/* A series for each state: 1 for the current one. */
static void show_states(yajl_val doms, struct buf *out)
{
    size_t i;
    int state;

    write_head(out, "xenith_domain_state", "gauge",
               "State of the domain: 1 for the current one, else 0.");
    for (i = 0; i < json_len(doms); i++) {
        yajl_val d = json_at(doms, i);
        char *domain = domain_label(d);

        for (state = 0; state < MACHINE_STATES; state++) {
            const char *name = machine_state_name((enum machine_state)state);

            buf_addf(out,
                     "xenith_domain_state{domain=\"%s\",state=\"%s\"} "
                     "%d\n",
                     domain, name, !strcmp(name, get_text(d, "state")));
        }
        free(domain);
    }
}

void show_metrics(yajl_val answer, struct buf *out)
{
    const char *path[] = {"host", NULL};
    yajl_val host = yajl_tree_get(answer, path, yajl_t_object);
    yajl_val doms = json_get_array(answer, "domains");
    size_t k;
    size_t i;

    for (k = 0; host && k < ARRAY_SIZE(host_metrics); k++) {
        write_head(out, host_metrics[k].name, host_metrics[k].type,
                   host_metrics[k].help);
        buf_addf(out, "%s %.15g\n", host_metrics[k].name,
                 (double)json_get_int(host, host_metrics[k].key, 0) *
                     host_metrics[k].scale);
    }
    if (!doms) return;
    show_states(doms, out);
    for (k = 0; k < ARRAY_SIZE(metrics); k++) {
        write_head(out, metrics[k].name, metrics[k].type, metrics[k].help);
        for (i = 0; i < json_len(doms); i++) {
            yajl_val d = json_at(doms, i);
            int64_t value = json_get_int(d, metrics[k].key, -1);
            char *domain;

            if (value < 0) continue;
            if (metrics[k].running && json_get_int(d, "domid", -1) < 0)
                continue;
            /* domd does not know when a domain started by hand began. */
            if (!strcmp(metrics[k].key, "uptime_ms") &&
                json_get_bool(d, "by_hand", false))
                continue;
            domain = domain_label(d);
            buf_addf(out, "%s{domain=\"%s\"} %.15g\n", metrics[k].name, domain,
                     (double)value * metrics[k].scale);
            free(domain);
        }
    }
}
