/*
 * Makes the kernel answer neighbour solicitations for an address on an
 * interface, which BusyBox's ip cannot: vif-route uses it for guests with IPv6
 * addresses of the wired network.
 *
 * usage: ndproxy add|del ADDRESS INTERFACE
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct request {
    struct nlmsghdr header;
    struct ndmsg neighbour;
    struct rtattr attribute;
    struct in6_addr address;
};

struct answer {
    struct nlmsghdr header;
    struct nlmsgerr error;
    char rest[256];
};

/* Asks the kernel, and waits for its answer. Returns 0 or an errno. */
static int talk(const struct request *request)
{
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    struct answer answer = {0};
    ssize_t length;
    int rc = 0;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

    if (fd < 0) {
        rc = errno;
        goto out;
    }
    length = sendto(fd, request, sizeof(*request), 0,
                    (struct sockaddr *)&kernel, sizeof(kernel));
    if (length < 0) {
        rc = errno;
        goto out;
    }
    length = recv(fd, &answer, sizeof(answer), 0);
    if (length < 0)
        rc = errno;
    else if ((size_t)length < offsetof(struct answer, rest) ||
             answer.header.nlmsg_type != NLMSG_ERROR)
        rc = EPROTO;
    else
        rc = -answer.error.error;
out:
    if (fd >= 0) close(fd);
    return rc;
}

int main(int argc, char **argv)
{
    struct request request = {
        .header = {.nlmsg_len = sizeof(request),
                   .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
        .neighbour = {.ndm_family = AF_INET6,
                      .ndm_state = NUD_PERMANENT,
                      .ndm_flags = NTF_PROXY},
        .attribute = {.rta_len = RTA_LENGTH(sizeof(struct in6_addr)),
                      .rta_type = NDA_DST},
    };
    int add;
    int rc;

    if (argc != 4 || (strcmp(argv[1], "add") && strcmp(argv[1], "del"))) {
        fprintf(stderr, "usage: ndproxy add|del ADDRESS INTERFACE\n");
        return 2;
    }
    add = !strcmp(argv[1], "add");
    request.header.nlmsg_type = add ? RTM_NEWNEIGH : RTM_DELNEIGH;
    if (add) request.header.nlmsg_flags |= NLM_F_CREATE | NLM_F_REPLACE;
    if (inet_pton(AF_INET6, argv[2], &request.address) != 1) {
        fprintf(stderr, "ndproxy: \"%s\" is not an IPv6 address\n", argv[2]);
        return 1;
    }
    request.neighbour.ndm_ifindex = (int)if_nametoindex(argv[3]);
    if (!request.neighbour.ndm_ifindex) {
        fprintf(stderr, "ndproxy: there is no interface %s\n", argv[3]);
        return 1;
    }
    rc = talk(&request);
    if (rc) {
        fprintf(stderr, "ndproxy: cannot %s %s on %s: %s\n", argv[1], argv[2],
                argv[3], strerror(rc));
        return 1;
    }
    return 0;
}
