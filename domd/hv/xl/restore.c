/* Restores a domain from its save. */
#include "hv/xl/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "hv/saved.h"
#include "hv/stream.h"

/* What `xl -N create` prints is a few kilobytes. */
#define CONFIG_MAX ((size_t)1024 * 1024)

/* The domain boots afresh; then the saved memory does not match its disks. */
void xl_put_aside(struct hv *hv, const struct slot *s, char *what)
{
    char *line;

    if (saved_put_aside(s->save_to, s->name)) {
        line = xasprintf("domain %s boots instead of resuming: %s; its save "
                         "is kept as %s/%s.save.failed",
                         s->name, what, s->save_to, s->name);
        hv->cb.mark(hv->cb.user, line);
        free(line);
    }
    free(what);
}

/* Why the save PATH does not match the disks of CONFIG, or NULL. The caller
 * frees it. */
static char *disks_changed(const char *path, const libxl_domain_config *config)
{
    int i;

    for (i = 0; i < config->num_disks; i++) {
        const libxl_device_disk *disk = &config->disks[i];

        if (!disk->readwrite || !disk->pdev_path) continue;
        if (disk->script || disk->backend_domname) continue;
        if (saved_is_older(path, disk->pdev_path))
            return xasprintf("%s was written after the save", disk->pdev_path);
    }
    return NULL;
}

void xl_list_written(const libxl_domain_config *config, struct strlist *writes)
{
    int i;

    for (i = 0; i < config->num_disks; i++) {
        const libxl_device_disk *disk = &config->disks[i];
        const char *by = disk->script ? disk->script : disk->backend_domname;
        char *name;

        if (!disk->readwrite || !disk->pdev_path || !*disk->pdev_path)
            continue;
        name = by ? xasprintf("%s:%s", by, disk->pdev_path)
                  : realpath(disk->pdev_path, NULL);
        strlist_add(writes, name ? name : disk->pdev_path);
        free(name);
    }
}

void xl_restore_failed(struct hv *hv, const struct slot *s, const char *why)
{
    char *fault = stream_fault(s->fd);

    if (!fault) return;
    xl_put_aside(hv, s, xasprintf("the save is damaged: %s (%s)", fault, why));
    free(fault);
}

char *xl_look_for_saved(struct hv *hv, struct slot *s)
{
    char *path = NULL;
    char *json_path = NULL;
    struct buf json = {0};
    libxl_domain_config config;
    char *wrong = NULL;
    char *unknown = NULL;
    int r;

    if (!s->save_to) return NULL;
    path = saved_path(s->save_to, s->name, "");
    json_path = saved_path(s->save_to, s->name, ".json");
    libxl_domain_config_init(&config);
    if (saved_is_doubtful(s->save_to, s->name)) {
        wrong = xstrdup(
            "it may have resumed from this save before the host went down");
        goto out;
    }
    s->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (s->fd < 0) {
        /* A fresh boot would be wrong: it may come back. */
        if (errno != ENOENT)
            unknown = xasprintf("cannot open the save %s: %s", path,
                                strerror(errno));
        goto out;
    }
    r = read_file(json_path, CONFIG_MAX, &json);
    if (r && r != ENOENT)
        unknown = xasprintf("cannot read %s: %s", json_path, strerror(r));
    else if (r || libxl_domain_config_from_json(hv->ctx, &config, json.s))
        wrong = xstrdup("the save has no configuration");
    else
        wrong = disks_changed(path, &config);
    if (wrong || unknown) {
        xl_close_fd(&s->fd);
        goto out;
    }
    xl_slot_config_dispose(s);
    memcpy(&s->config, &config, sizeof(config)); /* moves it */
    s->has_config = true;
    libxl_domain_config_init(&config);
out:
    if (wrong) xl_put_aside(hv, s, wrong);
    libxl_domain_config_dispose(&config);
    buf_dispose(&json);
    free(path);
    free(json_path);
    return unknown;
}
