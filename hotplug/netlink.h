/* A socket to the kernel's routing and interface tables (rtnetlink(7)). */
#ifndef HOTPLUG_NETLINK_H
#define HOTPLUG_NETLINK_H

#include <stddef.h>
#include <stdint.h>

#include "message.h"

struct netlink {
    int fd; /* -1: not open */
    uint32_t sequence;
    char reason[160]; /* of the last failure, in the kernel's words */
};

/* An answer of the kernel. */
struct answer {
    size_t len; /* bytes of `data` that are used */
    _Alignas(struct nlmsghdr) char data[16384];
};

/* Returns 0 or a negative errno, as does netlink_talk. */
int netlink_open(struct netlink *nl);
void netlink_close(struct netlink *nl);

/* Sends a message and waits for the kernel's answer: the acknowledgement, or
 * the object that was asked for, which is then the first message of *ANSWER.
 * After a failure nl->reason says why. */
int netlink_talk(struct netlink *nl, struct message *request,
                 struct answer *answer);

/* The result of *ANSWER to the request of that number: 0, or a negative errno
 * with its reason in nl->reason. The content is not trusted. */
int netlink_result(struct netlink *nl, const struct answer *answer,
                   uint32_t sequence);

#endif
