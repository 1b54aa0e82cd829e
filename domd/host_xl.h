/* The facts of this host, from libxenlight. */
#ifndef DOMD_HOST_XL_H
#define DOMD_HOST_XL_H

#include <libxl.h>

#include "policy_read.h"

/* Fills *HOST in; the caller disposes. If the hypervisor does not answer, the
 * host counts as unknown: that is no reason to bar a domain. */
void host_facts(libxl_ctx *ctx, struct host *host);

#endif
