/*
 * Network interfaces of dom0. All functions return 0 or a negative errno, with
 * the reason in nl->reason.
 */
#ifndef HOTPLUG_LINK_H
#define HOTPLUG_LINK_H

#include <stdbool.h>

#include "netlink.h"
#include "vlan.h"

struct link {
    int index;
    unsigned int mtu;
    bool is_bridge;
    bool filters_vlans;        /* of a bridge */
    unsigned int default_vlan; /* of a bridge's ports; 0: none */
};

/* Looks up an interface by its name; an alternative name does not count. */
int link_get(struct netlink *nl, const char *name, struct link *link);

int link_rename(struct netlink *nl, int index, const char *name);

/* Makes an interface a port of the bridge MASTER, with the highest unicast MAC
 * address. */
int link_join(struct netlink *nl, int index, int master);

/* As link_join, and starts the interface. MTU is in bytes, 0 leaves it. */
int link_join_up(struct netlink *nl, int index, int master, unsigned int mtu);

int link_up(struct netlink *nl, int index);

/* Stops the interface; with LEAVE it also leaves its bridge. */
int link_down(struct netlink *nl, int index, bool leave);

/* Adds a port to VLANs, or removes it from them. */
int link_add_vlans(struct netlink *nl, int index, const struct vlans *vlans);
int link_remove_vlan(struct netlink *nl, int index, unsigned int vlan);

#endif
