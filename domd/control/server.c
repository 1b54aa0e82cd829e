#include "control/server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59
#endif

struct client {
    struct server *server;
    int fd; /* -1: to be freed */
    struct source *source;
    struct buf in;
    struct buf out;
    msec stalled; /* since when it reads nothing; MSEC_NEVER: it does */
    bool follows;
    bool lost; /* a follower whose backlog is full */
    bool eof;  /* the client sends nothing more, but may still read */
    bool awaits_down;
    int64_t down_id;
    bool owner; /* the same user as domd: root */
    char who[32];
};

struct server {
    struct loop *loop;
    int fd;
    char *path;
    long group;
    struct source *source;
    struct timer *timer;
    server_handler *handler;
    void *user;
    struct client *clients[SERVER_CLIENTS];
};

static void drop_client(struct client *c)
{
    struct server *s = c->server;
    size_t i;

    for (i = 0; i < SERVER_CLIENTS; i++) {
        if (s->clients[i] == c) s->clients[i] = NULL;
    }
    loop_remove(s->loop, c->source);
    close(c->fd);
    buf_dispose(&c->in);
    buf_dispose(&c->out);
    free(c);
}

static void set_events(struct client *c)
{
    short events = 0;

    if (c->out.len)
        events |= POLLOUT;
    else if (!c->eof)
        events |= POLLIN;
    /* More requests are in the buffer, for its next turn. */
    if (c->in.len && memchr(c->in.s, '\n', c->in.len)) events |= POLLOUT;
    loop_events(c->source, events);
}

/* Sends as much as the socket takes. False: the client was dropped. */
static bool flush_client(struct client *c)
{
    if (c->lost) {
        drop_client(c);
        return false;
    }
    while (c->out.len) {
        ssize_t n =
            send(c->fd, c->out.s, c->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
        if (n <= 0) {
            drop_client(c);
            return false;
        }
        buf_drop(&c->out, (size_t)n);
        c->stalled = MSEC_NEVER;
    }
    if (c->out.len && c->stalled == MSEC_NEVER) {
        c->stalled = loop_now();
        loop_at(c->server->timer, loop_now() + 1000);
    }
    if (c->eof && !c->out.len && !c->in.len && !c->awaits_down &&
        !c->follows) {
        drop_client(c);
        return false;
    }
    set_events(c);
    return true;
}

static void serve_line(struct client *c, const char *line, size_t len)
{
    struct request req;
    const char *bad = proto_parse(line, len, &req);

    if (bad)
        proto_error(&c->out, req.id, "%s", bad);
    else
        c->server->handler(c->server->user, c, &req, &c->out);
    request_dispose(&req);
}

/* Serves the complete lines in its buffer, up to one turn. False: the client
 * was dropped. */
static bool serve_client(struct client *c)
{
    unsigned int turn;

    for (turn = 0; turn < SERVER_TURN && c->in.len; turn++) {
        const char *end = memchr(c->in.s, '\n', c->in.len);
        size_t len;

        if (!end) break;
        len = (size_t)(end - c->in.s);
        serve_line(c, c->in.s, len);
        buf_drop(&c->in, len + 1);
        if (!flush_client(c)) return false;
        if (c->out.len) return true; /* the rest once this is read */
    }
    if (c->in.len && !memchr(c->in.s, '\n', c->in.len)) {
        if (c->in.len > PROTO_LINE_MAX) {
            drop_client(c);
            return false;
        }
        if (c->eof) buf_drop(&c->in, c->in.len);
    }
    return flush_client(c);
}

static void client_event(void *user, int fd, short revents)
{
    struct client *c = user;
    char chunk[4096];
    ssize_t n;

    (void)fd;
    if (revents & (POLLERR | POLLNVAL)) {
        drop_client(c);
        return;
    }
    if ((revents & POLLOUT) && !flush_client(c)) return;
    if (c->out.len) {
        if (revents & POLLHUP) drop_client(c);
        return;
    }
    if (c->eof) {
        /* A follower that hangs up. */
        if (revents & POLLHUP)
            drop_client(c);
        else
            serve_client(c);
        return;
    }
    /* The rest waits in the socket, which blocks the sender. */
    if (c->in.len <= PROTO_LINE_MAX) {
        n = recv(c->fd, chunk, sizeof(chunk), MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK &&
            errno != EINTR) {
            drop_client(c);
            return;
        }
        if (n == 0) c->eof = true;
        if (n > 0) buf_add(&c->in, chunk, (size_t)n);
    }
    serve_client(c);
}

static bool in_group(int fd, const struct ucred *cred, long group)
{
    gid_t groups[256];
    socklen_t len = sizeof(groups);
    size_t i;

    if (group < 0) return false;
    if (cred->gid == (gid_t)group) return true;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len)) return false;
    for (i = 0; i < len / sizeof(groups[0]); i++) {
        if (groups[i] == (gid_t)group) return true;
    }
    return false;
}

/* A free slot for a new client, or SERVER_CLIENTS. */
static size_t find_place(struct server *s, bool owner)
{
    size_t free_at = SERVER_CLIENTS;
    size_t others = 0;
    size_t i;

    for (i = 0; i < SERVER_CLIENTS; i++) {
        if (!s->clients[i])
            free_at = i;
        else if (!s->clients[i]->owner)
            others++;
    }
    if (!owner && others >= SERVER_OTHERS) return SERVER_CLIENTS;
    return free_at;
}

static void admit_client(struct server *s, int fd)
{
    struct ucred cred = {0};
    socklen_t len = sizeof(cred);
    struct client *c;
    bool owner;
    size_t at;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len)) {
        close(fd);
        return;
    }
    owner = cred.uid == geteuid();
    if (!owner && !in_group(fd, &cred, s->group)) {
        close(fd);
        return;
    }
    at = find_place(s, owner);
    if (at == SERVER_CLIENTS) {
        struct buf full = {0};
        ssize_t r;

        proto_error(&full, 0, "too many connections");
        r = send(fd, full.s, full.len, MSG_NOSIGNAL | MSG_DONTWAIT);
        (void)r;
        buf_dispose(&full);
        close(fd);
        return;
    }
    c = xcalloc(1, sizeof(*c));
    c->server = s;
    c->fd = fd;
    c->stalled = MSEC_NEVER;
    c->owner = owner;
    snprintf(c->who, sizeof(c->who), "uid %u", (unsigned int)cred.uid);
    c->source = loop_add(s->loop, fd, POLLIN, client_event, c);
    s->clients[at] = c;
}

static void listener_event(void *user, int fd, short revents)
{
    struct server *s = user;
    unsigned int turn;
    int conn;

    (void)revents;
    for (turn = 0; turn < SERVER_CLIENTS; turn++) {
        conn = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (conn < 0) return;
        admit_client(s, conn);
    }
}

/* Drops clients that have read nothing for SERVER_PATIENCE. */
static void drop_stalled(void *user)
{
    struct server *s = user;
    msec now = loop_now();
    bool any = false;
    size_t i;

    for (i = 0; i < SERVER_CLIENTS; i++) {
        struct client *c = s->clients[i];

        if (!c || (c->stalled == MSEC_NEVER && !c->lost)) continue;
        /* domd itself may have been busy: the client gets one more chance. */
        if (c->lost || now - c->stalled >= SERVER_PATIENCE) {
            if (!flush_client(c)) continue;
            if (c->stalled != MSEC_NEVER &&
                now - c->stalled >= SERVER_PATIENCE)
                drop_client(c);
        }
        any = true;
    }
    if (any) loop_at(s->timer, now + 1000);
}

int server_open(struct server **server_r, struct loop *loop, const char *path,
                long group, server_handler *handler, void *user)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    struct server *s = NULL;
    mode_t mask;
    int fd = -1;
    int rc = 0;
    int r;

    if (strlen(path) >= sizeof(addr.sun_path)) return ENAMETOOLONG;
    strcpy(addr.sun_path, path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return errno;
    if (unlink(path) && errno != ENOENT) {
        rc = errno;
        goto out;
    }
    /* Nobody else may connect before the group is set. */
    mask = umask(0177);
    r = bind(fd, (struct sockaddr *)&addr, sizeof(addr));
    if (r) rc = errno;
    umask(mask);
    if (r) goto out;
    if (group >= 0 &&
        (chown(path, (uid_t)-1, (gid_t)group) || chmod(path, 0660))) {
        rc = errno;
        goto out;
    }
    if (listen(fd, 2 * SERVER_CLIENTS)) {
        rc = errno;
        goto out;
    }
    s = xcalloc(1, sizeof(*s));
    s->loop = loop;
    s->fd = fd;
    s->path = xstrdup(path);
    s->group = group;
    s->handler = handler;
    s->user = user;
    s->source = loop_add(loop, fd, POLLIN, listener_event, s);
    s->timer = loop_timer(loop, drop_stalled, s);
    *server_r = s;
    fd = -1;
out:
    if (fd >= 0) close(fd);
    return rc;
}

void server_close(struct server *s)
{
    size_t i;

    if (!s) return;
    for (i = 0; i < SERVER_CLIENTS; i++) {
        if (s->clients[i]) drop_client(s->clients[i]);
    }
    loop_remove(s->loop, s->source);
    loop_timer_remove(s->loop, s->timer);
    close(s->fd);
    unlink(s->path);
    free(s->path);
    free(s);
}

void server_follow(struct client *client)
{
    client->follows = true;
}

void server_await_down(struct client *client, int64_t id)
{
    client->awaits_down = true;
    client->down_id = id;
}

const char *client_who(const struct client *client)
{
    return client->who;
}

void server_tell(struct server *s, const struct buf *line)
{
    size_t i;

    for (i = 0; i < SERVER_CLIENTS; i++) {
        struct client *c = s->clients[i];

        if (!c || !c->follows) continue;
        /* The loop sends and drops, as this client may be the one whose
         * request is being served. */
        if (c->lost || c->out.len > SERVER_BACKLOG) {
            c->lost = true;
            loop_at(s->timer, 0);
            continue;
        }
        buf_add(&c->out, line->s, line->len);
        loop_events(c->source, POLLOUT);
    }
}

void server_tell_down(struct server *s)
{
    size_t i;

    for (i = 0; i < SERVER_CLIENTS; i++) {
        struct client *c = s->clients[i];
        yajl_gen g;

        if (!c || !c->awaits_down) continue;
        c->awaits_down = false;
        g = proto_reply(c->down_id, true);
        json_bool(g, "down", true);
        json_close(g);
        json_line(g, &c->out);
        loop_events(c->source, POLLOUT);
    }
}

unsigned int server_clients(const struct server *s)
{
    unsigned int n = 0;
    size_t i;

    for (i = 0; i < SERVER_CLIENTS; i++) {
        if (s->clients[i]) n++;
    }
    return n;
}
