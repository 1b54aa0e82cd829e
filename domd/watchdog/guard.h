/*
 * Whether the host's watchdogs are fed. No system call, no clock: times and
 * what was seen come in.
 *
 * - boot: until domd has answered once; BOOT_LIMIT bounds it, and the check of
 *   a file system sets later deadlines as it makes progress
 * - up: as long as domd is never silent for longer than the limit
 * - down: the shutdown sets the deadline, because it ends domd
 */
#ifndef DOMD_WATCHDOG_GUARD_H
#define DOMD_WATCHDOG_GUARD_H

#include "base/util.h"

/* Shares, volumes and DHCP have limits of their own, of a minute each at most.
 */
#define GUARD_BOOT_LIMIT ((msec)600 * 1000)

enum guard_phase {
    GUARD_BOOT,
    GUARD_UP,
    GUARD_DOWN,
};

struct guard {
    enum guard_phase phase;
    msec limit;    /* 0: nothing is fed once the boot is over */
    msec deadline; /* nothing is fed after it */
    bool warned;
};

void guard_init(struct guard *g, msec limit, msec now);
/* domd has answered. */
void guard_answered(struct guard *g, msec now);
/* A file system is being checked, which may take until DEADLINE at least. */
void guard_checking(struct guard *g, msec deadline);
/* Somebody stopped domd's service. */
void guard_parked(struct guard *g, msec now);
/* The host shuts down, until DEADLINE at most. */
void guard_closing(struct guard *g, msec deadline);
/* How long to feed for: 0 or less means not at all. */
msec guard_left(const struct guard *g, msec now);
/* Whether the console should be told that domd is silent: true once for each
 * silence of half the limit. */
bool guard_warns(struct guard *g, msec now);

#endif
