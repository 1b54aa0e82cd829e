/* Reads the domain files again, and updates the machine. */
#include "daemon/internal.h"

#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "daemon/marks.h"

static bool is_bar(const struct config *c, const char *text)
{
    size_t i;

    for (i = 0; i < c->n; i++) {
        if (!c->v[i]) continue;
        if (c->v[i]->bar && !strcmp(c->v[i]->bar, text)) return true;
        if (c->v[i]->hold && !strcmp(c->v[i]->hold, text)) return true;
    }
    return false;
}

/* Marks problems, except those that bar a domain: its state shows them. */
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

/* An invalid or unreadable file removes no domain: its last policy stays in
 * force, and only a start is refused. */
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

void daemon_load(struct daemon *d, bool say)
{
    struct config c;
    unsigned int i;
    size_t k;

    host_dispose(&d->host);
    hv_host(d->hv, &d->host);
    config_read(&c, d->opts.config_dir, &d->host);
    if (!d->host.unknown) checks_run(d->checks, &c);
    config_check(&c, &d->host);
    if (checks_left(d->checks))
        syslog(LOG_WARNING,
               "%zu checks wait for files that do not respond; run xenith "
               "reload to see which",
               checks_left(d->checks));
    if (say) mark_problems(&c);
    for (i = 0; i < d->m.n; i++) {
        struct machine_domain *dom = &d->m.doms[i];
        bool still = false;

        if (!dom->policy || !dom->listed) continue;
        for (k = 0; k < c.n; k++) {
            if (!strcmp(c.v[k]->name, dom->policy->name)) still = true;
        }
        if (!still && !keep_unreadable(d, dom->policy, &c))
            machine_unlist(&d->m, i);
    }
    /* Report these changes before the slots are reused. */
    daemon_pump(d);
    for (i = 0; i < d->m.n; i++)
        machine_forget(&d->m, i);
    for (k = 0; k < c.n; k++) {
        struct policy *p = config_take(&c, k);
        int found = machine_find(&d->m, p->name);

        apply_overrides(d, p);
        if (found < 0)
            machine_add(&d->m, p);
        else
            machine_set_policy(&d->m, (unsigned int)found, p);
    }
    config_dispose(&d->config);
    d->config = c;
    machine_link(&d->m, loop_now());
    d->dirty = true;
}

void daemon_answered(void *user)
{
    struct daemon *d = user;

    machine_hold(&d->m);
    daemon_load(d, false);
    machine_release(&d->m, loop_now());
    daemon_pump(d);
}
