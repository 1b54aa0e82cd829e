/*
 * Adoption: at the start, of what the previous daemon left; at any time, of
 * domains started by hand.
 */
#include "daemon/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "daemon/journal.h"
#include "daemon/marks.h"
#include "hv/saved.h"

/* ---- what was started by hand ------------------------------------------- */

/* Whether an instance is ours: by its number, or by its UUID while it is being
 * created. */
static bool is_known(struct daemon *d, const struct hv_info *info)
{
    unsigned int i;

    for (i = 0; i < d->m.n; i++) {
        if (!d->m.doms[i].policy || !machine_has_instance(d->m.doms[i].state))
            continue;
        if (hv_domid(d->hv, i) == info->domid) return true;
        if (*daemon_extra(d, i)->uuid &&
            !strcmp(daemon_extra(d, i)->uuid, info->uuid))
            return true;
    }
    return false;
}

/* Sets the save of DOM aside: it was booted by hand, so its disks have
 * changed. */
static void set_save_aside(const struct daemon *d, unsigned int dom)
{
    const struct policy *p = d->m.doms[dom].policy;

    /* It may be ours, and saved just now. */
    if (!p->save_to || d->forgetful) return;
    if (saved_put_aside(p->save_to, p->name))
        mark("domain %s was started by hand; its save is obsolete, and is "
             "kept as %s/%s.save.failed",
             p->name, p->save_to, p->name);
}

static void adopt_by_hand(struct daemon *d, const struct hv_info *info)
{
    int found = machine_find(&d->m, info->name);
    unsigned int dom;
    unsigned int gen;

    if (!*info->name || info->dying) return;
    if (found >= 0 && machine_has_instance(d->m.doms[found].state)) return;
    if (found < 0) {
        struct policy *p = policy_new(info->name, NULL);

        p->stop_timeout = d->opts.hand_timeout;
        found = (int)machine_add(&d->m, p);
        machine_link(&d->m, loop_now());
    }
    dom = (unsigned int)found;
    set_save_aside(d, dom);
    daemon_extra(d, dom)->uuid[0] = '\0';
    gen = machine_adopt_by_hand(&d->m, dom, loop_now());
    if (!hv_adopt(d->hv, dom, gen, info->name, info->domid, true, false,
                  NULL)) {
        struct machine_result res = {.gen = gen, .death = MACHINE_VANISHED};

        machine_event(&d->m, dom, MACHINE_EV_GONE, &res, loop_now());
    }
}

void daemon_list_changed(void *user)
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
    daemon_pump(d);
}

/* ---- what the daemon before us has left --------------------------------- */

static enum machine_found classify_instance(const struct hv_info *info)
{
    if (info->never_ran || info->dying) return MACHINE_FOUND_BROKEN;
    return info->shut_down ? MACHINE_FOUND_DEAD : MACHINE_FOUND_RUNNING;
}

static void adopt_one(struct daemon *d, unsigned int dom,
                      const struct journal_entry *e,
                      const struct hv_info *info)
{
    const struct policy *p = d->m.doms[dom].policy;
    const char *name = p->name;
    msec now = loop_now();
    unsigned int gen;

    strcpy(daemon_extra(d, dom)->uuid, info->uuid);
    daemon_extra(d, dom)->mark = e->mark;
    probe_mark_set(d->probes, dom, &e->mark);
    gen = machine_adopt(&d->m, dom, &e->past, classify_instance(info), now);
    if (!hv_adopt(d->hv, dom, gen, name, info->domid, false,
                  e->past.state == MACHINE_SAVING,
                  p->hold ? NULL : p->save_to)) {
        struct machine_result res = {.gen = gen, .death = MACHINE_VANISHED};

        machine_event(&d->m, dom, MACHINE_EV_GONE, &res, now);
    }
    mark_event("domain %s adopted (domid %u)", name,
               (unsigned int)info->domid);
}

static int rank_life(const struct hv_info *info)
{
    if (info->dying) return 0;
    return info->shut_down ? 1 : 2;
}

/* The instance with UUID, or -1. An instance that is being removed may share
 * the UUID with its successor after a reboot. */
static int find_instance(const struct hv_info *list, int n, const char *uuid)
{
    int found = -1;
    int i;

    for (i = 0; *uuid && i < n; i++) {
        if (strcmp(uuid, list[i].uuid)) continue;
        if (found < 0 || rank_life(&list[i]) > rank_life(&list[found]))
            found = i;
    }
    return found;
}

/* Resumes from the journal: first running domains, then the others. */
static void adopt_all(struct daemon *d, const struct journal *j,
                      const struct hv_info *list, int n)
{
    size_t k;
    int dom;
    int i;

    for (k = 0; k < j->n; k++) {
        const struct journal_entry *e = &j->v[k];

        i = find_instance(list, n, e->uuid);
        if (i < 0) continue;
        dom = machine_find(&d->m, e->name);
        /* Its file is gone, but it is ours. */
        if (dom < 0) {
            dom = (int)machine_add(&d->m, policy_new(e->name, NULL));
            machine_link(&d->m, loop_now());
        }
        adopt_one(d, (unsigned int)dom, e, &list[i]);
    }
    daemon_list_changed(d);
    for (k = 0; k < j->n; k++) {
        dom = machine_find(&d->m, j->v[k].name);
        if (dom < 0 || machine_has_instance(d->m.doms[dom].state)) continue;
        (void)machine_adopt(&d->m, (unsigned int)dom, &j->v[k].past,
                            MACHINE_FOUND_NOTHING, loop_now());
    }
}

/* ---- the beginning ------------------------------------------------------ */

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

/* Line length that a console shows whole. */
#define MARK_LEN 100

/* Names the domains that will start: one that waits for another reports
 * nothing for a long time. */
static void mark_wanted(const struct daemon *d)
{
    struct buf names = {0};
    unsigned int wanted = 0;
    unsigned int i;

    for (i = 0; i < d->m.n; i++) {
        const struct machine_domain *dom = &d->m.doms[i];

        if (!dom->policy || !dom->want) continue;
        wanted++;
        buf_addf(&names, " %s", dom->policy->name);
        if (names.len < MARK_LEN) continue;
        mark("to start:%s", names.s);
        buf_drop(&names, names.len);
    }
    if (names.len) mark("to start:%s", names.s);
    if (!wanted) mark("no domains to start");
    buf_dispose(&names);
}

static void autostart_domains(struct daemon *d)
{
    struct strlist only = {0};
    size_t k;

    if (!strcmp(d->opts.autostart, "no")) {
        mark("domains are not started (autostart=no)");
    } else if (!strcmp(d->opts.autostart, "yes")) {
        machine_autostart(&d->m, NULL, loop_now());
    } else {
        split_names(d->opts.autostart, &only);
        for (k = 0; k < only.n; k++) {
            if (machine_find(&d->m, only.v[k]) < 0)
                mark("autostart: no such domain: %s", only.v[k]);
        }
        machine_autostart(&d->m, &only, loop_now());
    }
    strlist_dispose(&only);
    if (strcmp(d->opts.autostart, "no")) mark_wanted(d);
    d->booted = true;
    d->dirty = true;
}

int daemon_begin(struct daemon *d)
{
    struct journal j = {0};
    struct hv_info *list;
    char *why = NULL;
    int rc = -1;
    size_t k;
    int n;

    /* Without the list, all running domains would seem missing. */
    list = hv_list(d->hv, &n);
    if (n < 0) {
        fprintf(stderr, "domd: cannot list the running domains\n");
        syslog(LOG_ERR, "cannot list the running domains");
        goto out;
    }
    journal_read(&j, d->journal_path, &why);
    if (why) mark("domd: %s; running domains count as started by hand", why);
    for (k = 0; k < j.enabled.n; k++)
        strlist_add(&d->enabled, j.enabled.v[k]);
    for (k = 0; k < j.disabled.n; k++)
        strlist_add(&d->disabled, j.disabled.v[k]);
    d->booted = j.booted;
    /* Act, and above all write, only when all of the old journal is restored:
     * we could be killed at any moment. */
    d->beginning = true;
    d->forgetful = why != NULL;
    machine_hold(&d->m);
    daemon_load(d, !j.booted);
    adopt_all(d, &j, list, n);
    if (!d->booted) autostart_domains(d);
    machine_release(&d->m, loop_now());
    d->beginning = d->forgetful = false;
    daemon_pump(d);
    rc = 0;
out:
    hv_info_free(list, n > 0 ? n : 0);
    journal_dispose(&j);
    free(why);
    return rc;
}
