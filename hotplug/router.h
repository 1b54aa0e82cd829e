/* What vif-route and vif-nat share: dom0 as the router of a guest. */
#ifndef HOTPLUG_ROUTER_H
#define HOTPLUG_ROUTER_H

#include "address.h"
#include "vif.h"

/* Each reports its failure. */

/* Gives the interface dom0's address OWN, and starts it. */
int router_start(struct vif *v, const struct prefix *own);

/* Routes TO to the interface, from dom0's address OWN (NULL: any). */
int router_route(struct vif *v, const struct prefix *to,
                 const struct prefix *own);

/* Enables a setting of the kernel below /proc/sys/net. The words are joined:
 * FAMILY/conf/INTERFACE/SETTING, or FAMILY/SETTING if INTERFACE is NULL. */
int router_allow(struct vif *v, const char *family, const char *interface,
                 const char *setting);

#endif
