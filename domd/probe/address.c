/*
 * Learns the address of a guest: from its file, or from its ARP requests, in
 * which a host states its own address (RFC 826).
 *
 * On the bridge any guest can claim any other's name. So we listen to each
 * card alone, at the interface that is its other end, where no other guest can
 * send. And whatever a guest claims, dom0 probes only its own neighbours,
 * which the guest can reach without dom0.
 */
#include "probe/internal.h"

#include <ifaddrs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <linux/filter.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/if_ether.h>
#include <netpacket/packet.h>

#define DOM0_BACKENDS "/local/domain/0/"
/* Suffix of QEMU's end of an emulated card. */
#define EMULATED "-emu"

/* ---- what a card says --------------------------------------------------- */

static bool parse_mac(const char *text, unsigned char mac[6])
{
    unsigned int b[6];
    size_t i;

    if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x", &b[0], &b[1], &b[2], &b[3],
               &b[4], &b[5]) != 6)
        return false;
    for (i = 0; i < 6; i++)
        mac[i] = (unsigned char)b[i];
    return true;
}

/* Rejects loopback, multicast and reserved addresses. */
static bool can_be_a_host(struct in_addr ip)
{
    uint32_t host = ntohl(ip.s_addr);

    return host >> 24 != 0 && host >> 24 != 127 && host >> 28 < 14;
}

/* Puts IP first; a known address moves there. */
static void note_address(struct card *card, struct in_addr ip)
{
    size_t i = 0;

    while (i < CARD_SAID - 1 && card->said[i].s_addr != ip.s_addr)
        i++;
    memmove(card->said + 1, card->said, i * sizeof(card->said[0]));
    card->said[0] = ip;
}

static void card_close(struct probe *p, struct card *card)
{
    if (card->fd < 0) return;
    loop_remove(p->all->loop, card->source);
    close(card->fd);
    card->source = NULL;
    card->fd = -1;
}

static void card_event(void *user, int fd, short revents)
{
    struct probe *p = user;
    struct card *card = p->cards;
    struct ether_arp arp;
    unsigned int turn;
    ssize_t n;

    while (card->fd != fd)
        card++;
    for (turn = 0; turn < EVENTS_TURN; turn++) {
        struct in_addr ip;

        n = recv(fd, &arp, sizeof(arp), MSG_DONTWAIT);
        if (n <= 0) break;
        if (n < (ssize_t)sizeof(arp)) continue;
        if (ntohs(arp.ea_hdr.ar_pro) != ETHERTYPE_IP) continue;
        /* Skip others, for which the guest may be a bridge. */
        if (memcmp(arp.arp_sha, card->mac, sizeof(card->mac))) continue;
        memcpy(&ip, arp.arp_spa, sizeof(ip));
        if (can_be_a_host(ip)) note_address(card, ip);
    }
    /* The interface is gone; a new one of that name is reopened. */
    if (revents & (POLLERR | POLLHUP)) card_close(p, card);
}

/* Limits the socket to incoming ARP; false on failure. ARP of a bridge port is
 * visible only to a socket for all packets, so the kernel filters them. */
static bool filter_arp(int fd)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SKF_AD_OFF + SKF_AD_PROTOCOL),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_ARP, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SKF_AD_OFF + SKF_AD_PKTTYPE),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OUTGOING, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, sizeof(struct ether_arp)),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    struct sock_fprog program = {ARRAY_SIZE(code), code};

    return !setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program,
                       sizeof(program));
}

/* Listens to the card, if its interface exists. */
static void card_open(struct probe *p, struct card *card)
{
    struct sockaddr_ll at = {
        .sll_family = AF_PACKET,
        .sll_protocol = htons(ETH_P_ALL),
        .sll_ifindex = (int)if_nametoindex(card->interface),
    };
    int fd;

    if (card->fd >= 0 || !at.sll_ifindex) return;
    /* Without a protocol it receives nothing before bind. */
    fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return;
    if (!filter_arp(fd) || bind(fd, (struct sockaddr *)&at, sizeof(at))) {
        close(fd);
        return;
    }
    card->fd = fd;
    card->source = loop_add(p->all->loop, fd, POLLIN, card_event, p);
}

/* ---- which cards there are ---------------------------------------------- */

static void add_card(struct probe *p, const char *interface,
                     const unsigned char mac[6])
{
    struct card *card;

    if (strlen(interface) >= sizeof(card->interface)) return;
    p->cards = xrealloc(p->cards, p->n_cards + 1, sizeof(*p->cards));
    card = &p->cards[p->n_cards++];
    *card = (struct card){.fd = -1};
    strcpy(card->interface, interface);
    memcpy(card->mac, mac, sizeof(card->mac));
}

/* Reads NODE of the card DEVICE in xenstore; the caller frees it. */
static char *card_node(struct probe *p, const char *device, const char *node)
{
    char *path = xasprintf("/libxl/%u/device/vif/%s/%s",
                           (unsigned int)p->domid, device, node);
    char *value = store_read(p->all->store, path);

    free(path);
    return value;
}

static void find_card(struct probe *p, const char *device)
{
    char *backend = card_node(p, device, "backend");
    char *mac_text = card_node(p, device, "mac");
    char *name = card_node(p, device, "vifname");
    char *emulated = NULL;
    unsigned char mac[6];

    /* Another domain has the interface of a card that it serves. */
    if (!backend || strncmp(backend, DOM0_BACKENDS, strlen(DOM0_BACKENDS)))
        goto out;
    if (!mac_text || !parse_mac(mac_text, mac)) goto out;
    if (!name) name = xasprintf("vif%u.%s", (unsigned int)p->domid, device);
    emulated = xasprintf("%s" EMULATED, name);
    add_card(p, name, mac);
    add_card(p, emulated, mac);
out:
    free(emulated);
    free(name);
    free(mac_text);
    free(backend);
}

static void find_cards(struct probe *p)
{
    char *dir = xasprintf("/libxl/%u/device/vif", (unsigned int)p->domid);
    struct strlist devices = {0};
    size_t i;

    store_list(p->all->store, dir, &devices);
    for (i = 0; i < devices.n; i++)
        find_card(p, devices.v[i]);
    strlist_dispose(&devices);
    free(dir);
}

/* Listens to the existing cards for the address, unless the file has it. */
static void listen_on_cards(struct probe *p)
{
    size_t i;

    if (p->address || !p->all->store) return;
    if (!p->n_cards) find_cards(p);
    for (i = 0; i < p->n_cards; i++)
        card_open(p, &p->cards[i]);
}

void probe_listen_off(struct probe *p)
{
    size_t i;

    for (i = 0; i < p->n_cards; i++)
        card_close(p, &p->cards[i]);
    free(p->cards);
    p->cards = NULL;
    p->n_cards = 0;
}

/* ---- who is a neighbour ------------------------------------------------- */

/* The bridge that INTERFACE is a port of, or INTERFACE itself. The caller
 * frees it. */
static char *bridge_of(const char *interface)
{
    char *path = xasprintf("/sys/class/net/%s/master", interface);
    char *name = link_name(path, interface);

    free(path);
    return name;
}

/* Whether IP is another host's in the network of ADDRESS. */
static bool is_in_network(struct in_addr ip, const struct ifaddrs *address)
{
    const struct sockaddr_in *own = (const void *)address->ifa_addr;
    const struct sockaddr_in *netmask = (const void *)address->ifa_netmask;
    uint32_t mask = ntohl(netmask->sin_addr.s_addr);
    uint32_t host = ntohl(ip.s_addr);

    if ((host & mask) != (ntohl(own->sin_addr.s_addr) & mask)) return false;
    /* Not the network or broadcast address, if the mask has room. */
    if (~mask > 1 && (!(host & ~mask) || !(~host & ~mask))) return false;
    return true;
}

/* Whether IP is in a network in which INTERFACE's bridge has an address, and
 * is not dom0's. */
static bool is_neighbour(const char *interface, struct in_addr ip)
{
    struct ifaddrs *all = NULL;
    const struct ifaddrs *a;
    bool found = false;
    char *bridge;

    if (!can_be_a_host(ip) || getifaddrs(&all)) return false;
    bridge = bridge_of(interface);
    for (a = all; a; a = a->ifa_next) {
        const struct sockaddr_in *own = (const void *)a->ifa_addr;
        size_t len = strcspn(a->ifa_name, ":"); /* it may have a label */

        if (!own || own->sin_family != AF_INET || !a->ifa_netmask) continue;
        if (own->sin_addr.s_addr == ip.s_addr) {
            found = false;
            break;
        }
        if (len == strlen(bridge) && !strncmp(a->ifa_name, bridge, len) &&
            is_in_network(ip, a))
            found = true;
    }
    free(bridge);
    freeifaddrs(all);
    return found;
}

bool probe_find_address(struct probe *p, struct in_addr *ip_r)
{
    size_t i;
    size_t k;

    if (p->address) return inet_pton(AF_INET, p->address, ip_r) == 1;
    listen_on_cards(p);
    for (i = 0; i < p->n_cards; i++) {
        for (k = 0; k < CARD_SAID; k++) {
            if (!is_neighbour(p->cards[i].interface, p->cards[i].said[k]))
                continue;
            *ip_r = p->cards[i].said[k];
            return true;
        }
    }
    return false;
}
