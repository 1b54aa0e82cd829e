#include "link.h"

#include <errno.h>
#include <linux/if_bridge.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

/* Reads a bridge's settings from its IFLA_LINKINFO. */
static void read_bridge(struct link *link, const void *info, size_t len)
{
    size_t found;
    const char *kind = attribute_find(info, len, IFLA_INFO_KIND, 1, &found);
    const void *data;

    if (!kind || strnlen(kind, found) != strlen("bridge") ||
        memcmp(kind, "bridge", strlen("bridge")) != 0)
        return;
    link->is_bridge = true;
    data = attribute_find(info, len, IFLA_INFO_DATA, 1, &found);
    if (!data) return;
    link->filters_vlans =
        attribute_u8(data, found, IFLA_BR_VLAN_FILTERING, 0) != 0;
    link->default_vlan =
        attribute_u16(data, found, IFLA_BR_VLAN_DEFAULT_PVID, 0);
}

/* Reads the interface NAME from the first message of *ANSWER. */
static int read_link(struct link *link, const struct answer *answer,
                     const char *name)
{
    size_t start = NLMSG_LENGTH(sizeof(struct ifinfomsg));
    const void *attributes = answer->data + NLMSG_ALIGN(start);
    struct nlmsghdr header;
    struct ifinfomsg fixed;
    const char *found_name;
    const void *info;
    size_t len;
    size_t found;

    memcpy(&header, answer->data, sizeof(header));
    if (header.nlmsg_type != RTM_NEWLINK || header.nlmsg_len < start)
        return -EPROTO;
    memcpy(&fixed, answer->data + NLMSG_HDRLEN, sizeof(fixed));
    len = header.nlmsg_len - start;
    found_name = attribute_find(attributes, len, IFLA_IFNAME, 1, &found);
    /* The files of the networks speak of the name, too. */
    if (!found_name || strnlen(found_name, found) != strlen(name) ||
        memcmp(found_name, name, strlen(name)) != 0)
        return -ENODEV;
    link->index = fixed.ifi_index;
    link->mtu = attribute_u32(attributes, len, IFLA_MTU, 0);
    info = attribute_find(attributes, len, IFLA_LINKINFO, 1, &found);
    if (info) read_bridge(link, info, found);
    return 0;
}

int link_get(struct netlink *nl, const char *name, struct link *link)
{
    struct ifinfomsg fixed = {.ifi_family = AF_UNSPEC};
    struct message request;
    struct answer answer;
    int r;

    *link = (struct link){0};
    if (!*name || strlen(name) >= IFNAMSIZ) return -ENODEV;
    message_begin(&request, RTM_GETLINK, 0, &fixed, sizeof(fixed));
    request.header.nlmsg_flags = NLM_F_REQUEST;
    message_add_string(&request, IFLA_IFNAME, name);
    message_add_u32(&request, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    r = netlink_talk(nl, &request, &answer);
    return r ? r : read_link(link, &answer, name);
}

static void begin_set(struct message *m, int index, unsigned int flags,
                      unsigned int change)
{
    struct ifinfomsg fixed = {.ifi_family = AF_UNSPEC,
                              .ifi_index = index,
                              .ifi_flags = flags,
                              .ifi_change = change};

    message_begin(m, RTM_NEWLINK, 0, &fixed, sizeof(fixed));
}

static int talk(struct netlink *nl, struct message *request)
{
    struct answer answer;

    return netlink_talk(nl, request, &answer);
}

int link_rename(struct netlink *nl, int index, const char *name)
{
    struct message m;

    begin_set(&m, index, 0, 0);
    message_add_string(&m, IFLA_IFNAME, name);
    return talk(nl, &m);
}

static int join(struct netlink *nl, int index, int master, unsigned int flags,
                unsigned int mtu)
{
    /* A bridge takes its ports' lowest MAC address, which must stay the wired
     * card's. */
    static const unsigned char highest[] = {0xfe, 0xff, 0xff,
                                            0xff, 0xff, 0xff};
    struct message m;

    begin_set(&m, index, flags, flags);
    message_add(&m, IFLA_ADDRESS, highest, sizeof(highest));
    if (mtu) message_add_u32(&m, IFLA_MTU, mtu);
    message_add_u32(&m, IFLA_MASTER, (uint32_t)master);
    return talk(nl, &m);
}

int link_join(struct netlink *nl, int index, int master)
{
    return join(nl, index, master, 0, 0);
}

int link_join_up(struct netlink *nl, int index, int master, unsigned int mtu)
{
    return join(nl, index, master, IFF_UP, mtu);
}

int link_up(struct netlink *nl, int index)
{
    struct message m;

    begin_set(&m, index, IFF_UP, IFF_UP);
    return talk(nl, &m);
}

int link_down(struct netlink *nl, int index, bool leave)
{
    struct message m;

    begin_set(&m, index, 0, IFF_UP);
    if (leave) message_add_u32(&m, IFLA_MASTER, 0);
    return talk(nl, &m);
}

/* Adds (RTM_SETLINK) or removes (RTM_DELLINK) the VLANs FIRST to LAST. */
static int change_vlans(struct netlink *nl, int index, uint16_t type,
                        unsigned int first, unsigned int last,
                        unsigned int flags)
{
    struct ifinfomsg fixed = {.ifi_family = AF_BRIDGE, .ifi_index = index};
    struct bridge_vlan_info info = {.flags = (uint16_t)flags,
                                    .vid = (uint16_t)first};
    struct message m;
    struct rtattr *nest;

    message_begin(&m, type, 0, &fixed, sizeof(fixed));
    nest = message_nest(&m, IFLA_AF_SPEC);
    if (first != last) {
        info.flags |= BRIDGE_VLAN_INFO_RANGE_BEGIN;
        message_add(&m, IFLA_BRIDGE_VLAN_INFO, &info, sizeof(info));
        info.flags = (uint16_t)(flags | BRIDGE_VLAN_INFO_RANGE_END);
        info.vid = (uint16_t)last;
    }
    message_add(&m, IFLA_BRIDGE_VLAN_INFO, &info, sizeof(info));
    message_nest_end(&m, nest);
    return talk(nl, &m);
}

int link_add_vlans(struct netlink *nl, int index, const struct vlans *vlans)
{
    unsigned int flags = (vlans->pvid ? BRIDGE_VLAN_INFO_PVID : 0) |
                         (vlans->untagged ? BRIDGE_VLAN_INFO_UNTAGGED : 0);
    unsigned int vlan;
    int r = 0;

    if (vlans->step == 1)
        return change_vlans(nl, index, RTM_SETLINK, vlans->first, vlans->last,
                            flags);
    for (vlan = vlans->first; !r && vlan <= vlans->last; vlan += vlans->step)
        r = change_vlans(nl, index, RTM_SETLINK, vlan, vlan, flags);
    return r;
}

int link_remove_vlan(struct netlink *nl, int index, unsigned int vlan)
{
    return change_vlans(nl, index, RTM_DELLINK, vlan, vlan, 0);
}
