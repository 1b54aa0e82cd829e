/*
 * Hears of the end of a device model. libxl has let go of it by the time that
 * the domain runs, and it is no child of ours: a pidfd tells.
 */
#ifndef DOMD_HV_XL_DMWATCH_H
#define DOMD_HV_XL_DMWATCH_H

#include <sys/types.h>

#include "base/loop.h"

/* What ends a domain ends its device model first: in this time the one is
 * known for the other's end. */
#define DMWATCH_GRACE ((msec)1000)

struct dmwatch;

typedef void dmwatch_ended(void *user);

/* Watches PID, which is the device model of DOMID, or was. ENDED is called
 * once, from the loop, DMWATCH_GRACE after its end; after now, if it has ended
 * already. Returns NULL, with errno set, if it cannot be watched. */
struct dmwatch *dmwatch_new(struct loop *loop, pid_t pid, uint32_t domid,
                            dmwatch_ended *ended, void *user);
/* Also from within ENDED. NULL is allowed. */
void dmwatch_free(struct dmwatch *w);

#endif
