/*
 * A guest's network card. It has two interfaces in dom0: the vif and, for an
 * HVM guest with an emulated card, QEMU's tap. libxl calls a script for each.
 */
#ifndef HOTPLUG_VIF_H
#define HOTPLUG_VIF_H

#include <net/if.h>
#include <stdbool.h>

#include "device.h"
#include "netlink.h"

struct vif {
    struct device device;
    struct netlink netlink;
    bool up;             /* connect it, or take it away */
    bool tap;            /* the emulated card's interface */
    bool guarded;        /* against spoofing, whatever its bridge does */
    char name[IFNAMSIZ]; /* of the interface, after vifname */
    int index;           /* of the interface; 0: it is gone */
};

/* Finds the interface INTERFACE of *V, whose device, up and tap are set, and
 * renames it to its vifname if it comes up. netlink is open afterwards, also
 * after a failure. */
int vif_open(struct vif *v, const char *interface);

/* Drops what the guest sends from other addresses than ADDRESSES (IPv4 or
 * IPv6, with or without a prefix length, separated by blanks; none: only its
 * MAC address counts). With ANY_LINK it may have every link-local address. */
int vif_guard(struct vif *v, const char *addresses, bool any_link);

/* Applies `rate` to an emulated card. The back end of a vif does so itself. */
int vif_limit(struct vif *v);

/* Reports the device as ready. MTU, unless it is NULL, is for its front end.
 */
int vif_connected(struct vif *v, const char *mtu);

/* The scripts. Each connects *V or takes it away. */
int vif_bridge(struct vif *v);
int vif_route(struct vif *v);
int vif_nat(struct vif *v);

#endif
