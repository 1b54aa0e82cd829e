/* Network probes: TCP, HTTP and ping. */
#include "probe/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <netinet/ip.h>
#include <netinet/ip_icmp.h>

#define REPLY_MAX ((size_t)512)

/* ---- tcp and http ------------------------------------------------------- */

static bool send_request(struct probe *p)
{
    char *text = xasprintf("GET %s HTTP/1.0\r\nHost: %s\r\n"
                           "User-Agent: domd\r\nConnection: close\r\n\r\n",
                           p->ready.arg, p->name);
    size_t len = strlen(text);
    /* It fits into an empty socket, unless something is wrong. */
    ssize_t n = send(p->fd, text, len, MSG_NOSIGNAL | MSG_DONTWAIT);

    free(text);
    return n == (ssize_t)len;
}

/* Whether the status is 2xx or 3xx; *DONE_R: the status line is complete. */
static bool good_status(const struct buf *reply, bool *done_r)
{
    unsigned int status = 0;

    *done_r = false;
    if (reply->len < 13 && !(reply->s && memchr(reply->s, '\n', reply->len)))
        return false;
    *done_r = true;
    return sscanf(reply->s, "HTTP/%*u.%*u %3u", &status) == 1 &&
           status >= 200 && status < 400;
}

static void read_reply(struct probe *p)
{
    char chunk[256];
    ssize_t n = recv(p->fd, chunk, sizeof(chunk), MSG_DONTWAIT);
    bool done;

    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) {
        probe_again(p);
        return;
    }
    buf_add(&p->reply, chunk, (size_t)n);
    if (good_status(&p->reply, &done))
        probe_succeed(p);
    else if (done || p->reply.len > REPLY_MAX)
        probe_again(p);
}

static void tcp_event(void *user, int fd, short revents)
{
    struct probe *p = user;
    socklen_t len = sizeof(int);
    int error = 0;

    (void)revents;
    if (p->connected) {
        read_reply(p);
        return;
    }
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) || error) {
        probe_again(p);
        return;
    }
    if (p->ready.kind == READY_TCP) {
        probe_succeed(p);
        return;
    }
    p->connected = true;
    if (!send_request(p))
        probe_again(p);
    else
        loop_events(p->source, POLLIN);
}

void probe_try_tcp(struct probe *p, struct in_addr ip)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    int r;

    p->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (p->fd < 0) {
        probe_again(p);
        return;
    }
    to.sin_addr = ip;
    to.sin_port = htons((uint16_t)p->ready.port);
    r = connect(p->fd, (struct sockaddr *)&to, sizeof(to));
    if (r && errno != EINPROGRESS) {
        probe_again(p);
        return;
    }
    p->source = loop_add(p->all->loop, p->fd, POLLOUT, tcp_event, p);
    loop_at(p->timer, loop_now() + PROBE_PATIENCE);
}

/* ---- ping --------------------------------------------------------------- */

/* The RFC 1071 checksum. */
static uint16_t checksum(const void *data, size_t len)
{
    const unsigned char *b = data;
    uint32_t sum = 0;
    size_t i;

    for (i = 0; i + 1 < len; i += 2)
        sum += (uint32_t)(b[i] << 8 | b[i + 1]);
    if (len & 1) sum += (uint32_t)b[len - 1] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static void ping_event(void *user, int fd, short revents)
{
    struct probe *p = user;
    unsigned char packet[256];
    ssize_t n = recv(fd, packet, sizeof(packet), MSG_DONTWAIT);
    struct icmphdr icmp;
    size_t skip;

    (void)revents;
    if (n < (ssize_t)(sizeof(struct iphdr) + sizeof(icmp))) return;
    skip = (size_t)(packet[0] & 15) * 4;
    if (skip + sizeof(icmp) > (size_t)n) return;
    memcpy(&icmp, packet + skip, sizeof(icmp));
    if (icmp.type != ICMP_ECHOREPLY) return;
    if (ntohs(icmp.un.echo.id) != (uint16_t)(getpid() ^ p->dom)) return;
    probe_succeed(p);
}

void probe_try_ping(struct probe *p, struct in_addr ip)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    struct icmphdr icmp;

    p->fd =
        socket(AF_INET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_ICMP);
    if (p->fd < 0) {
        probe_again(p);
        return;
    }
    to.sin_addr = ip;
    /* Receive only packets from there. */
    if (connect(p->fd, (struct sockaddr *)&to, sizeof(to))) {
        probe_again(p);
        return;
    }
    memset(&icmp, 0, sizeof(icmp));
    icmp.type = ICMP_ECHO;
    icmp.un.echo.id = htons((uint16_t)(getpid() ^ p->dom));
    icmp.un.echo.sequence = htons(++p->sequence);
    icmp.checksum = htons(checksum(&icmp, sizeof(icmp)));
    if (send(p->fd, &icmp, sizeof(icmp), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
        probe_again(p);
        return;
    }
    p->source = loop_add(p->all->loop, p->fd, POLLIN, ping_event, p);
    loop_at(p->timer, loop_now() + 4 * PROBE_PAUSE);
}
