/*
 * vif-route: routes a guest's addresses to its interface, without a bridge.
 * dom0 does proxy ARP and NDP for the guest on the wired side, and proxy ARP
 * for the network on the guest's. A guest's IPv6 gateway is fe80::1. What the
 * guest sends from another address is dropped.
 *
 * Keys: ip (required: addresses or networks, separated by blanks), mac, rate,
 * vifname. Environment: netdev (from gatewaydev=; default: that of the default
 * route).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "link.h"
#include "router.h"
#include "util.h"

/* The wired interface. */
struct wired {
    char name[IFNAMSIZ];
    int index;         /* 0: there is none of that name */
    struct prefix own; /* dom0's address there */
};

/* Returns 0, or ERROR_FAIL if there is no default route; reports nothing. */
static int find_wired(struct vif *v, struct wired *wired)
{
    const char *netdev = getenv("netdev");
    struct link link;
    int r;

    *wired = (struct wired){0};
    if (netdev && *netdev) {
        r = snprintf(wired->name, sizeof(wired->name), "%s", netdev);
        /* No interface has so long a name. */
        if (r >= IFNAMSIZ) return 0;
    } else if (route_default(wired->name)) {
        return ERROR_FAIL;
    }
    if (!link_get(&v->netlink, wired->name, &link)) wired->index = link.index;
    return 0;
}

static bool is_guests(const struct prefix *prefix)
{
    return prefix->family == AF_INET6 && !prefix->network;
}

/* The kernel drops the routes of an interface that stops, but no proxy entry.
 * An HVM guest's emulated card goes first. */
static int disconnect(struct vif *v)
{
    struct wired wired;
    const char *addresses;
    const char *word;
    struct prefix prefix;
    size_t len;
    int r = 0;

    if (device_get(&v->device, KEY_IP, &addresses)) addresses = NULL;
    if (!v->tap && addresses && !find_wired(v, &wired))
        while ((r = prefix_next(&addresses, &prefix, &word, &len)))
            if (r > 0 && is_guests(&prefix))
                neighbour_proxy(&v->netlink, wired.index, &prefix, false);
    if (v->index) link_down(&v->netlink, v->index, false);
    return 0;
}

/* Finds what the domain file and the host say. */
static int prepare(struct vif *v, const char **addresses, struct wired *wired)
{
    struct device *d = &v->device;
    int rc = device_get(d, KEY_IP, addresses);

    if (rc) return rc;
    if (!*addresses)
        return device_fail(d,
                           "cannot route %s: its address is missing; add ip= "
                           "to its vif in the domain file",
                           v->name);
    if (find_wired(v, wired))
        return device_fail(d,
                           "cannot route %s: there is no default route; name "
                           "the wired interface with gatewaydev=",
                           v->name);
    if (!wired->index || address_get(wired->name, &wired->own))
        return device_fail(d, "cannot route %s: %s has no IPv4 address",
                           v->name, wired->name);
    return 0;
}

/* Routes one of the guest's addresses or networks to it. */
static int add_route(struct vif *v, const struct prefix *prefix,
                     const struct wired *wired)
{
    int rc = router_route(v, prefix,
                          prefix->family == AF_INET ? &wired->own : NULL);
    int r;

    /* The kernel answers for single addresses; a network is routed to the
     * host. */
    if (rc || !is_guests(prefix)) return rc;
    r = neighbour_proxy(&v->netlink, wired->index, prefix, true);
    if (!r) return 0;
    return device_fail(&v->device,
                       "cannot answer for the addresses of %s on %s: %s",
                       v->name, wired->name, v->netlink.reason);
}

static int add_routes(struct vif *v, const char *addresses,
                      const struct wired *wired)
{
    struct prefix prefix;
    const char *word;
    size_t len;
    int rc = 0;
    int r;

    while ((r = prefix_next(&addresses, &prefix, &word, &len)) > 0 && !rc)
        rc = add_route(v, &prefix, wired);
    if (rc || !r) return rc;
    return device_fail(&v->device,
                       "cannot route %s: \"%.*s\" is not an IPv4 or IPv6 "
                       "address",
                       v->name, (int)len, word);
}

/* Makes dom0 a router for IPv6, and gives it the address of the guest's
 * gateway. */
static int prepare_ipv6(struct vif *v, const struct wired *wired)
{
    static const struct prefix gateway = {
        .family = AF_INET6, .bytes = {0xfe, 0x80, [15] = 1}, .bits = 64};
    int rc = router_allow(v, "ipv6", "all", "forwarding");
    int r;

    if (!rc) rc = router_allow(v, "ipv6", wired->name, "proxy_ndp");
    if (rc) return rc;
    r = address_add(&v->netlink, v->index, &gateway);
    if (!r) return 0;
    return device_fail(&v->device, "cannot give %s the address fe80::1: %s",
                       v->name, v->netlink.reason);
}

int vif_route(struct vif *v)
{
    const char *addresses;
    struct wired wired;
    int rc;

    if (!v->up) return disconnect(v);
    rc = prepare(v, &addresses, &wired);
    if (!rc) rc = vif_guard(v, addresses, true);
    if (!rc) rc = vif_limit(v);
    if (!rc) rc = router_start(v, &wired.own);
    if (!rc) rc = router_allow(v, "ipv4", v->name, "proxy_arp");
    if (!rc) rc = router_allow(v, "ipv4", wired.name, "proxy_arp");
    if (!rc) rc = router_allow(v, "ipv4", NULL, "ip_forward");
    if (!rc && strchr(addresses, ':')) rc = prepare_ipv6(v, &wired);
    if (!rc) rc = add_routes(v, addresses, &wired);
    return rc ? rc : vif_connected(v, NULL);
}
