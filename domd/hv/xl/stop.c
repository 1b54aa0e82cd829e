/*
 * Ends an instance: by a shutdown, by setting it aside under another name, or
 * by destroying it.
 */
#include "hv/xl/internal.h"

#include <time.h>

/* The shutdown request has ended with RC. */
void xl_shutdown_asked(struct hv *hv, struct slot *s, int rc)
{
    s->op = OP_NONE;
    /* A guest without PV drivers has a power button. */
    if (rc == ERROR_NOPARAVIRT)
        rc = libxl_send_trigger(hv->ctx, s->domid, LIBXL_TRIGGER_POWER, 0,
                                NULL);
    /* libxl waits 60 s for the guest to read the request. A guest that has not
     * may still boot; libxl does not set its time limit. */
    if (rc == ERROR_TIMEDOUT) return;
    if (rc) xl_report(hv, s, MACHINE_EV_SHUTDOWN_FAILED, xl_why(hv, s, rc));
}

void hv_shutdown(struct hv *hv, unsigned int dom, unsigned int gen)
{
    struct slot *s = xl_slot_get(hv, dom);
    libxl_dominfo info;
    bool dead;
    int rc;

    (void)gen;
    if (xl_is_resetting(s)) {
        s->then = OP_SHUTDOWN;
        return;
    }
    /* A dead domain does not end again: one kept by somebody else, or ours
     * that died during its save. */
    libxl_dominfo_init(&info);
    dead =
        xl_look_at(hv, s->domid, &info) && (info.dying || xl_has_ended(&info));
    libxl_dominfo_dispose(&info);
    if (dead) {
        xl_report_died(hv, s, MACHINE_POWEROFF);
        return;
    }
    s->asked = true;
    xl_begin_op(hv, s, OP_SHUTDOWN);
    rc = libxl_domain_shutdown(hv->ctx, s->domid, &s->how);
    if (rc) xl_shutdown_asked(hv, s, rc);
}

/* Renames the dead instance and leaves it there; from now on it is somebody
 * else's. */
static bool set_aside(struct hv *hv, struct slot *s)
{
    libxl_domain_config config;
    libxl_uuid uuid;
    char suffix[32];
    time_t now = time(NULL);
    struct tm tm;
    int rc;

    if (!gmtime_r(&now, &tm)) return false;
    if (!strftime(suffix, sizeof(suffix), "-%Y%m%dT%H%M%SZ", &tm))
        return false;
    libxl_uuid_generate(&uuid);
    libxl_domain_config_init(&config);
    rc = libxl_retrieve_domain_configuration(hv->ctx, s->domid, &config, NULL);
    if (!rc)
        rc = libxl_domain_preserve(hv->ctx, s->domid, &config.c_info, suffix,
                                   uuid);
    libxl_domain_config_dispose(&config);
    return !rc;
}

void xl_destroy(struct hv *hv, struct slot *s)
{
    int rc;

    xl_begin_op(hv, s, OP_DESTROY);
    rc = libxl_domain_destroy(hv->ctx, s->domid, &s->how);
    if (!rc) return;
    s->op = OP_NONE;
    xl_report(hv, s, MACHINE_EV_DESTROY_FAILED, xl_why(hv, s, rc));
}

void hv_destroy(struct hv *hv, unsigned int dom, unsigned int gen)
{
    struct slot *s = xl_slot_get(hv, dom);

    (void)gen;
    if (s->domid == HV_NO_DOMID) {
        xl_report_gone(hv, s);
        return;
    }
    if (xl_is_resetting(s)) {
        s->then = OP_DESTROY;
        (void)libxl_ao_abort(hv->ctx, &s->how);
        return;
    }
    if (s->rename && set_aside(hv, s)) {
        xl_report_gone(hv, s);
        /* No domain has vanished, but one is not ours any more. */
        hv->cb.list_changed(hv->cb.user);
        return;
    }
    if (s->dump && xl_dump(hv, s)) return;
    xl_destroy(hv, s);
}

void xl_destroyed(struct hv *hv, struct slot *s, int rc)
{
    s->op = OP_NONE;
    if (rc && xl_exists(hv, s->domid))
        xl_report(hv, s, MACHINE_EV_DESTROY_FAILED, xl_why(hv, s, rc));
    else
        xl_report_gone(hv, s);
}
