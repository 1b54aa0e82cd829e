/*
 * Reports the end of a device model. libxl lets go of it once the domain runs,
 * and it is no child of ours, so a pidfd is used.
 */
#ifndef DOMD_HV_XL_DMWATCH_H
#define DOMD_HV_XL_DMWATCH_H

#include <sys/types.h>

#include "base/loop.h"

/* Delay that tells a QEMU crash from domain teardown, which ends the device
 * model first. */
#define DMWATCH_GRACE ((msec)1000)

struct dmwatch;

typedef void dmwatch_ended(void *user);

/* Watches PID, which is or was the device model of DOMID. ENDED is called
 * once, from the loop, DMWATCH_GRACE after its end; after now, if it has ended
 * already. Returns NULL, with errno set, if it cannot be watched. */
struct dmwatch *dmwatch_new(struct loop *loop, pid_t pid, uint32_t domid,
                            dmwatch_ended *ended, void *user);
/* May be called in ENDED. NULL is allowed. */
void dmwatch_free(struct dmwatch *w);

#endif
