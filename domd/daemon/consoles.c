#include "daemon/consoles.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Pause before a retry on a busy console, in ms; doubled each time. */
#define PAUSE_FIRST 10
#define PAUSE_LAST  1000

struct console {
    char *name;
    struct buf rest;
};

struct consoles {
    struct loop *loop;
    struct timer *timer;
    char *active;
    struct console *v;
    size_t n;
    msec pause;
};

/* Linux locks a terminal for each writer; without waiting, others get EAGAIN
 * meanwhile (tty_write_lock in drivers/tty/tty_io.c). */
static void write_rest(struct console *con)
{
    char *path;
    ssize_t r = -1;
    int fd;

    if (!con->rest.len) return;
    path = xasprintf("/dev/%s", con->name);
    fd = open(path, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    free(path);
    while (fd >= 0 && con->rest.len) {
        r = write(fd, con->rest.s, con->rest.len);
        if (r <= 0) break;
        buf_drop(&con->rest, (size_t)r);
    }
    /* The console is gone, or its other end is closed. */
    if (r < 0 && (fd < 0 || (errno != EAGAIN && errno != EINTR)))
        buf_drop(&con->rest, con->rest.len);
    if (fd >= 0) close(fd);
}

size_t consoles_left(const struct consoles *c)
{
    size_t sum = 0;
    size_t i;

    for (i = 0; i < c->n; i++)
        sum += c->v[i].rest.len;
    return sum;
}

static void write_all(struct consoles *c)
{
    size_t i;

    for (i = 0; i < c->n; i++)
        write_rest(&c->v[i]);
}

static void retry_write(void *user)
{
    struct consoles *c = user;
    size_t before = consoles_left(c);

    write_all(c);
    c->pause = consoles_left(c) < before   ? PAUSE_FIRST
               : 2 * c->pause < PAUSE_LAST ? 2 * c->pause
                                           : PAUSE_LAST;
    if (consoles_left(c)) loop_at(c->timer, loop_now() + c->pause);
}

struct consoles *consoles_open(struct loop *loop, const char *active)
{
    struct consoles *c = xcalloc(1, sizeof(*c));

    c->loop = loop;
    c->timer = loop_timer(loop, retry_write, c);
    c->active = xstrdup(active);
    return c;
}

static struct console *get_console(struct consoles *c, const char *name)
{
    size_t i;

    for (i = 0; i < c->n; i++)
        if (!strcmp(c->v[i].name, name)) return &c->v[i];
    c->v = xrealloc(c->v, c->n + 1, sizeof(*c->v));
    c->v[c->n] = (struct console){.name = xstrdup(name)};
    return &c->v[c->n++];
}

void consoles_write(struct consoles *c, const char *text)
{
    struct buf names = {0};
    char *save = NULL;
    char *name;

    if (read_file(c->active, 1024, &names)) {
        buf_dispose(&names);
        buf_add(&names, "console", 7);
    }
    for (name = strtok_r(names.s, " \n", &save); name;
         name = strtok_r(NULL, " \n", &save)) {
        struct console *con = get_console(c, name);

        if (con->rest.len + strlen(text) > CONSOLES_REST) continue;
        buf_add(&con->rest, text, strlen(text));
        write_rest(con);
    }
    buf_dispose(&names);
    c->pause = PAUSE_FIRST;
    if (consoles_left(c)) loop_at(c->timer, loop_now() + c->pause);
}

void consoles_close(struct consoles *c)
{
    size_t i;

    if (!c) return;
    for (i = 0; i < 100 && consoles_left(c); i++) {
        usleep(10000);
        write_all(c);
    }
    for (i = 0; i < c->n; i++) {
        free(c->v[i].name);
        buf_dispose(&c->v[i].rest);
    }
    free(c->v);
    loop_timer_remove(c->loop, c->timer);
    free(c->active);
    free(c);
}
