/*
 * What happens to a domain that has shut down. It follows xl's handling of
 * on_poweroff, on_reboot, on_crash, on_watchdog and on_soft_reset.
 */
#include "hv/xl/internal.h"

#include <stdlib.h>
#include <string.h>

/* So long an xl that waits for its domain to end has to remove it. */
#define HAND_GRACE ((msec)3 * 1000)

/* Keeps the configuration of the instance for the next one. A name that was
 * changed in between stays ours. */
static void keep_config(struct hv *hv, struct slot *s,
                        libxl_domain_config *config)
{
    char *json;

    free(config->c_info.name);
    config->c_info.name = xstrdup(s->name);
    json = libxl_domain_config_to_json(hv->ctx, config);
    if (!json) return;
    free(s->kept);
    s->kept = json;
}

/* Maps the action that the domain file names to what the state machine has to
 * know, RES, and to what has to be done before the instance is removed. RC:
 * whether its configuration could be read. */
static libxl_action_on_shutdown consider(struct slot *s, unsigned int reason,
                                         const libxl_domain_config *config,
                                         int rc, struct machine_result *res)
{
    libxl_action_on_shutdown action = LIBXL_ACTION_ON_SHUTDOWN_DESTROY;

    switch (reason) {
    case LIBXL_SHUTDOWN_REASON_POWEROFF:
        res->death = MACHINE_POWEROFF;
        if (!rc) action = config->on_poweroff;
        break;
    case LIBXL_SHUTDOWN_REASON_REBOOT:
        res->death = MACHINE_REBOOT;
        action = rc ? LIBXL_ACTION_ON_SHUTDOWN_RESTART : config->on_reboot;
        break;
    case LIBXL_SHUTDOWN_REASON_WATCHDOG:
        res->death = MACHINE_CRASH;
        if (!rc) action = config->on_watchdog;
        break;
    case LIBXL_SHUTDOWN_REASON_SOFT_RESET:
        res->death = MACHINE_REBOOT;
        if (!rc) action = config->on_soft_reset;
        break;
    default:
        res->death = MACHINE_CRASH;
        if (!rc) action = config->on_crash;
        break;
    }
    switch (action) {
    case LIBXL_ACTION_ON_SHUTDOWN_PRESERVE:
        res->keep = true;
        break;
    case LIBXL_ACTION_ON_SHUTDOWN_RESTART_RENAME:
        s->rename = true;
        res->again = true;
        break;
    case LIBXL_ACTION_ON_SHUTDOWN_COREDUMP_RESTART:
        s->dump = true;
        res->again = true;
        break;
    case LIBXL_ACTION_ON_SHUTDOWN_RESTART:
        res->again = true;
        break;
    case LIBXL_ACTION_ON_SHUTDOWN_COREDUMP_DESTROY:
        s->dump = true;
        break;
    default:
        break;
    }
    return action;
}

static void died(struct hv *hv, struct slot *s, unsigned int reason)
{
    struct machine_result res = {.gen = s->gen};
    libxl_action_on_shutdown action;
    libxl_domain_config config;
    int rc;

    s->ended = false;
    libxl_domain_config_init(&config);
    rc = libxl_retrieve_domain_configuration(hv->ctx, s->domid, &config, NULL);
    action = consider(s, reason, &config, rc, &res);
    /* Not while it is being stopped: then it is a death like any other. */
    if (!rc && action == LIBXL_ACTION_ON_SHUTDOWN_SOFT_RESET &&
        s->op == OP_NONE) {
        xl_report(hv, s, MACHINE_EV_RESET, NULL);
        /* Too often: it is on its way out. */
        if (s->op != OP_NONE || s->domid == HV_NO_DOMID) {
            libxl_domain_config_dispose(&config);
            return;
        }
        xl_slot_config_dispose(s);
        memcpy(&s->config, &config, sizeof(config)); /* takes it over */
        s->has_config = true;
        xl_soft_reset(hv, s);
        return;
    }
    if (!rc) keep_config(hv, s, &config);
    libxl_domain_config_dispose(&config);
    hv->cb.result(hv->cb.user, s->dom, MACHINE_EV_DIED, &res);
}

/* Sets the timer to the first end that is still to be told. */
static void set_deaths(struct hv *hv)
{
    msec first = MSEC_NEVER;
    unsigned int i;

    for (i = 0; i < hv->n_slots; i++) {
        const struct slot *s = hv->slots[i];

        if (s && s->ended && s->tell_at < first) first = s->tell_at;
    }
    loop_at(hv->deaths, first);
}

static void tell_later(struct hv *hv, struct slot *s,
                       libxl_shutdown_reason reason, msec delay)
{
    s->ended = true;
    s->reason = reason;
    s->tell_at = loop_now() + delay;
    set_deaths(hv);
}

void xl_tell_ends(void *user)
{
    struct hv *hv = user;
    msec now = loop_now();
    unsigned int i;

    for (i = 0; i < hv->n_slots; i++) {
        struct slot *s = hv->slots[i];

        if (!s || !s->ended || s->tell_at > now) continue;
        s->ended = false;
        /* It may be on its way out by now. */
        if (s->op == OP_DESTROY || s->op == OP_DUMP) continue;
        if (s->by_hand)
            xl_report_died(hv, s, MACHINE_POWEROFF);
        else
            died(hv, s, s->reason);
    }
    set_deaths(hv);
}

/* An earlier domd may have ended while the dead instance was about to be
 * renamed, or written to a disk: then it must not just be destroyed. */
static void settle_dead(struct hv *hv, struct slot *s,
                        libxl_shutdown_reason reason)
{
    struct machine_result unused = {0};
    libxl_domain_config config;
    int rc;

    libxl_domain_config_init(&config);
    rc = libxl_retrieve_domain_configuration(hv->ctx, s->domid, &config, NULL);
    (void)consider(s, reason, &config, rc, &unused);
    libxl_domain_config_dispose(&config);
}

/* libxl looks for those that have ended already when the first of all their
 * events is asked for, and next when another domain ends. It may look while it
 * waits for something on behalf of the first, and so misses the others that
 * are adopted: these are told of from here. */
bool xl_look_for_end(struct hv *hv, struct slot *s)
{
    libxl_dominfo info;
    bool there;

    libxl_dominfo_init(&info);
    there = xl_look_at(hv, s->domid, &info);
    if (there && !s->by_hand && xl_has_ended(&info)) {
        tell_later(hv, s, info.shutdown_reason, 0);
        if (!info.dying) settle_dead(hv, s, info.shutdown_reason);
    }
    libxl_dominfo_dispose(&info);
    return there;
}

/* One that somebody else has started is his to remove. When the host goes down
 * it has to go; if no xl waits for its end, nobody else removes it. */
void xl_shut_down(struct hv *hv, struct slot *s, libxl_shutdown_reason reason)
{
    /* That was told of already. */
    if (s->op == OP_DESTROY || s->op == OP_DUMP || xl_is_resetting(s)) return;
    if (!s->by_hand)
        died(hv, s, reason);
    else if (s->asked)
        tell_later(hv, s, reason, HAND_GRACE);
}
