/* Lists the domains, and reads host facts. */
#include "hv/xl/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/host.h"

/* Reads the UUID of a domain. The hypervisor keeps the one of its creation,
 * which the instance after a dead one reuses. A domain set aside
 * (rename-restart) has a new UUID, which only xenstore knows. */
static void read_uuid(struct hv *hv, const libxl_dominfo *info,
                      char uuid[HV_UUID_LEN])
{
    char *vm;

    snprintf(uuid, HV_UUID_LEN, LIBXL_UUID_FMT, LIBXL_UUID_BYTES(info->uuid));
    if (!xl_has_ended(info)) return;
    vm = xl_in_store(hv, info->domid, "vm");
    if (vm && !strncmp(vm, "/vm/", 4))
        snprintf(uuid, HV_UUID_LEN, "%s", vm + 4);
    free(vm);
}

/* The name of a domain that we know already, which saves a round trip to
 * xenstore. */
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
        read_uuid(hv, &all[i], info->uuid);
        known = known_name(hv, all[i].domid, info->uuid);
        if (!known) {
            /* A stub domain comes and goes with the domain that it serves. */
            if (libxl_is_stubdom(hv->ctx, all[i].domid, NULL)) continue;
            name = libxl_domid_to_name(hv->ctx, all[i].domid);
        }
        info->domid = all[i].domid;
        info->name = name ? name : xstrdup(known ? known : "");
        info->never_ran = xl_never_ran(&all[i]);
        info->shut_down = xl_has_ended(&all[i]);
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

/* Matches new domains with creations, by UUID. */
void xl_guess(struct hv *hv)
{
    libxl_dominfo *all;
    unsigned int k;
    int n = 0;
    int i;

    all = libxl_list_domain(hv->ctx, &n);
    for (i = 0; all && i < n; i++) {
        char uuid[HV_UUID_LEN];

        read_uuid(hv, &all[i], uuid);
        for (k = 0; k < hv->n_slots; k++) {
            struct slot *s = hv->slots[k];

            if (s && s->op == OP_CREATE && !strcmp(s->uuid, uuid))
                s->guess = all[i].domid;
        }
    }
    if (all) libxl_dominfo_list_free(all, n);
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

uint32_t hv_domid(const struct hv *hv, unsigned int dom)
{
    if (dom >= hv->n_slots || !hv->slots[dom]) return HV_NO_DOMID;
    return hv->slots[dom]->domid;
}
