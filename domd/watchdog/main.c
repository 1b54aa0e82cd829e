/*
 * watchdog: feeds the host's watchdogs as long as domd answers.
 *
 * With the limit 0 it ends with EXIT_IDLE, if need be after it has disarmed
 * the timer by which Xen watches the boot.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/loop.h"
#include "watchdog/guard.h"
#include "watchdog/pulse.h"
#include "watchdog/timer.h"

/* Nothing is left to feed; the service ends. */
#define EXIT_IDLE 3

/* Hardware is fed so often that a hang of Xen need not take the limit of
 * domd, which may be minutes. */
#define HARDWARE_SECONDS 60
/* What init may need after it has ended all processes, this one too. */
#define FINAL_SECONDS 120
#define ROUND_MAX     ((msec)5 * 1000)

struct watch {
    const char *run_dir;
    const char *service; /* domd's, of runsvdir */
    const char *kmsg;
    struct guard guard;
    struct pulse pulse;
    struct xen_timer *xen;
    bool xen_is_ours; /* and not to be left alone, as Xen armed it */
    struct hw_timer **hw;
    int n_hw;
    int error; /* of the last round, to be reported once */
};

static volatile sig_atomic_t ended;

static void on_term(int sig)
{
    (void)sig;
    ended = 1;
}

static void report(const struct watch *w, int level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Writes a line to the kernel's log: syslogd may hang, and a console shows a
 * LEVEL below 4. */
static void report(const struct watch *w, int level, const char *format, ...)
{
    int fd = open(w->kmsg, O_WRONLY | O_CLOEXEC | O_APPEND);
    va_list args;
    char *text;
    char *line;

    va_start(args, format);
    text = xvasprintf(format, args);
    va_end(args);
    line = xasprintf("<%d>Xenith: watchdog: %s\n", level, text);
    if (fd < 0 || write(fd, line, strlen(line)) < 0) perror(text);
    if (fd >= 0) close(fd);
    free(line);
    free(text);
}

/* ---- what this program sees --------------------------------------------- */

/* Whether the file NAME says until when something may take, in seconds since
 * the host booted; then it is in *DEADLINE. */
static bool read_deadline(const struct watch *w, const char *name,
                          msec *deadline)
{
    char *path = xasprintf("%s/%s", w->run_dir, name);
    struct buf text = {0};
    bool found = false;
    char *end;
    long seconds;

    if (!read_file(path, 64, &text) && text.len) {
        errno = 0;
        seconds = strtol(text.s, &end, 10);
        /* Without its newline, the number is not complete. */
        found = !errno && end > text.s && *end == '\n';
        if (found) *deadline = (msec)seconds * 1000;
    }
    buf_dispose(&text);
    free(path);
    return found;
}

static void look_for_deadlines(struct watch *w)
{
    msec deadline;

    if (read_deadline(w, "stopping", &deadline))
        guard_closing(&w->guard, deadline);
    if (w->guard.phase == GUARD_BOOT &&
        read_deadline(w, "checking", &deadline)) {
        guard_checking(&w->guard, deadline);
        /* Xen's own time may be too short for the check. */
        w->xen_is_ours = true;
    }
}

/* Whether somebody stopped domd by `sv down`. runsv writes 20 bytes, of which
 * the 18th is what the service should be: up or down. */
static bool is_parked(const struct watch *w)
{
    char *path = xasprintf("%s/supervise/status", w->service);
    struct buf status = {0};
    bool parked = !read_file(path, 64, &status) && status.len == 20 &&
                  status.s[17] == 'd';

    buf_dispose(&status);
    free(path);
    return parked;
}

static void look(struct watch *w)
{
    look_for_deadlines(w);
    if (is_parked(w)) guard_parked(&w->guard, loop_now());
    pulse_ask(&w->pulse);
}

/* ---- what it does --------------------------------------------------------
 */

static unsigned int whole_seconds(msec ms)
{
    return (unsigned int)((ms + 999) / 1000);
}

static void feed(struct watch *w)
{
    msec now = loop_now();
    msec left = guard_left(&w->guard, now);
    int error = 0;
    int rc;
    int i;

    if (guard_warns(&w->guard, now))
        report(w, 3,
               "domd has not answered for %u s; the host is reset in %u s "
               "unless it does",
               whole_seconds(w->guard.limit - left),
               left > 0 ? whole_seconds(left) : 0);
    if (left <= 0) return;
    if (w->guard.phase != GUARD_BOOT) w->xen_is_ours = true;
    if (w->xen_is_ours) error = xen_timer_feed(w->xen, whole_seconds(left));
    for (i = 0; i < w->n_hw; i++) {
        rc = hw_timer_feed(w->hw[i]);
        if (rc) error = rc;
    }
    if (error && error != w->error)
        report(w, 3, "cannot feed a watchdog: %s", strerror(error));
    w->error = error;
}

/* Tells `xenith status`. */
static void write_state(const struct watch *w)
{
    char *path = xasprintf("%s/watchdog", w->run_dir);
    struct buf text = {0};
    int rc;
    int i;

    buf_addf(&text, "armed (Xen");
    for (i = 0; i < w->n_hw; i++)
        buf_addf(&text, ", %s", hw_timer_name(w->hw[i]));
    buf_addf(&text, "): the host is reset if domd does not answer for %u s\n",
             whole_seconds(w->guard.limit));
    rc = write_file(path, text.s, text.len, 0644);
    if (rc) report(w, 3, "cannot write %s: %s", path, strerror(rc));
    report(w, 6, "%.*s", (int)text.len - 1, text.s);
    buf_dispose(&text);
    free(path);
}

static void remove_state(const struct watch *w)
{
    char *path = xasprintf("%s/watchdog", w->run_dir);

    unlink(path);
    free(path);
}

static void open_hardware(struct watch *w, char *const *paths, int n)
{
    unsigned int seconds = whole_seconds(w->guard.limit);
    int i;

    w->hw = xcalloc((size_t)n + 1, sizeof(struct hw_timer *));
    for (i = 0; i < n; i++) {
        w->hw[w->n_hw] = hw_timer_open(
            paths[i], seconds < HARDWARE_SECONDS ? seconds : HARDWARE_SECONDS);
        if (w->hw[w->n_hw])
            w->n_hw++;
        else
            report(w, 3, "cannot open %s: %s", paths[i], strerror(errno));
    }
}

/* A quarter of the shortest time, so that a late round does no harm. */
static msec round_time(const struct watch *w)
{
    msec round = ROUND_MAX;
    int i;

    if (w->guard.limit && w->guard.limit / 4 < round)
        round = w->guard.limit / 4;
    for (i = 0; i < w->n_hw; i++) {
        msec quarter = (msec)hw_timer_seconds(w->hw[i]) * 250;

        if (quarter < round) round = quarter;
    }
    return round;
}

/* Feeds until SIGTERM; with the limit 0, until the boot is over. */
static void run(struct watch *w)
{
    msec round = round_time(w);
    msec next = loop_now();
    sigset_t none;

    sigemptyset(&none);
    while (!ended && (w->guard.limit || w->guard.phase == GUARD_BOOT)) {
        msec now = loop_now();
        struct timespec wait;
        struct pollfd p;

        if (now >= next) {
            look(w);
            feed(w);
            next = now + round;
        }
        p = (struct pollfd){.fd = w->pulse.fd, .events = POLLIN};
        wait.tv_sec = (time_t)((next - now) / 1000);
        wait.tv_nsec = (long)((next - now) % 1000) * 1000000;
        if (ppoll(&p, 1, &wait, &none) > 0 && pulse_read(&w->pulse)) {
            guard_answered(&w->guard, loop_now());
            if (!w->xen_is_ours) next = loop_now();
        }
    }
}

/* In a shutdown the timers stay armed, because it may still hang. */
static void finish(struct watch *w)
{
    char *path = xasprintf("%s/stopping", w->run_dir);
    bool armed = w->guard.limit && !access(path, F_OK);
    int rc = armed ? xen_timer_feed(w->xen, FINAL_SECONDS)
                   : xen_timer_disarm(w->xen);
    int i;

    if (rc) report(w, 3, "cannot set Xen's timer: %s", strerror(rc));
    for (i = 0; i < w->n_hw; i++) {
        if (armed) hw_timer_feed(w->hw[i]);
        hw_timer_close(w->hw[i], !armed);
    }
    free(w->hw);
    xen_timer_close(w->xen);
    pulse_close(&w->pulse);
    if (!armed) remove_state(w);
    free(path);
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_term};
    sigset_t blocked;

    /* They arrive in ppoll only. */
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigaddset(&blocked, SIGINT);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
}

static void print_usage(FILE *to)
{
    fputs("usage: watchdog [-r DIR] [-s SOCKET] [-S DIR] [-k FILE] SECONDS "
          "[DEVICE...]\n"
          "  SECONDS  how long domd may be silent before the host is reset; "
          "0: only\n"
          "           disarms Xen's timer (dom0-watchdog=) once domd answers\n"
          "  DEVICE   hardware watchdogs that are fed, too\n"
          "  -r  the state of the host (/run/xenith)\n"
          "  -s  domd's control socket (/run/xenith/domd.sock)\n"
          "  -S  domd's service (/run/service/domd)\n"
          "  -k  the kernel's log (/dev/kmsg)\n",
          to);
}

int main(int argc, char **argv)
{
    struct watch w = {
        .run_dir = "/run/xenith",
        .service = "/run/service/domd",
        .kmsg = "/dev/kmsg",
    };
    const char *socket = "/run/xenith/domd.sock";
    bool armed = false;
    char *end = NULL;
    long seconds = -1;
    int opt;

    while ((opt = getopt(argc, argv, "r:s:S:k:h")) != -1) {
        switch (opt) {
        case 'r':
            w.run_dir = optarg;
            break;
        case 's':
            socket = optarg;
            break;
        case 'S':
            w.service = optarg;
            break;
        case 'k':
            w.kmsg = optarg;
            break;
        default:
            print_usage(opt == 'h' ? stdout : stderr);
            return opt == 'h' ? EXIT_SUCCESS : 2;
        }
    }
    if (optind < argc) seconds = strtol(argv[optind], &end, 10);
    if (!end || *end || end == argv[optind] || seconds < 0 || seconds > 9999) {
        print_usage(stderr);
        return 2;
    }
    catch_signals();
    guard_init(&w.guard, (msec)seconds * 1000, loop_now());
    pulse_init(&w.pulse, socket);
    w.xen = xen_timer_open(&armed);
    if (!w.xen) {
        report(&w, 3, "cannot open Xen's timers: %s", strerror(errno));
        return EXIT_FAILURE;
    }
    w.xen_is_ours = !armed;
    if (!seconds && !armed) {
        xen_timer_close(w.xen);
        return EXIT_IDLE;
    }
    if (seconds) {
        open_hardware(&w, argv + optind + 1, argc - optind - 1);
        write_state(&w);
    }
    run(&w);
    finish(&w);
    return ended ? EXIT_SUCCESS : EXIT_IDLE;
}
