/*
 * The scripts for guests' network cards in /etc/xen/scripts, which are links
 * to this program. libxl calls one with an action and type_if=, and
 * XENBUS_PATH and the interface in the environment, waits up to 40 s, and
 * shows hotplug-error to the user on failure. Dozens of these run at once when
 * a host boots, so a card on a bridge costs this process alone and a handful
 * of requests to xenstored.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "util.h"
#include "vif.h"

static const struct script {
    const char *name;
    bool guarded;
    int (*run)(struct vif *v);
} scripts[] = {
    {"vif-bridge", false, vif_bridge},
    {"vif-antispoof", true, vif_bridge},
    {"vif-route", false, vif_route},
    {"vif-nat", false, vif_nat},
};

/* The script of that path, by which the program was called. */
static const struct script *find_script(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    size_t i;

    for (i = 0; i < ARRAY_SIZE(scripts); i++)
        if (!strcmp(name, scripts[i].name)) return &scripts[i];
    return NULL;
}

/* The arguments: an action and type_if=KIND, others are for other scripts. */
static void read_arguments(char **argv, const char **action, const char **kind)
{
    static const char type[] = "type_if=";

    *action = "";
    *kind = "vif";
    for (argv++; *argv; argv++)
        if (!strncmp(*argv, type, strlen(type)))
            *kind = *argv + strlen(type);
        else if (!strchr(*argv, '='))
            *action = *argv;
}

/* What is to be done for an action. Either interface has actions that are for
 * the other one. */
static const struct {
    const char *kind;
    const char *action;
    bool ignore;
    bool tap;
    bool up;
} actions[] = {
    {.kind = "vif", .action = "online", .up = true},
    {.kind = "vif", .action = "offline"},
    {.kind = "vif", .action = "add", .ignore = true},
    {.kind = "vif", .action = "remove", .ignore = true},
    {.kind = "tap", .action = "add", .tap = true, .up = true},
    {.kind = "tap", .action = "remove", .tap = true},
    {.kind = "tap", .action = "online", .ignore = true},
    {.kind = "tap", .action = "offline", .ignore = true},
};

/* Runs SCRIPT for the card whose device is open. */
static int run(struct vif *v, const struct script *script)
{
    const char *variable = v->tap ? "INTERFACE" : "vif";
    const char *interface = getenv(variable);
    int rc;

    if (!interface || !*interface)
        return device_fail(&v->device, "%s: libxl has not set %s",
                           script->name, variable);
    rc = vif_open(v, interface);
    if (!rc) rc = script->run(v);
    netlink_close(&v->netlink);
    return rc;
}

int main(int argc, char **argv)
{
    const char *path = getenv("XENBUS_PATH");
    const struct script *script = NULL;
    struct vif v = {.up = false};
    const char *action;
    const char *kind;
    size_t i;
    int rc = 0;

    if (argc > 0) script = find_script(argv[0]);
    if (!script || !path || !*path) {
        fputs("usage: vif-bridge|vif-antispoof|vif-route|vif-nat "
              "online|offline|add|remove [type_if=vif|tap]\n"
              "libxl calls these with XENBUS_PATH in the environment.\n",
              stderr);
        return 2;
    }
    openlog(script->name, 0, LOG_DAEMON);
    read_arguments(argv, &action, &kind);
    for (i = 0; i < ARRAY_SIZE(actions); i++)
        if (!strcmp(kind, actions[i].kind) &&
            !strcmp(action, actions[i].action))
            break;
    if (i < ARRAY_SIZE(actions) && actions[i].ignore) return 0;
    device_open(&v.device, path);
    if (i < ARRAY_SIZE(actions)) {
        v.up = actions[i].up;
        v.tap = actions[i].tap;
        v.guarded = script->guarded;
        rc = run(&v, script);
    } else {
        rc = device_fail(&v.device,
                         "%s: unknown action '%s' for an interface of type "
                         "'%s'",
                         script->name, action, kind);
    }
    device_close(&v.device);
    return rc ? 1 : 0;
}
