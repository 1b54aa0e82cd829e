/* Events of a running instance: its death, and ejected CDs. */
#include "hv/xl/internal.h"

#include <stdlib.h>
#include <string.h>

#include "hv/xl/dmwatch.h"

/* An eject under way; libxl keeps a pointer to the disk. It is not the slot's
 * operation: the domain may shut down at the same time. */
struct eject {
    uint64_t op_id;
    uint32_t domid;
    libxl_device_disk disk;
    struct eject *next;
};

/* xenstored does not say which domain died. */
void xl_watch_again(struct hv *hv)
{
    unsigned int i;

    for (i = 0; i < hv->n_slots; i++) {
        struct slot *s = hv->slots[i];

        if (!s || !s->deaf) continue;
        if (s->op != OP_NONE && s->op != OP_SHUTDOWN) continue;
        xl_slot_watch_off(hv, s);
        xl_watch_on(hv, s);
        /* With its watch back, libxl reports it. */
        if (s->deaf && !xl_look_for_end(hv, s)) xl_report_gone(hv, s);
    }
}

static void watch_ejects(struct hv *hv, struct slot *s,
                         const libxl_domain_config *config)
{
    int i;

    if (!config->num_disks) return;
    s->ejects =
        xcalloc((size_t)config->num_disks, sizeof(libxl_evgen_disk_eject *));
    s->n_ejects = config->num_disks;
    for (i = 0; i < config->num_disks; i++) {
        if (!config->disks[i].removable) continue;
        /* Without this event a CD only stays in. */
        (void)libxl_evenable_disk_eject(
            hv->ctx, s->domid, config->disks[i].vdev, s->dom, &s->ejects[i]);
    }
}

void xl_watch_on(struct hv *hv, struct slot *s)
{
    libxl_domain_config read;
    const libxl_domain_config *config = &s->config;
    char *line;
    int rc;

    rc = libxl_evenable_domain_death(hv->ctx, s->domid, s->dom, &s->death);
    s->deaf = rc != 0;
    if (rc) {
        s->death = NULL;
        line = xasprintf("%s: cannot watch for its end: %s", s->name,
                         libxl_error_to_string(rc));
        hv->cb.log(hv->cb.user, line);
        free(line);
    }
    if (s->by_hand) return;
    xl_device_model_on(hv, s);
    libxl_domain_config_init(&read);
    if (!s->has_config) {
        config = &read;
        if (libxl_retrieve_domain_configuration(hv->ctx, s->domid, &read,
                                                NULL))
            goto out;
    }
    xl_slot_actions(s, config);
    watch_ejects(hv, s, config);
out:
    libxl_domain_config_dispose(&read);
}

/* The new request comes before the old one is dropped, because a new watch
 * fires at once. */
void xl_rearm(struct hv *hv, struct slot *s)
{
    libxl_evgen_domain_death *again = NULL;

    if (!s->death) return; /* a stale event */
    if (libxl_evenable_domain_death(hv->ctx, s->domid, s->dom, &again)) return;
    libxl_evdisable_domain_death(hv->ctx, s->death);
    s->death = again;
}

void xl_slot_watch_off(struct hv *hv, struct slot *s)
{
    int i;

    if (s->death) libxl_evdisable_domain_death(hv->ctx, s->death);
    s->death = NULL;
    s->deaf = false;
    for (i = 0; i < s->n_ejects; i++) {
        if (s->ejects[i]) libxl_evdisable_disk_eject(hv->ctx, s->ejects[i]);
    }
    free(s->ejects);
    s->ejects = NULL;
    s->n_ejects = 0;
    dmwatch_free(s->dm);
    s->dm = NULL;
}

bool xl_ejected(struct hv *hv, uint64_t id)
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

/* Tells libxl that the drive is empty, as xl does. A guest may eject without
 * end: a drive that is being emptied is skipped. */
void xl_eject(struct hv *hv, const struct slot *s,
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
    /* An operation that cannot begin has no completion. */
    if (libxl_cdrom_insert(hv->ctx, s->domid, &e->disk, &how))
        (void)xl_ejected(hv, e->op_id);
}
