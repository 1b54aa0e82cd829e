#include "base/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* A domain as JSON is a few kilobytes. Output beyond this is discarded. */
#define OUTPUT_MAX ((size_t)1024 * 1024)

/* Standard output or standard error of a child. */
struct stream {
    int fd;
    struct source *source;
    struct buf text;
};

struct child {
    struct loop *loop;
    pid_t pid;
    int end; /* a pidfd: becomes readable when the child exits */
    struct source *end_source;
    struct stream out;
    struct stream err;
    child_done *done;
    void *user;
};

static void close_fd(int *fd)
{
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

static void read_stream(struct stream *s)
{
    char chunk[4096];
    ssize_t n;

    for (;;) {
        n = read(s->fd, chunk, sizeof(chunk));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return;
        if (s->text.len < OUTPUT_MAX) buf_add(&s->text, chunk, (size_t)n);
    }
}

static void stream_event(void *user, int fd, short revents)
{
    struct child *run = user;
    struct stream *s = fd == run->out.fd ? &run->out : &run->err;

    read_stream(s);
    if (!(revents & (POLLHUP | POLLERR))) return;
    /* A closed pipe polls as ready for ever; the rest of the output is read
     * when the child is reaped. */
    loop_remove(run->loop, s->source);
    s->source = NULL;
}

static void stream_open(struct child *run, struct stream *s, int *fd)
{
    s->fd = *fd;
    *fd = -1;
    fcntl(s->fd, F_SETFL, O_NONBLOCK);
    s->source = loop_add(run->loop, s->fd, POLLIN, stream_event, run);
}

static void stream_close(struct child *run, struct stream *s)
{
    loop_remove(run->loop, s->source);
    s->source = NULL;
    close_fd(&s->fd);
}

/* domd ignores SIGPIPE; the child must not inherit that. */
static int reset_signals(posix_spawnattr_t *attr)
{
    sigset_t set;
    int r;

    sigemptyset(&set);
    r = posix_spawnattr_setsigmask(attr, &set);
    if (r) return r;
    sigaddset(&set, SIGPIPE);
    r = posix_spawnattr_setsigdefault(attr, &set);
    if (r) return r;
    return posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK |
                                              POSIX_SPAWN_SETSIGDEF);
}

/* A pidfd reports the exit, because libxl owns SIGCHLD: it would miss the
 * exits of its own children while one of its calls waits for one. */
static void reap_child(void *user, int fd, short revents)
{
    struct child *run = user;
    int status;

    (void)fd;
    (void)revents;
    if (waitpid(run->pid, &status, WNOHANG) != run->pid) return;
    read_stream(&run->out);
    read_stream(&run->err);
    run->done(run->user, status, &run->out.text, &run->err.text);
    child_free(run);
}

/* The two pipes for the output of a child. */
struct pipes {
    int out[2];
    int err[2];
};

/* Returns 0, or an errno value. */
static int pipes_open(struct pipes *p)
{
    *p = (struct pipes){{-1, -1}, {-1, -1}};
    return pipe2(p->out, O_CLOEXEC) || pipe2(p->err, O_CLOEXEC) ? errno : 0;
}

static void pipes_close(struct pipes *p)
{
    close_fd(&p->out[0]);
    close_fd(&p->out[1]);
    close_fd(&p->err[0]);
    close_fd(&p->err[1]);
}

/* Watches the running child PID. Returns 0 or an errno value; on error the
 * child has been killed and reaped. */
static int watch_child(struct child **run_r, struct loop *loop, pid_t pid,
                       struct pipes *pipes, child_done *done, void *user)
{
    int end = (int)syscall(SYS_pidfd_open, pid, 0);
    struct child *run;
    int r;

    if (end < 0) {
        r = errno;
        kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
        return r;
    }
    run = xcalloc(1, sizeof(*run));
    run->loop = loop;
    run->pid = pid;
    run->end = end;
    run->end_source = loop_add(loop, end, POLLIN, reap_child, run);
    run->done = done;
    run->user = user;
    stream_open(run, &run->out, &pipes->out[0]);
    stream_open(run, &run->err, &pipes->err[0]);
    *run_r = run;
    return 0;
}

int child_start(struct child **run_r, struct loop *loop, char *const argv[],
                child_done *done, void *user)
{
    char *envp[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    struct pipes pipes;
    pid_t pid;
    int r;

    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attr);
    r = pipes_open(&pipes);
    if (r) goto out;
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, pipes.out[1], 1);
    posix_spawn_file_actions_adddup2(&actions, pipes.err[1], 2);
    r = reset_signals(&attr);
    if (r) goto out;
    r = posix_spawn(&pid, argv[0], &actions, &attr, argv, envp);
    if (r) goto out;
    r = watch_child(run_r, loop, pid, &pipes, done, user);
out:
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&actions);
    pipes_close(&pipes);
    return r;
}

/* Runs in the fork, which may outlive its parent: an open connection would
 * keep its client waiting, and an open lock file the next domd. */
static void become_child(const struct pipes *pipes, pid_t parent)
{
    static const int plain[] = {SIGTERM, SIGINT, SIGPIPE, SIGCHLD};
    sigset_t none;
    size_t i;
    int null;

    for (i = 0; i < ARRAY_SIZE(plain); i++)
        signal(plain[i], SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    dup2(null, 0);
    dup2(pipes->out[1], 1);
    dup2(pipes->err[1], 2);
    if (syscall(SYS_close_range, 3u, ~0u, 0u)) _exit(1);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
}

int child_fork(struct child **run_r, struct loop *loop,
               void (*work)(const void *arg), const void *arg,
               child_done *done, void *user)
{
    struct pipes pipes;
    pid_t parent = getpid();
    pid_t pid;
    int r;

    r = pipes_open(&pipes);
    if (r) goto out;
    pid = fork();
    if (!pid) {
        become_child(&pipes, parent);
        work(arg);
        _exit(0);
    }
    r = pid < 0 ? errno : watch_child(run_r, loop, pid, &pipes, done, user);
out:
    pipes_close(&pipes);
    return r;
}

bool child_wait(struct child *run, msec until)
{
    struct pollfd fds[3] = {
        {.fd = run->end, .events = POLLIN},
        {.fd = run->out.fd, .events = POLLIN},
        {.fd = run->err.fd, .events = POLLIN},
    };
    size_t i;

    for (;;) {
        msec left = until - loop_now();

        (void)poll(fds, ARRAY_SIZE(fds), left > 0 ? (int)left : 0);
        if (fds[0].revents) {
            reap_child(run, run->end, fds[0].revents);
            return true;
        }
        read_stream(&run->out);
        read_stream(&run->err);
        if (left <= 0) return false;
        /* A closed pipe polls as ready for ever. */
        for (i = 1; i < ARRAY_SIZE(fds); i++) {
            if (fds[i].fd >= 0 && fds[i].revents & (POLLHUP | POLLERR))
                fds[i].fd = -1;
        }
    }
}

const struct buf *child_output(const struct child *run)
{
    return &run->out.text;
}

void child_kill(struct child *run)
{
    kill(run->pid, SIGKILL);
}

void child_free(struct child *run)
{
    if (!run) return;
    stream_close(run, &run->out);
    stream_close(run, &run->err);
    loop_remove(run->loop, run->end_source);
    close_fd(&run->end);
    buf_dispose(&run->out.text);
    buf_dispose(&run->err.text);
    free(run);
}

/* Rank of a line of xl: an error ranks above other lines, a warning below. */
static int rank_line(const char *line)
{
    if (!*line) return -1;
    if (strcasestr(line, "warning")) return 0;
    return strcasestr(line, "error") ? 2 : 1;
}

char *child_reason(const struct buf *err)
{
    const char *line = err->s ? err->s : "";
    char *reason = NULL;
    int best = 0;

    for (; *line; line += strspn(line, "\n")) {
        size_t len = strcspn(line, "\n");
        char *text = xstrndup(line, len);
        int w = rank_line(text);

        if (w >= best) {
            best = w;
            free(reason);
            reason = text;
            text = NULL;
        }
        free(text);
        line += len;
    }
    return reason;
}
