#include "control/client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/visible.h"

/* After this time (ms), the user is told that domd is busy. */
#define SILENCE (5 * 1000)

struct conn {
    int fd;
    int patience;
    struct buf in;
    struct buf line;
};

struct conn *conn_open(const char *path, int patience, bool say)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    struct conn *c;
    int fd;

    if (strlen(path) >= sizeof(addr.sun_path)) {
        fprintf(stderr, "xenith: socket %s: the path is too long\n", path);
        return NULL;
    }
    strcpy(addr.sun_path, path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr))) {
        if (say)
            fprintf(stderr, "xenith: cannot reach domd at %s: %s\n", path,
                    strerror(errno));
        if (fd >= 0) close(fd);
        return NULL;
    }
    c = xcalloc(1, sizeof(*c));
    c->fd = fd;
    c->patience = patience;
    return c;
}

void conn_patience(struct conn *c, int ms)
{
    c->patience = ms;
}

void conn_close(struct conn *c)
{
    if (!c) return;
    close(c->fd);
    buf_dispose(&c->in);
    buf_dispose(&c->line);
    free(c);
}

bool conn_send(struct conn *c, const char *cmd, char *const *names)
{
    yajl_gen g = json_new();
    struct buf out = {0};
    size_t done = 0;
    size_t i;

    json_open(g, NULL);
    json_int(g, "v", PROTO_VERSION);
    json_string(g, "cmd", cmd);
    if (names && *names) {
        json_array(g, "names");
        for (i = 0; names[i]; i++)
            json_string(g, NULL, names[i]);
        json_array_end(g);
    }
    json_close(g);
    json_line(g, &out);
    while (done < out.len) {
        ssize_t n = send(c->fd, out.s + done, out.len - done, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            fprintf(stderr, "xenith: cannot send %s to domd: %s\n", cmd,
                    strerror(errno));
            break;
        }
        done += (size_t)n;
    }
    i = out.len;
    buf_dispose(&out);
    return done == i;
}

yajl_val conn_read(struct conn *c, int timeout, bool *eof_r)
{
    char error[128];
    char chunk[4096];
    const char *end;

    *eof_r = false;
    while (!c->in.len || !(end = memchr(c->in.s, '\n', c->in.len))) {
        struct pollfd p = {.fd = c->fd, .events = POLLIN};
        int r = poll(&p, 1, timeout);
        ssize_t n;

        if (r < 0 && errno == EINTR) continue;
        if (r <= 0) return NULL;
        n = recv(c->fd, chunk, sizeof(chunk), 0);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            *eof_r = true;
            return NULL;
        }
        buf_add(&c->in, chunk, (size_t)n);
    }
    buf_drop(&c->line, c->line.len);
    buf_add(&c->line, c->in.s, (size_t)(end - c->in.s));
    buf_drop(&c->in, c->line.len + 1);
    return yajl_tree_parse(c->line.s, error, sizeof(error));
}

const char *conn_text(const struct conn *c)
{
    return c->line.s ? c->line.s : "";
}

yajl_val conn_ask(struct conn *c, const char *cmd, char *const *names)
{
    yajl_val answer;
    char *error;
    bool eof;

    if (!conn_send(c, cmd, names)) return NULL;
    answer = conn_read(c, c->patience < SILENCE ? c->patience : SILENCE, &eof);
    if (!answer && !eof && c->patience > SILENCE) {
        fprintf(stderr, "xenith: %s: domd is busy; waiting for its answer\n",
                cmd);
        answer = conn_read(c, c->patience - SILENCE, &eof);
    }
    if (!answer && eof)
        fprintf(stderr, "xenith: %s: domd closed the connection\n", cmd);
    else if (!answer)
        fprintf(stderr, "xenith: %s: no answer from domd within %d s\n", cmd,
                c->patience / 1000);
    if (!answer) return NULL;
    if (json_get_bool(answer, "ok", false)) return answer;
    error = conn_error(answer, "no reason given");
    fprintf(stderr, "xenith: %s\n", error);
    free(error);
    yajl_tree_free(answer);
    return NULL;
}

char *conn_error(yajl_val answer, const char *fallback)
{
    const char *error = json_get_string(answer, "error");

    return visible(error ? error : fallback, SIZE_MAX);
}
