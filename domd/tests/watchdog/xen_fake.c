/* libxenctrl with a directory, FAKE_DIR, as Xen: the file timer-N holds the
 * seconds for which timer N is armed, and timers all calls: "ID SECONDS". */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xenctrl.h>

#include "base/util.h"

#define TIMERS 2

xc_interface *xc_interface_open(xentoollog_logger *logger,
                                xentoollog_logger *dombuild_logger,
                                unsigned int open_flags)
{
    static char xen;

    (void)logger;
    (void)dombuild_logger;
    (void)open_flags;
    return (xc_interface *)&xen;
}

int xc_interface_close(xc_interface *xc)
{
    (void)xc;
    return 0;
}

static char *timer_path(uint32_t id)
{
    return xasprintf("%s/timer-%u", getenv("FAKE_DIR"), id);
}

static bool is_armed(uint32_t id)
{
    char *path = timer_path(id);
    bool armed = !access(path, F_OK);

    free(path);
    return armed;
}

static void write_timer(uint32_t id, uint32_t timeout)
{
    char *path = timer_path(id);
    char text[16];
    int n = snprintf(text, sizeof(text), "%u\n", timeout);

    if (timeout)
        write_file(path, text, (size_t)n, 0644);
    else
        unlink(path);
    free(path);
}

static void write_call(uint32_t id, uint32_t timeout)
{
    char *path = xasprintf("%s/timers", getenv("FAKE_DIR"));
    FILE *log = fopen(path, "a");

    if (log) {
        fprintf(log, "%u %u\n", id, timeout);
        fclose(log);
    }
    free(path);
}

/* As domain_watchdog() in Xen's xen/common/sched/core.c. */
int xc_watchdog(xc_interface *xc, uint32_t id, uint32_t timeout)
{
    (void)xc;
    write_call(id, timeout);
    if (!id) {
        for (id = 1; id <= TIMERS; id++) {
            if (is_armed(id)) continue;
            write_timer(id, timeout);
            return (int)id;
        }
        errno = ENOSPC;
        return -1;
    }
    if (id > TIMERS || !is_armed(id)) {
        errno = EINVAL;
        return -1;
    }
    write_timer(id, timeout);
    return 0;
}
