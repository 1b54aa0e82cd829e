/*
 * Which address a guest has: the one in its file, or one that its MAC address
 * was seen with, in dom0's own table or on the bridge.
 */
#include "probe/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netpacket/packet.h>
#include <net/ethernet.h>
#include <netinet/if_ether.h>

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

/* Whether somebody looks for the address of MAC. */
static bool is_wanted(const struct probes *all, const unsigned char mac[6])
{
    unsigned char wanted[6];
    unsigned int i;
    size_t k;

    for (i = 0; i < all->n; i++) {
        const struct probe *p = all->v[i];

        if (!p || !p->running) continue;
        for (k = 0; k < p->macs.n; k++) {
            if (parse_mac(p->macs.v[k], wanted) && !memcmp(wanted, mac, 6))
                return true;
        }
    }
    return false;
}

/* Only those that are wanted: whoever invents MAC addresses must not be able
 * to push them out. */
static void note_seen(struct probes *all, const unsigned char mac[6],
                      struct in_addr ip)
{
    size_t i;

    if (!ip.s_addr || !is_wanted(all, mac)) return;
    for (i = 0; i < all->n_seen; i++) {
        if (memcmp(all->seen[i].mac, mac, 6)) continue;
        all->seen[i].ip = ip;
        return;
    }
    if (all->n_seen == SEEN_MAX) {
        memmove(all->seen, all->seen + 1,
                (SEEN_MAX - 1) * sizeof(all->seen[0]));
        all->n_seen--;
    }
    memcpy(all->seen[all->n_seen].mac, mac, 6);
    all->seen[all->n_seen++].ip = ip;
}

/* A guest that has an address asks for somebody else's, sooner or later, and
 * says its own with it (RFC 826). */
static void arp_event(void *user, int fd, short revents)
{
    struct probes *all = user;
    struct ether_arp arp;
    unsigned int turn;
    ssize_t n;

    (void)revents;
    for (turn = 0; turn < EVENTS_TURN; turn++) {
        struct in_addr ip;

        n = recv(fd, &arp, sizeof(arp), MSG_DONTWAIT);
        if (n <= 0) break;
        if (n < (ssize_t)sizeof(arp)) continue;
        if (ntohs(arp.ea_hdr.ar_pro) != ETHERTYPE_IP) continue;
        memcpy(&ip, arp.arp_spa, sizeof(ip));
        note_seen(all, arp.arp_sha, ip);
    }
}

static bool needs_address(const struct probe *p)
{
    if (!p->running || p->address) return false;
    return p->ready.kind == READY_TCP || p->ready.kind == READY_HTTP ||
           p->ready.kind == READY_PING;
}

void probe_listen_to_arp(struct probes *all)
{
    bool needed = false;
    unsigned int i;

    for (i = 0; i < all->n; i++) {
        if (all->v[i] && needs_address(all->v[i])) needed = true;
    }
    if (needed && all->arp < 0) {
        /* Without it, only addresses that dom0 has met are known. */
        all->arp = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
                          htons(ETH_P_ARP));
        if (all->arp >= 0)
            all->arp_source =
                loop_add(all->loop, all->arp, POLLIN, arp_event, all);
    } else if (!needed && all->arp >= 0) {
        loop_remove(all->loop, all->arp_source);
        close(all->arp);
        all->arp_source = NULL;
        all->arp = -1;
    }
}

/* dom0's own table, of those that it has spoken to. */
static void read_arp_table(struct probes *all)
{
    struct buf text = {0};
    char *save = NULL;
    char *line;

    if (!read_file("/proc/net/arp", 65536, &text)) {
        for (line = strtok_r(text.s, "\n", &save); line;
             line = strtok_r(NULL, "\n", &save)) {
            unsigned char mac[6];
            char ip_text[32];
            char mac_text[32];
            struct in_addr ip;

            if (sscanf(line, "%31s %*s 0x2 %31s", ip_text, mac_text) == 2 &&
                parse_mac(mac_text, mac) &&
                inet_pton(AF_INET, ip_text, &ip) == 1)
                note_seen(all, mac, ip);
        }
    }
    buf_dispose(&text);
}

/* The MAC addresses that the domain really has. */
static void learn_macs(struct probe *p)
{
    char *dir;
    struct strlist devices = {0};
    size_t i;

    if (p->macs.n || !p->all->store) return;
    dir = xasprintf("/libxl/%u/device/vif", p->domid);
    store_list(p->all->store, dir, &devices);
    for (i = 0; i < devices.n; i++) {
        char *path = xasprintf("%s/%s/mac", dir, devices.v[i]);
        char *mac = store_read(p->all->store, path);

        if (mac) strlist_add(&p->macs, mac);
        free(mac);
        free(path);
    }
    strlist_dispose(&devices);
    free(dir);
}

bool probe_find_address(struct probe *p, struct in_addr *ip_r)
{
    size_t i;
    size_t k;

    if (p->address) return inet_pton(AF_INET, p->address, ip_r) == 1;
    learn_macs(p);
    read_arp_table(p->all);
    for (i = 0; i < p->macs.n; i++) {
        unsigned char mac[6];

        if (!parse_mac(p->macs.v[i], mac)) continue;
        for (k = 0; k < p->all->n_seen; k++) {
            if (memcmp(p->all->seen[k].mac, mac, 6)) continue;
            *ip_r = p->all->seen[k].ip;
            return true;
        }
    }
    return false;
}
