/* Watches the device model of an instance. */
#include "hv/xl/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hv/xl/dmlog.h"
#include "hv/xl/dmwatch.h"

/* The PID that libxl recorded; 0: none in dom0. */
static pid_t device_model_pid(struct hv *hv, uint32_t domid)
{
    char *text = xl_in_store(hv, domid, "image/device-model-pid");
    long pid = 0;

    if (text && !parse_long(text, 1, INT32_MAX, &pid)) pid = 0;
    free(text);
    return (pid_t)pid;
}

/* Whether the domain lives on without its device model. libxl removes this
 * node before it ends the device model of a domain that it destroys. */
static bool domain_goes_on(struct hv *hv, const struct slot *s)
{
    char *path = xasprintf("device-model/%u", (unsigned int)s->domid);
    char *node = xl_in_store(hv, 0, path);
    libxl_dominfo info;
    bool on;

    libxl_dominfo_init(&info);
    on = node && xl_look_at(hv, s->domid, &info) && !info.dying &&
         !xl_has_ended(&info);
    libxl_dominfo_dispose(&info);
    free(node);
    free(path);
    return on;
}

static void device_model_ended(void *user)
{
    struct slot *s = user;
    struct hv *hv = s->hv;
    char *words;

    if (s->op == OP_DESTROY || s->op == OP_CLEANUP || !domain_goes_on(hv, s))
        return;
    /* A reset starts a new one. */
    if (device_model_pid(hv, s->domid) != s->dm_pid) {
        xl_device_model_on(hv, s);
        return;
    }
    words = dmlog_last_words(hv->dm_log_dir, s->name);
    xl_report(hv, s, MACHINE_EV_DM_ENDED, words);
    free(words);
}

void xl_device_model_says(struct hv *hv, const struct slot *s)
{
    char *complaint = dmlog_complaint(hv->dm_log_dir, s->name, s->op_began);

    if (complaint) xl_report(hv, s, MACHINE_EV_DM_SAYS, complaint);
    free(complaint);
}

void hv_look_late(struct hv *hv, unsigned int dom)
{
    const struct slot *s = xl_slot_get(hv, dom);

    if (s->op == OP_NONE && s->domid != HV_NO_DOMID && !s->by_hand)
        xl_device_model_says(hv, s);
}

void xl_device_model_on(struct hv *hv, struct slot *s)
{
    char *line;

    dmwatch_free(s->dm);
    s->dm = NULL;
    s->dm_pid = device_model_pid(hv, s->domid);
    if (!s->dm_pid) return;
    s->dm = dmwatch_new(hv->loop, s->dm_pid, s->domid, device_model_ended, s);
    if (s->dm) return;
    line = xasprintf("%s: cannot watch its device model: %s", s->name,
                     strerror(errno));
    hv->cb.log(hv->cb.user, line);
    free(line);
}
