/* Console probes: a line in the log that xenconsoled writes. */
#include "probe/internal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_MAX_LEN ((size_t)4096)

char *probe_log_path(const struct probes *all, const char *name)
{
    return xasprintf("%s/guest-%s.log", all->console_dir, name);
}

static bool line_matches(struct probe *p)
{
    return p->has_regex && p->line.len &&
           !regexec(&p->regex, p->line.s, 0, NULL, 0);
}

/* Adds console text, and checks each complete line. */
static bool feed_lines(struct probe *p, const char *text, size_t len)
{
    size_t i;

    for (i = 0; i < len; i++) {
        char c = text[i];

        if (c == '\n') {
            if (line_matches(p)) return true;
            buf_drop(&p->line, p->line.len);
        } else if (c && c != '\r' && p->line.len < LINE_MAX_LEN) {
            buf_add(&p->line, &c, 1);
        }
    }
    return false;
}

/* Reads FD from the last offset, at most *LEFT_IO bytes. */
static bool read_log(struct probe *p, int fd, size_t *left_io)
{
    char chunk[4096];
    ssize_t n;

    while (*left_io) {
        size_t len = *left_io < sizeof(chunk) ? *left_io : sizeof(chunk);

        n = pread(fd, chunk, len, p->offset);
        if (n <= 0) return false;
        p->offset += n;
        *left_io -= (size_t)n;
        if (feed_lines(p, chunk, (size_t)n)) return true;
    }
    return false;
}

static int open_log(const char *path, struct stat *st)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0) return -1;
    if (!fstat(fd, st)) return fd;
    close(fd);
    return -1;
}

/* The log may be rotated to NAME.1 or truncated; no line is missed. */
bool probe_console_matches(struct probe *p)
{
    char *path = probe_log_path(p->all, p->name);
    char *aside = xasprintf("%s.1", path);
    size_t left = CONSOLE_TURN;
    struct stat st = {0};
    struct stat old_st;
    bool match = false;
    int fd = open_log(path, &st);
    int old = -1;

    if (p->inode && (fd < 0 || st.st_ino != p->inode)) {
        old = open_log(aside, &old_st);
        if (old >= 0 && old_st.st_ino == p->inode)
            match = read_log(p, old, &left);
    }
    if (fd >= 0 && !match && left) {
        if (st.st_ino != p->inode || st.st_size < p->offset) p->offset = 0;
        p->inode = st.st_ino;
        match = read_log(p, fd, &left);
    }
    if (!match && !left)
        loop_at(p->timer, loop_now()); /* there is more */
    else if (!match)
        match = line_matches(p); /* a prompt has no newline */
    if (fd >= 0) close(fd);
    if (old >= 0) close(old);
    free(aside);
    free(path);
    return match;
}

void probe_console_event(void *user, int fd, short revents)
{
    struct probes *all = user;
    char events[4096];
    unsigned int turn;
    unsigned int i;

    (void)revents;
    for (turn = 0; turn < EVENTS_TURN; turn++) {
        if (read(fd, events, sizeof(events)) <= 0) break;
    }
    for (i = 0; i < all->n; i++) {
        if (all->v[i] && all->v[i]->running &&
            all->v[i]->ready.kind == READY_CONSOLE)
            probe_attempt(all->v[i]);
    }
}
