#include "daemon/marks.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/visible.h"

static char *log_path;
static struct consoles *consoles;

void marks_open(const char *run_dir, struct consoles *where)
{
    free(log_path);
    log_path = xasprintf("%s/boot.log", run_dir);
    consoles = where;
}

void marks_close(void)
{
    free(log_path);
    log_path = NULL;
    consoles = NULL;
}

/* Appends with one write: boot scripts write to the same file. */
static void append_line(const char *path, const char *line)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    ssize_t r;

    if (fd < 0) return;
    r = write(fd, line, strlen(line));
    (void)r;
    close(fd);
}

static void write_event(const char *text)
{
    struct timespec ts;
    char *line;

    syslog(LOG_INFO, "%s", text);
    if (!log_path) return;
    clock_gettime(CLOCK_BOOTTIME, &ts);
    line = xasprintf("%lld.%02ld %s\n", (long long)ts.tv_sec,
                     ts.tv_nsec / 10000000, text);
    append_line(log_path, line);
    free(line);
}

static void write_consoles(const char *text)
{
    char *line;

    if (!consoles) return;
    line = xasprintf("Xenith: %s\n", text);
    consoles_write(consoles, line);
    free(line);
}

/* The text of a mark; the caller frees it. */
static char *mark_text(const char *format, va_list args)
    __attribute__((format(printf, 1, 0)));

static char *mark_text(const char *format, va_list args)
{
    char *text = xvasprintf(format, args);
    char *shown = visible(text, MARK_MAX);

    free(text);
    return shown;
}

void mark_event(const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    text = mark_text(format, args);
    va_end(args);
    write_event(text);
    free(text);
}

void mark(const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    text = mark_text(format, args);
    va_end(args);
    write_event(text);
    write_consoles(text);
    free(text);
}

void mark_change(const struct machine_domain *d,
                 const struct machine_action *c, bool forced)
{
    const char *name = d->policy->name;

    switch (c->after) {
    case MACHINE_CREATING:
        if (c->before != MACHINE_BUILT) mark_event("creating %s", name);
        break;
    case MACHINE_BUILT:
        mark_event("built %s", name);
        break;
    case MACHINE_BOOTING:
        if (c->before == MACHINE_CREATING || c->before == MACHINE_ABORTING)
            mark("domain %s started", name);
        break;
    case MACHINE_READY:
        if (machine_has_instance(c->before)) mark("domain %s ready", name);
        break;
    case MACHINE_LATE:
        mark("domain %s late: %s", name, d->reason);
        break;
    case MACHINE_SHUTDOWN:
    case MACHINE_SAVING:
        mark("stopping domain %s", name);
        break;
    case MACHINE_STOPPED:
        if (machine_has_instance(c->before))
            mark("domain %s stopped%s", name, forced ? " (forced)" : "");
        break;
    case MACHINE_BACKOFF:
        mark("domain %s failed: %s; it is restarted", name, d->reason);
        break;
    case MACHINE_FAILED:
        mark("domain %s failed: %s", name, d->reason);
        break;
    case MACHINE_HELD:
    case MACHINE_SKIPPED:
    case MACHINE_BLOCKED:
    case MACHINE_KEPT:
    case MACHINE_STUCK:
        mark("domain %s %s: %s", name, machine_state_name(c->after),
             d->reason);
        break;
    default:
        break;
    }
}
