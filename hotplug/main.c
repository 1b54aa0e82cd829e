/*
 * The scripts for guests' network cards and disks in /etc/xen/scripts, which
 * are links to this program. libxl calls one with an action (and type_if= for
 * a card), and XENBUS_PATH and the interface in the environment, waits up to
 * 40 s, and shows hotplug-error to the user on failure. Dozens of these run at
 * once when a host boots, so a card on a bridge, or a disk, costs this process
 * alone and a handful of requests to xenstored.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "block.h"
#include "util.h"
#include "vif.h"

static const struct script {
    const char *name;
    int (*vif)(struct vif *v);
    int (*disk)(struct device *d, char *const *words);
    bool guarded;
} scripts[] = {
    {"vif-bridge", .vif = vif_bridge},
    {"vif-antispoof", .vif = vif_bridge, .guarded = true},
    {"vif-route", .vif = vif_route},
    {"vif-nat", .vif = vif_nat},
    {"block", .disk = block},
    {"block-qemu", .disk = block_qemu},
    {"block-use", .disk = block_use},
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
static int run_vif(struct vif *v, const struct script *script)
{
    const char *variable = v->tap ? "INTERFACE" : "vif";
    const char *interface = getenv(variable);
    int rc;

    if (!interface || !*interface)
        return device_fail(&v->device, "%s: libxl has not set %s",
                           script->name, variable);
    rc = vif_open(v, interface);
    if (!rc) rc = script->vif(v);
    netlink_close(&v->netlink);
    return rc;
}

/* Connects a card or takes it away. */
static int connect_card(const struct script *script, const char *path,
                        char **argv)
{
    struct vif v = {.guarded = script->guarded};
    const char *action;
    const char *kind;
    size_t i;
    int rc;

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
        rc = run_vif(&v, script);
    } else {
        rc = device_fail(&v.device,
                         "%s: unknown action '%s' for an interface of type "
                         "'%s'",
                         script->name, action, kind);
    }
    device_close(&v.device);
    return rc;
}

static int attach_disk(const struct script *script, const char *path,
                       char **argv)
{
    struct device d;
    int rc;

    device_open(&d, path);
    rc = script->disk(&d, argv + 1);
    device_close(&d);
    return rc;
}

int main(int argc, char **argv)
{
    const char *path = getenv("XENBUS_PATH");
    const struct script *script = NULL;
    int rc;

    if (argc > 0) script = find_script(argv[0]);
    if (!script || !path || !*path) {
        fputs("usage: vif-bridge|vif-antispoof|vif-route|vif-nat "
              "online|offline|add|remove [type_if=vif|tap]\n"
              "       block|block-qemu add|remove\n"
              "       block-use check MODE DISK NUMBERS|note DISK NUMBER\n"
              "libxl calls these with XENBUS_PATH in the environment.\n",
              stderr);
        return 2;
    }
    openlog(script->name, 0, LOG_DAEMON);
    if (script->disk)
        rc = attach_disk(script, path, argv);
    else
        rc = connect_card(script, path, argv);
    return rc ? 1 : 0;
}
