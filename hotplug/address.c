#include "address.h"

#include <arpa/inet.h>
#include <linux/neighbour.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util.h"

static const char blanks[] = " \t\n";

static size_t size_of(const struct prefix *prefix)
{
    return prefix->family == AF_INET ? sizeof(struct in_addr)
                                     : sizeof(struct in6_addr);
}

/* Reads the number of bits, MOST at most. */
static int parse_bits(const char *text, unsigned int most, unsigned int *bits)
{
    size_t len = strspn(text, "0123456789");

    if (!len || len > 3 || text[len]) return ERROR_FAIL;
    for (*bits = 0; *text; text++)
        *bits = *bits * 10 + (unsigned int)(*text - '0');
    return *bits <= most ? 0 : ERROR_FAIL;
}

int prefix_parse(const char *text, size_t len, struct prefix *prefix)
{
    char copy[64];
    char *slash;
    unsigned int most;

    *prefix = (struct prefix){.family = AF_INET};
    if (len >= sizeof(copy)) return ERROR_FAIL;
    memcpy(copy, text, len);
    copy[len] = '\0';
    slash = strchr(copy, '/');
    if (slash) *slash = '\0';
    if (strchr(copy, ':')) prefix->family = AF_INET6;
    if (inet_pton(prefix->family, copy, prefix->bytes) != 1) return ERROR_FAIL;
    most = 8 * (unsigned int)size_of(prefix);
    prefix->bits = most;
    prefix->network = slash != NULL;
    return slash ? parse_bits(slash + 1, most, &prefix->bits) : 0;
}

int prefix_next(const char **text, struct prefix *prefix, const char **word,
                size_t *len)
{
    *word = *text + strspn(*text, blanks);
    *len = strcspn(*word, blanks);
    *text = *word + *len;
    if (!*len) return 0;
    return prefix_parse(*word, *len, prefix) ? ERROR_FAIL : 1;
}

int address_get(const char *interface, struct prefix *prefix)
{
    struct ifreq request = {.ifr_addr.sa_family = AF_INET};
    struct sockaddr_in address;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int rc = ERROR_FAIL;
    int r;

    *prefix = (struct prefix){.family = AF_INET, .bits = 32};
    if (fd < 0) goto out;
    r = snprintf(request.ifr_name, IFNAMSIZ, "%s", interface);
    if (r >= IFNAMSIZ) goto out;
    r = ioctl(fd, SIOCGIFADDR, &request);
    if (r) goto out;
    memcpy(&address, &request.ifr_addr, sizeof(address));
    memcpy(prefix->bytes, &address.sin_addr, sizeof(address.sin_addr));
    rc = 0;
out:
    if (fd >= 0) close(fd);
    return rc;
}

static int talk(struct netlink *nl, struct message *request)
{
    struct answer answer;

    return netlink_talk(nl, request, &answer);
}

int address_add(struct netlink *nl, int index, const struct prefix *address)
{
    struct ifaddrmsg fixed = {.ifa_family = (uint8_t)address->family,
                              .ifa_prefixlen = (uint8_t)address->bits,
                              .ifa_index = (uint32_t)index};
    struct message m;

    message_begin(&m, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &fixed,
                  sizeof(fixed));
    message_add(&m, IFA_LOCAL, address->bytes, size_of(address));
    message_add(&m, IFA_ADDRESS, address->bytes, size_of(address));
    return talk(nl, &m);
}

int route_add(struct netlink *nl, int index, const struct prefix *to,
              const struct prefix *source, unsigned int metric)
{
    struct rtmsg fixed = {
        .rtm_family = (uint8_t)to->family,
        .rtm_dst_len = (uint8_t)to->bits,
        .rtm_table = RT_TABLE_MAIN,
        .rtm_protocol = RTPROT_BOOT,
        .rtm_scope = to->family == AF_INET ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE,
        .rtm_type = RTN_UNICAST,
    };
    struct message m;

    message_begin(&m, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &fixed,
                  sizeof(fixed));
    message_add(&m, RTA_DST, to->bytes, size_of(to));
    if (source) message_add(&m, RTA_PREFSRC, source->bytes, size_of(source));
    message_add_u32(&m, RTA_OIF, (uint32_t)index);
    message_add_u32(&m, RTA_PRIORITY, metric);
    return talk(nl, &m);
}

int route_default(char *name)
{
    /* Interface, destination, gateway, ... mask; the one that is used comes
     * first. */
    FILE *f = fopen("/proc/net/route", "re");
    char line[256];
    char interface[IFNAMSIZ];
    unsigned int destination;
    unsigned int mask;
    int rc = ERROR_FAIL;

    if (!f) return ERROR_FAIL;
    while (rc && fgets(line, sizeof(line), f)) {
        int n = sscanf(line, "%15s %x %*s %*s %*s %*s %*s %x", interface,
                       &destination, &mask);

        /* A route that refuses packets has no interface. */
        if (n != 3 || destination || mask || !strcmp(interface, "*")) continue;
        memcpy(name, interface, IFNAMSIZ);
        rc = 0;
    }
    fclose(f);
    return rc;
}

int neighbour_proxy(struct netlink *nl, int index,
                    const struct prefix *address, bool add)
{
    struct ndmsg fixed = {.ndm_family = (uint8_t)address->family,
                          .ndm_ifindex = index,
                          .ndm_state = NUD_PERMANENT,
                          .ndm_flags = NTF_PROXY};
    struct message m;

    message_begin(&m, add ? RTM_NEWNEIGH : RTM_DELNEIGH,
                  add ? NLM_F_CREATE | NLM_F_REPLACE : 0, &fixed,
                  sizeof(fixed));
    message_add(&m, NDA_DST, address->bytes, size_of(address));
    return talk(nl, &m);
}
