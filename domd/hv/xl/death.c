/*
 * Handles a domain that has shut down, as xl handles on_poweroff, on_reboot,
 * on_crash, on_watchdog and on_soft_reset.
 */
#include "hv/xl/internal.h"

#include <stdlib.h>
#include <string.h>

/* Grace period in which a waiting xl may remove its domain. */
#define HAND_GRACE ((msec)3 * 1000)

/* Keeps the configuration for the next instance, under our name even if the
 * domain was renamed. */
static void keep_config(struct hv *hv, struct slot *s,
                        libxl_domain_config *config)
{
    free(config->c_info.name);
    config->c_info.name = xstrdup(s->name);
    s->kept = libxl_domain_config_to_json(hv->ctx, config);
}

/* Maps the instance's action to RES, for the state machine, and to work due
 * before the removal. */
static libxl_action_on_shutdown map_action(struct slot *s, unsigned int reason,
                                           struct machine_result *res)
{
    const struct actions *on = &s->actions;
    libxl_action_on_shutdown action = LIBXL_ACTION_ON_SHUTDOWN_DESTROY;

    switch (reason) {
    case LIBXL_SHUTDOWN_REASON_POWEROFF:
        res->death = MACHINE_POWEROFF;
        if (on->known) action = on->poweroff;
        break;
    case LIBXL_SHUTDOWN_REASON_REBOOT:
        res->death = MACHINE_REBOOT;
        action = on->known ? on->reboot : LIBXL_ACTION_ON_SHUTDOWN_RESTART;
        break;
    case LIBXL_SHUTDOWN_REASON_WATCHDOG:
        res->death = MACHINE_CRASH;
        if (on->known) action = on->watchdog;
        break;
    case LIBXL_SHUTDOWN_REASON_SOFT_RESET:
        res->death = MACHINE_REBOOT;
        if (on->known) action = on->soft_reset;
        break;
    default:
        res->death = MACHINE_CRASH;
        if (on->known) action = on->crash;
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

/* Whether its configuration has to be read: the next instance gets it, with
 * the devices that were attached meanwhile. After a requested shutdown the
 * next one is made from the file. */
static bool needs_config(const struct slot *s, unsigned int reason)
{
    return !s->asked || !s->actions.known ||
           reason == LIBXL_SHUTDOWN_REASON_SOFT_RESET;
}

static void handle_death(struct hv *hv, struct slot *s, unsigned int reason)
{
    struct machine_result res = {.gen = s->gen};
    libxl_action_on_shutdown action;
    libxl_domain_config config;
    bool has_config = false;

    s->ended = false;
    libxl_domain_config_init(&config);
    if (needs_config(s, reason))
        has_config = !libxl_retrieve_domain_configuration(hv->ctx, s->domid,
                                                          &config, NULL);
    if (has_config) xl_slot_actions(s, &config);
    action = map_action(s, reason, &res);
    /* No reset during a stop: that is a death like any other. */
    if (has_config && action == LIBXL_ACTION_ON_SHUTDOWN_SOFT_RESET &&
        s->op == OP_NONE) {
        xl_report(hv, s, MACHINE_EV_RESET, NULL);
        /* After too many resets it is removed. */
        if (s->op != OP_NONE || s->domid == HV_NO_DOMID) {
            libxl_domain_config_dispose(&config);
            return;
        }
        xl_slot_config_dispose(s);
        memcpy(&s->config, &config, sizeof(config)); /* moves it */
        s->has_config = true;
        xl_soft_reset(hv, s);
        return;
    }
    free(s->kept);
    s->kept = NULL;
    if (has_config) keep_config(hv, s, &config);
    libxl_domain_config_dispose(&config);
    hv->cb.result(hv->cb.user, s->dom, MACHINE_EV_DIED, &res);
}

/* Sets the timer to the earliest unreported death. */
static void set_death_timer(struct hv *hv)
{
    msec first = MSEC_NEVER;
    unsigned int i;

    for (i = 0; i < hv->n_slots; i++) {
        const struct slot *s = hv->slots[i];

        if (s && s->ended && s->tell_at < first) first = s->tell_at;
    }
    loop_at(hv->deaths, first);
}

static void report_death_later(struct hv *hv, struct slot *s,
                               libxl_shutdown_reason reason, msec delay)
{
    s->ended = true;
    s->reason = reason;
    s->tell_at = loop_now() + delay;
    set_death_timer(hv);
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
        /* Its removal may have begun. */
        if (s->op == OP_DESTROY || s->op == OP_DUMP) continue;
        if (s->by_hand)
            xl_report_died(hv, s, MACHINE_POWEROFF);
        else
            handle_death(hv, s, s->reason);
    }
    set_death_timer(hv);
}

/* libxl reports existing deaths when the first event is requested, and next
 * when another domain dies. It may do so while it waits on behalf of the first
 * domain, and miss others adopted later: report them here. */
bool xl_look_for_end(struct hv *hv, struct slot *s)
{
    struct machine_result unused = {0};
    libxl_dominfo info;
    bool there;

    libxl_dominfo_init(&info);
    there = xl_look_at(hv, s->domid, &info);
    if (there && !s->by_hand && xl_has_ended(&info)) {
        report_death_later(hv, s, info.shutdown_reason, 0);
        /* An earlier domd may have ended before it renamed or dumped the dead
         * instance: that is still due before the destroy. */
        if (!info.dying) (void)map_action(s, info.shutdown_reason, &unused);
    }
    libxl_dominfo_dispose(&info);
    return there;
}

/* A domain started by hand is its owner's to remove. At host shutdown it has
 * to go; if no xl waits for its end, domd removes it. */
void xl_shut_down(struct hv *hv, struct slot *s, libxl_shutdown_reason reason)
{
    /* This death was reported. */
    if (s->op == OP_DESTROY || s->op == OP_DUMP || xl_is_resetting(s)) return;
    if (!s->by_hand)
        handle_death(hv, s, reason);
    else if (s->asked)
        report_death_later(hv, s, reason, HAND_GRACE);
}
