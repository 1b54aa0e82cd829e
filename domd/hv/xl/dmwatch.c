#include "hv/xl/dmwatch.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Longest command line read. */
#define ARGUMENTS_MAX ((size_t)128 * 1024)
/* Descriptors left for clients, libxl and children: building the next domain
 * matters more than watching this one. */
#define FDS_LEFT 256

struct dmwatch {
    struct loop *loop;
    int fd;
    struct source *source;
    struct timer *timer;
    dmwatch_ended *ended;
    void *user;
};

/* Whether PID is the device model of DOMID, and not a process that reused its
 * number: libxl passes "-xen-domid DOMID". */
static bool is_device_model_of(pid_t pid, uint32_t domid)
{
    char *path = xasprintf("/proc/%ld/cmdline", (long)pid);
    char *number = xasprintf("%u", (unsigned int)domid);
    struct buf arguments = {0};
    bool found = false;
    bool option = false;
    const char *a;

    if (read_file(path, ARGUMENTS_MAX, &arguments)) goto out;
    buf_add(&arguments, "", 1);
    for (a = arguments.s; a < arguments.s + arguments.len;
         a += strlen(a) + 1) {
        if (option && !strcmp(a, number)) found = true;
        option = !strcmp(a, "-xen-domid");
    }
out:
    buf_dispose(&arguments);
    free(number);
    free(path);
    return found;
}

/* Whether descriptors run short. A new one is the lowest that is free. */
static bool fds_run_short(int fd)
{
    struct rlimit limit;

    return !getrlimit(RLIMIT_NOFILE, &limit) &&
           (rlim_t)fd + FDS_LEFT > limit.rlim_cur;
}

/* Returns -1 with errno set; ESRCH: it has ended. */
static int open_pidfd(pid_t pid, uint32_t domid)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    int r = 0;

    if (fd < 0) return -1;
    if (fds_run_short(fd))
        r = EMFILE;
    else if (!is_device_model_of(pid, domid)) /* the pidfd pins the process */
        r = ESRCH;
    if (!r) return fd;
    close(fd);
    errno = r;
    return -1;
}

static void report_end(void *user)
{
    struct dmwatch *w = user;

    w->ended(w->user);
}

static void process_ended(void *user, int fd, short revents)
{
    struct dmwatch *w = user;

    (void)revents;
    loop_remove(w->loop, w->source);
    w->source = NULL;
    close(fd);
    w->fd = -1;
    loop_at(w->timer, loop_now() + DMWATCH_GRACE);
}

struct dmwatch *dmwatch_new(struct loop *loop, pid_t pid, uint32_t domid,
                            dmwatch_ended *ended, void *user)
{
    int fd = open_pidfd(pid, domid);
    struct dmwatch *w;

    if (fd < 0 && errno != ESRCH) return NULL;
    w = xcalloc(1, sizeof(*w));
    w->loop = loop;
    w->fd = fd;
    w->timer = loop_timer(loop, report_end, w);
    w->ended = ended;
    w->user = user;
    if (fd >= 0)
        w->source = loop_add(loop, fd, POLLIN, process_ended, w);
    else
        loop_at(w->timer, loop_now() + DMWATCH_GRACE);
    return w;
}

void dmwatch_free(struct dmwatch *w)
{
    if (!w) return;
    loop_remove(w->loop, w->source);
    loop_timer_remove(w->loop, w->timer);
    if (w->fd >= 0) close(w->fd);
    free(w);
}
