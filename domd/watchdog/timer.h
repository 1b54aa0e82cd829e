/*
 * The watchdogs: Xen's timer of dom0, and those of the hardware.
 *
 * Xen's timer resets the host if dom0 stops feeding it, also if dom0's kernel
 * hangs. The hardware's does so if Xen hangs as well.
 */
#ifndef DOMD_WATCHDOG_TIMER_H
#define DOMD_WATCHDOG_TIMER_H

#include "base/util.h"

struct xen_timer;

/* Opens dom0's first timer. It is armed already if Xen was told to (option
 * dom0-watchdog) or if an earlier instance of this program armed it: it is
 * then left alone, and *ARMED_R is true. Returns NULL with errno on error. */
struct xen_timer *xen_timer_open(bool *armed_r);
/* Resets the host in SECONDS unless called again. Returns 0 or an errno
 * value. */
int xen_timer_feed(struct xen_timer *t, unsigned int seconds);
int xen_timer_disarm(struct xen_timer *t);
/* Does not disarm it. NULL is allowed. */
void xen_timer_close(struct xen_timer *t);

struct hw_timer;

/* Opens a device such as /dev/watchdog0, which arms it for SECONDS, or for as
 * long as it can. Returns NULL with errno on error. */
struct hw_timer *hw_timer_open(const char *path, unsigned int seconds);
const char *hw_timer_name(const struct hw_timer *t);
unsigned int hw_timer_seconds(const struct hw_timer *t);
int hw_timer_feed(struct hw_timer *t);
/* DISARM: stops it, if the driver can; otherwise it stays armed. NULL is
 * allowed. */
void hw_timer_close(struct hw_timer *t, bool disarm);

#endif
