/*
 * vif-bridge, and vif-antispoof, which guards the card whatever its bridge
 * does: connects a guest's interface to a bridge.
 *
 * Keys: bridge (libxl writes xenbr0 if the domain file names none), frontend,
 * mac, ip, vlan, rate, mtu, vifname. No bridge is guessed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "facts.h"
#include "link.h"
#include "util.h"
#include "vif.h"

/* Finds the bridge that the domain file names. */
static int find_bridge(struct vif *v, const char **name, struct link *bridge)
{
    struct device *d = &v->device;
    int rc = device_get(d, KEY_BRIDGE, name);
    int r;

    if (rc) return rc;
    if (!*name || !**name)
        return device_fail(d,
                           "cannot connect %s: the domain file names no "
                           "bridge; add bridge= to its vif",
                           v->name);
    r = link_get(&v->netlink, *name, bridge);
    if (r == -ENODEV)
        return device_fail(d, "cannot connect %s: there is no bridge %s",
                           v->name, *name);
    if (r)
        return device_fail(d, "cannot connect %s to %s: %s", v->name, *name,
                           v->netlink.reason);
    if (!bridge->is_bridge)
        return device_fail(d, "cannot connect %s: %s is not a bridge", v->name,
                           *name);
    return 0;
}

/* Guards the card if its script or the bridge wants that, once. */
static int guard(struct vif *v, const char *bridge, bool *done)
{
    const char *ip;
    int rc;

    if (*done || !(v->guarded || facts_guard_bridge(bridge))) return 0;
    rc = device_get(&v->device, KEY_IP, &ip);
    if (rc) return rc;
    if (!ip)
        device_warn(&v->device,
                    "anti-spoofing of %s holds only its MAC address; add ip= "
                    "to its vif",
                    v->name);
    *done = true;
    return vif_guard(v, ip ? ip : "", false);
}

static int bad_vlan(struct vif *v, const char *text,
                    const struct vlan_reader *reader)
{
    return device_fail(&v->device,
                       "cannot connect %s: vlan=%s has the invalid term "
                       "'%.*s'; write VLANs from 1 to 4094 as in 10p/20/30-39",
                       v->name, text, reader->term_len, reader->term);
}

/* Checks the VLANs before anything is changed. */
static int check_vlans(struct vif *v, const char *text, const char *bridge,
                       const struct link *link)
{
    struct vlan_reader reader;
    struct vlans vlans;
    int r;

    if (!link->filters_vlans)
        return device_fail(&v->device,
                           "cannot connect %s: vlan=%s needs a bridge with "
                           "VLANs; set VLANFiltering=yes for %s, or name a "
                           "bridge on the VLAN",
                           v->name, text, bridge);
    if (vlan_has_two_pvids(text))
        return device_fail(&v->device,
                           "cannot connect %s: vlan=%s has two VLANs for "
                           "untagged frames (p); keep one",
                           v->name, text);
    vlan_begin(&reader, text);
    do
        r = vlan_next(&reader, &vlans);
    while (r > 0);
    return r < 0 ? bad_vlan(v, text, &reader) : 0;
}

/* Joins the bridge while the interface is down, with the VLANs of TEXT in
 * place of the bridge's own. */
static int join_vlans(struct vif *v, const char *text,
                      const struct link *bridge)
{
    struct vlan_reader reader;
    struct vlans vlans;
    int r = link_join(&v->netlink, v->index, bridge->index);

    if (!r && bridge->default_vlan)
        r = link_remove_vlan(&v->netlink, v->index, bridge->default_vlan);
    vlan_begin(&reader, text);
    while (!r && vlan_next(&reader, &vlans) > 0)
        r = link_add_vlans(&v->netlink, v->index, &vlans);
    if (!r) return 0;
    return device_fail(&v->device, "cannot connect %s with vlan=%s: %s",
                       v->name, text, v->netlink.reason);
}

/* The MTU in bytes; 0 if TEXT is none. */
static unsigned int parse_mtu(const char *text)
{
    char *end;
    unsigned long mtu;

    errno = 0;
    mtu = strtoul(text, &end, 10);
    return errno || end == text || *end || mtu > INT32_MAX ? 0
                                                           : (unsigned int)mtu;
}

/* Joins the bridge NAME and starts the interface, with an MTU if possible. */
static int join(struct vif *v, const char *name, const struct link *bridge,
                const char *mtu)
{
    unsigned int bytes = parse_mtu(mtu);

    if (bytes && !link_join_up(&v->netlink, v->index, bridge->index, bytes))
        return 0;
    /* A front end without scatter-gather is limited to 1500. */
    if (link_join_up(&v->netlink, v->index, bridge->index, 0))
        return device_fail(&v->device, "cannot connect %s to %s: %s", v->name,
                           name, v->netlink.reason);
    device_warn(&v->device, "cannot set the MTU of %s to %s", v->name, mtu);
    return 0;
}

/* Joins the bridge NAME. The guest's frames must fit through it, unless the
 * domain file has an MTU; it is in *MTU. */
static int connect_to(struct vif *v, const char *name, struct link *bridge,
                      char *mtu, size_t mtu_size)
{
    bool guarded = false;
    const char *vlan;
    const char *text;
    int rc = device_get(&v->device, KEY_MTU, &text);

    if (!rc) rc = device_get(&v->device, KEY_VLAN, &vlan);
    if (rc) return rc;
    if (text)
        snprintf(mtu, mtu_size, "%s", text);
    else
        snprintf(mtu, mtu_size, "%u", bridge->mtu);
    if (vlan) rc = check_vlans(v, vlan, name, bridge);
    /* The filter is there before the first frame. */
    if (!rc) rc = guard(v, name, &guarded);
    if (!rc) rc = vif_limit(v);
    if (!rc && vlan) rc = join_vlans(v, vlan, bridge);
    if (!rc) rc = join(v, name, bridge, mtu);
    /* network/antispoof guards the cards that it finds; it may have looked
     * before this one came. */
    if (!rc) rc = guard(v, name, &guarded);
    if (rc || guarded) return rc;
    rc = device_get(&v->device, KEY_IP, &text);
    if (!rc && text)
        device_warn(&v->device,
                    "ip=%s is informational: it does not prevent spoofing; "
                    "use script=vif-antispoof",
                    text);
    return rc;
}

int vif_bridge(struct vif *v)
{
    struct link bridge = {0};
    const char *name;
    char mtu[32];
    int rc;

    if (!v->up) {
        if (v->index) link_down(&v->netlink, v->index, true);
        return 0;
    }
    rc = find_bridge(v, &name, &bridge);
    if (!rc) rc = connect_to(v, name, &bridge, mtu, sizeof(mtu));
    return rc ? rc : vif_connected(v, mtu);
}
