#include "netlink.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Notes the reason of a failure, and returns it as a negative errno. */
static int note_reason(struct netlink *nl, int error)
{
    snprintf(nl->reason, sizeof(nl->reason), "%s", strerror(error));
    return -error;
}

int netlink_open(struct netlink *nl)
{
    static const int on = 1;
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};

    *nl = (struct netlink){.fd = -1};
    nl->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (nl->fd < 0) return note_reason(nl, errno);
    if (connect(nl->fd, (struct sockaddr *)&kernel, sizeof(kernel)))
        return note_reason(nl, errno);
    /* Without these, an error is only a number. */
    setsockopt(nl->fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
    setsockopt(nl->fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
    return 0;
}

void netlink_close(struct netlink *nl)
{
    if (nl->fd >= 0) close(nl->fd);
    nl->fd = -1;
}

/* Notes what the kernel says of ERROR besides the number, in the LEN bytes of
 * the message MESSAGE. */
static int note_error(struct netlink *nl, const char *message, size_t len,
                      const struct nlmsghdr *header,
                      const struct nlmsgerr *error)
{
    size_t at = NLMSG_LENGTH(sizeof(*error));
    const char *text;
    size_t found;

    note_reason(nl, -error->error);
    if (!(header->nlmsg_flags & NLM_F_ACK_TLVS)) return error->error;
    /* The request, unless it was left out. */
    if (!(header->nlmsg_flags & NLM_F_CAPPED) &&
        error->msg.nlmsg_len >= NLMSG_HDRLEN && error->msg.nlmsg_len <= len)
        at += NLMSG_ALIGN(error->msg.nlmsg_len) - NLMSG_HDRLEN;
    if (at >= len) return error->error;
    text =
        attribute_find(message + at, len - at, NLMSGERR_ATTR_MSG, 1, &found);
    if (text && *text)
        snprintf(nl->reason, sizeof(nl->reason), "%.*s", (int)found, text);
    return error->error;
}

int netlink_result(struct netlink *nl, const struct answer *answer,
                   uint32_t sequence)
{
    struct nlmsghdr header;
    struct nlmsgerr error;

    if (answer->len < sizeof(header)) return note_reason(nl, EPROTO);
    memcpy(&header, answer->data, sizeof(header));
    if (header.nlmsg_len < sizeof(header) || header.nlmsg_len > answer->len ||
        header.nlmsg_seq != sequence)
        return note_reason(nl, EPROTO);
    if (header.nlmsg_type != NLMSG_ERROR) return 0;
    if (header.nlmsg_len < NLMSG_LENGTH(sizeof(error)))
        return note_reason(nl, EPROTO);
    memcpy(&error, answer->data + NLMSG_HDRLEN, sizeof(error));
    if (!error.error) return 0;
    if (error.error > 0 || error.error < -4095) return note_reason(nl, EPROTO);
    return note_error(nl, answer->data, header.nlmsg_len, &header, &error);
}

int netlink_talk(struct netlink *nl, struct message *request,
                 struct answer *answer)
{
    ssize_t len;

    request->header.nlmsg_seq = ++nl->sequence;
    if (send(nl->fd, request, request->header.nlmsg_len, 0) < 0)
        return note_reason(nl, errno);
    do
        len = recv(nl->fd, answer->data, sizeof(answer->data), 0);
    while (len < 0 && errno == EINTR);
    if (len < 0) return note_reason(nl, errno);
    answer->len = (size_t)len;
    return netlink_result(nl, answer, nl->sequence);
}
