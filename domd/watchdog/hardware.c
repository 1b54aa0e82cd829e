/* Hardware watchdogs: the kernel's /dev/watchdogN. */
#include "watchdog/timer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/watchdog.h>

struct hw_timer {
    int fd;
    char *name;
    unsigned int seconds;
};

struct hw_timer *hw_timer_open(const char *path, unsigned int seconds)
{
    struct watchdog_info info = {0};
    struct hw_timer *t;
    int time = (int)seconds;
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd < 0) return NULL;
    t = xcalloc(1, sizeof(*t));
    t->fd = fd;
    t->name = ioctl(fd, WDIOC_GETSUPPORT, &info)
                  ? xstrdup(path)
                  : xasprintf("%.*s", (int)sizeof(info.identity),
                              (const char *)info.identity);
    /* A driver that refuses the time keeps its own. One that tells none gets
     * the shortest that is in use. */
    if (ioctl(fd, WDIOC_SETTIMEOUT, &time) &&
        ioctl(fd, WDIOC_GETTIMEOUT, &time))
        time = 10;
    t->seconds = time > 1 ? (unsigned int)time : 1;
    return t;
}

const char *hw_timer_name(const struct hw_timer *t)
{
    return t->name;
}

unsigned int hw_timer_seconds(const struct hw_timer *t)
{
    return t->seconds;
}

int hw_timer_feed(struct hw_timer *t)
{
    return write(t->fd, "", 1) == 1 ? 0 : errno;
}

void hw_timer_close(struct hw_timer *t, bool disarm)
{
    if (!t) return;
    /* The magic letter: without it, the driver keeps the timer running. */
    if (disarm && write(t->fd, "V", 1) != 1) perror(t->name);
    close(t->fd);
    free(t->name);
    free(t);
}
