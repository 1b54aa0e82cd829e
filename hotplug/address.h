/*
 * Addresses, routes and neighbours. The functions that take a struct netlink
 * return 0 or a negative errno, with the reason in nl->reason.
 */
#ifndef HOTPLUG_ADDRESS_H
#define HOTPLUG_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "netlink.h"

/* An address or a network. */
struct prefix {
    int family;              /* AF_INET or AF_INET6 */
    unsigned char bytes[16]; /* the first 4 of IPv4 */
    unsigned int bits;
    bool network; /* it was written with a prefix length */
};

/* Reads LEN characters: ADDRESS or ADDRESS/BITS. Returns 0 or ERROR_FAIL; it
 * reports nothing. */
int prefix_parse(const char *text, size_t len, struct prefix *prefix);

/* Reads the next of several, separated by blanks, at *TEXT, and moves that
 * behind it. Returns 1; 0 at the end; ERROR_FAIL if it is none, and then *WORD
 * and *LEN say which. */
int prefix_next(const char **text, struct prefix *prefix, const char **word,
                size_t *len);

/* The first IPv4 address of an interface: 0 or ERROR_FAIL; reports nothing. */
int address_get(const char *interface, struct prefix *prefix);

int address_add(struct netlink *nl, int index, const struct prefix *address);

/* Routes a network to an interface. SOURCE, unless NULL, is dom0's address
 * towards it. The route with the lower METRIC is used. */
int route_add(struct netlink *nl, int index, const struct prefix *to,
              const struct prefix *source, unsigned int metric);

/* Writes the interface of the IPv4 default route into NAME, of IFNAMSIZ.
 * Returns 0, or ERROR_FAIL if there is no such route; reports nothing. */
int route_default(char *name);

/* Makes the kernel answer neighbour solicitations for an address on an
 * interface (proxy NDP), or ends that. */
int neighbour_proxy(struct netlink *nl, int index,
                    const struct prefix *address, bool add);

#endif
