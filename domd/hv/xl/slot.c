/* Slots: the state of an instance, and its reports. */
#include "hv/xl/internal.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct slot *xl_slot_get(struct hv *hv, unsigned int dom)
{
    struct slot *s;

    if (dom >= hv->n_slots) {
        hv->slots = xrealloc(hv->slots, dom + 1, sizeof(struct slot *));
        while (hv->n_slots <= dom)
            hv->slots[hv->n_slots++] = NULL;
    }
    if (hv->slots[dom]) return hv->slots[dom];
    s = xcalloc(1, sizeof(*s));
    s->hv = hv;
    s->dom = dom;
    s->domid = HV_NO_DOMID;
    s->guess = HV_NO_DOMID;
    s->fd = -1;
    hv->slots[dom] = s;
    return s;
}

void xl_set_save_to(struct slot *s, const char *dir)
{
    free(s->save_to);
    s->save_to = dir ? xstrdup(dir) : NULL;
}

void xl_slot_actions(struct slot *s, const libxl_domain_config *config)
{
    s->actions = (struct actions){
        .known = true,
        .poweroff = config->on_poweroff,
        .reboot = config->on_reboot,
        .watchdog = config->on_watchdog,
        .crash = config->on_crash,
        .soft_reset = config->on_soft_reset,
    };
}

void xl_slot_config_dispose(struct slot *s)
{
    if (s->has_config) libxl_domain_config_dispose(&s->config);
    s->has_config = false;
}

void xl_close_fd(int *fd)
{
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

void xl_slot_clear(struct hv *hv, struct slot *s)
{
    xl_slot_watch_off(hv, s);
    xl_slot_config_dispose(s);
    xl_close_fd(&s->fd);
    s->domid = HV_NO_DOMID;
    s->guess = HV_NO_DOMID;
    s->uuid[0] = '\0';
    s->dump = s->rename = s->by_hand = s->aborted = s->was_reset = false;
    s->taken = s->ahead = s->cut_off = s->asked = s->ended = false;
    s->actions.known = false;
    s->op = s->then = OP_NONE;
}

void xl_begin_op(struct hv *hv, struct slot *s, enum op op)
{
    s->op = op;
    s->op_id = ++hv->next_op;
    s->first_error = hv->n_errors;
    /* Creation and unpause are one request. */
    if (op != OP_UNPAUSE) s->op_began = time(NULL);
    memset(&s->how, 0, sizeof(s->how));
    s->how.u.for_event = s->op_id;
}

void xl_report(struct hv *hv, const struct slot *s, enum machine_event event,
               const char *text)
{
    struct machine_result res = {
        .gen = s->gen, .death = MACHINE_VANISHED, .why = text};

    hv->cb.result(hv->cb.user, s->dom, event, &res);
}

void xl_report_gone(struct hv *hv, struct slot *s)
{
    xl_slot_clear(hv, s);
    xl_report(hv, s, MACHINE_EV_GONE, NULL);
}

void xl_report_died(struct hv *hv, const struct slot *s,
                    enum machine_death death)
{
    struct machine_result res = {.gen = s->gen, .death = death};

    hv->cb.result(hv->cb.user, s->dom, MACHINE_EV_DIED, &res);
}
