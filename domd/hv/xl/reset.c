/* The soft reset of an instance: it goes on with another kernel. */
#include "hv/xl/internal.h"

bool hvx_is_resetting(const struct slot *s)
{
    return s->op == OP_RESET || (s->op == OP_UNPAUSE && s->was_reset);
}

void hvx_soft_reset(struct hv *hv, struct slot *s)
{
    int rc;

    hvx_begin_op(hv, s, OP_RESET);
    rc = libxl_domain_soft_reset(hv->ctx, &s->config, s->domid, &s->how, NULL);
    if (!rc) return;
    s->op = OP_NONE;
    hvx_report_died(hv, s, MC_CRASH);
}

void hvx_reset_done(struct hv *hv, struct slot *s, int rc)
{
    enum op then = s->then;

    s->op = s->then = OP_NONE;
    s->was_reset = false;
    hvx_slot_config_dispose(s);
    if (!hvx_exists(hv, s->domid))
        hvx_report_gone(hv, s);
    else if (then == OP_DESTROY)
        hvx_destroy(hv, s);
    else if (rc)
        hvx_report_died(hv, s, MC_CRASH);
    else if (then == OP_SHUTDOWN)
        hv_shutdown(hv, s->dom, s->gen);
}

void hvx_reset(struct hv *hv, struct slot *s, int rc)
{
    hvx_slot_watch_off(hv, s);
    if (!rc) {
        hvx_begin_op(hv, s, OP_UNPAUSE);
        s->was_reset = true;
        rc = libxl_domain_unpause(hv->ctx, s->domid, &s->how);
    }
    if (rc) hvx_reset_done(hv, s, rc);
}
