/* Soft reset: the instance goes on with another kernel. */
#include "hv/xl/internal.h"

bool xl_is_resetting(const struct slot *s)
{
    return s->op == OP_RESET || (s->op == OP_UNPAUSE && s->was_reset);
}

void xl_soft_reset(struct hv *hv, struct slot *s)
{
    int rc;

    xl_begin_op(hv, s, OP_RESET);
    rc = libxl_domain_soft_reset(hv->ctx, &s->config, s->domid, &s->how, NULL);
    if (!rc) return;
    s->op = OP_NONE;
    xl_report_died(hv, s, MACHINE_CRASH);
}

void xl_reset_done(struct hv *hv, struct slot *s, int rc)
{
    enum op then = s->then;

    s->op = s->then = OP_NONE;
    s->was_reset = false;
    xl_slot_config_dispose(s);
    if (!xl_exists(hv, s->domid))
        xl_report_gone(hv, s);
    else if (then == OP_DESTROY)
        xl_destroy(hv, s);
    else if (rc)
        xl_report_died(hv, s, MACHINE_CRASH);
    else if (then == OP_SHUTDOWN)
        hv_shutdown(hv, s->dom, s->gen);
}

void xl_reset(struct hv *hv, struct slot *s, int rc)
{
    xl_slot_watch_off(hv, s);
    if (!rc) {
        xl_begin_op(hv, s, OP_UNPAUSE);
        s->was_reset = true;
        rc = libxl_domain_unpause(hv->ctx, s->domid, &s->how);
    }
    if (rc) xl_reset_done(hv, s, rc);
}
