/* Xen's watchdog timers of dom0. */
#include "watchdog/timer.h"

#include <errno.h>
#include <stdlib.h>

#include <xenctrl.h>

/* A domain has two. Xen's option dom0-watchdog arms the first. */
#define FIRST 1

struct xen_timer {
    xc_interface *xc;
};

/* xc_watchdog with errno as its result. With the number 0 it arms the first
 * free timer, and *NEW_R is its number. */
static int set(struct xen_timer *t, uint32_t number, unsigned int seconds,
               uint32_t *new_r)
{
    int r = xc_watchdog(t->xc, number, seconds);

    if (r < 0) return errno;
    *new_r = (uint32_t)r;
    return 0;
}

struct xen_timer *xen_timer_open(bool *armed_r)
{
    struct xen_timer *t = xcalloc(1, sizeof(*t));
    uint32_t number = 0;
    uint32_t unused;
    int rc;

    t->xc = xc_interface_open(NULL, NULL, 0);
    if (!t->xc) {
        rc = errno;
        goto out;
    }
    /* Which number is free tells whether the first timer is armed, without a
     * change to its time. The long time is for the moment until the end. */
    rc = set(t, 0, 600, &number);
    if (rc == ENOSPC) rc = 0; /* both are armed */
    if (!rc && number) rc = set(t, number, 0, &unused);
    *armed_r = number != FIRST;
out:
    if (rc) {
        xen_timer_close(t);
        t = NULL;
        errno = rc;
    }
    return t;
}

int xen_timer_feed(struct xen_timer *t, unsigned int seconds)
{
    uint32_t unused;
    int rc = set(t, FIRST, seconds, &unused);

    /* It is not armed, so it is the first free one. */
    return rc == EINVAL ? set(t, 0, seconds, &unused) : rc;
}

int xen_timer_disarm(struct xen_timer *t)
{
    uint32_t unused;
    int rc = set(t, FIRST, 0, &unused);

    return rc == EINVAL ? 0 : rc;
}

void xen_timer_close(struct xen_timer *t)
{
    if (!t) return;
    if (t->xc) xc_interface_close(t->xc);
    free(t);
}
