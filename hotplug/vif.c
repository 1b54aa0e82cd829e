#include "vif.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "helper.h"
#include "link.h"
#include "util.h"

/* Writes the name that the interface is to have into WANTED, of IFNAMSIZ. */
static int wanted_name(struct vif *v, const char *interface, char *wanted)
{
    const char *suffix = v->tap ? "-emu" : "";
    const char *vifname;
    int rc = device_get(&v->device, KEY_VIFNAME, &vifname);
    int r;

    if (rc) return rc;
    if (!vifname) {
        vifname = interface;
        suffix = "";
    }
    r = snprintf(wanted, IFNAMSIZ, "%s%s", vifname, suffix);
    if (r > 0 && r < IFNAMSIZ) return 0;
    return device_fail(&v->device,
                       "cannot rename %s to %s%s: a name has 1 to %d "
                       "characters; change vifname",
                       interface, vifname, suffix, IFNAMSIZ - 1);
}

static int rename_interface(struct vif *v, const char *interface,
                            const char *wanted)
{
    int r = link_rename(&v->netlink, v->index, wanted);

    /* Taking another guest's interface name would take its traffic. */
    if (r == -EEXIST)
        return device_fail(&v->device,
                           "cannot rename %s to %s: there is an interface of "
                           "that name; change vifname",
                           interface, wanted);
    if (r)
        return device_fail(&v->device, "cannot rename %s to %s: %s", interface,
                           wanted, v->netlink.reason);
    return 0;
}

/* Finds the interface that goes away. It, its keys and all else may be gone,
 * which is no failure. */
static void find_leaving(struct vif *v, const char *interface)
{
    const char *vifname;
    struct link link;

    if (device_get(&v->device, KEY_VIFNAME, &vifname)) vifname = NULL;
    snprintf(v->name, sizeof(v->name), "%s%s", vifname ? vifname : interface,
             vifname && v->tap ? "-emu" : "");
    if (!link_get(&v->netlink, v->name, &link)) v->index = link.index;
}

int vif_open(struct vif *v, const char *interface)
{
    struct link link;
    int rc;
    int r = netlink_open(&v->netlink);

    if (!v->up) {
        if (!r) find_leaving(v, interface);
        return 0;
    }
    if (r)
        return device_fail(&v->device, "cannot open a netlink socket: %s",
                           v->netlink.reason);
    rc = wanted_name(v, interface, v->name);
    if (rc) return rc;
    r = link_get(&v->netlink, interface, &link);
    if (r)
        return device_fail(&v->device, "cannot connect %s: %s", interface,
                           r == -ENODEV ? "there is no such interface"
                                        : v->netlink.reason);
    v->index = link.index;
    if (!strcmp(v->name, interface)) return 0;
    return rename_interface(v, interface, v->name);
}

int vif_guard(struct vif *v, const char *addresses, bool any_link)
{
    char output[HELPER_OUTPUT];
    const char *mac;
    int rc = device_get(&v->device, KEY_MAC, &mac);

    if (rc) return rc;
    if (!mac)
        return device_fail(&v->device,
                           "cannot guard %s: its MAC address is missing",
                           v->name);
    rc = helper_run(
        output, (const char *const[]){"frames_filter", v->name, mac, addresses,
                                      any_link ? "any" : "", NULL});
    if (!rc) return 0;
    return device_fail(&v->device, "cannot guard %s: %s", v->name, output);
}

int vif_limit(struct vif *v)
{
    char output[HELPER_OUTPUT];
    char bytes[32];
    const char *microseconds;
    const char *rate = NULL;
    int rc = v->tap ? device_get(&v->device, KEY_RATE, &rate) : 0;

    if (rc || !rate) return rc;
    /* As libxl writes it: "BYTES,MICROSECONDS". */
    microseconds = strrchr(rate, ',');
    snprintf(bytes, sizeof(bytes), "%.*s",
             (int)(microseconds ? microseconds - rate : (int)strlen(rate)),
             rate);
    rc = helper_run(output, (const char *const[]){
                                "frames_police", v->name, bytes,
                                microseconds ? microseconds + 1 : rate, NULL});
    if (!rc) return 0;
    return device_fail(&v->device, "cannot limit the rate of %s: %s", v->name,
                       output);
}

int vif_connected(struct vif *v, const char *mtu)
{
    const char *frontend = NULL;
    int rc = 0;

    /* libxl waits for the vif's status, not for the emulated card's. */
    if (v->tap) return 0;
    if (mtu) rc = device_get(&v->device, KEY_FRONTEND, &frontend);
    if (!rc && frontend) rc = device_write(&v->device, frontend, "mtu", mtu);
    if (rc) return rc;
    return device_write(&v->device, v->device.path, "hotplug-status",
                        "connected");
}
