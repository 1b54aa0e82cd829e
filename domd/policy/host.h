/* The facts of this host, from libxenlight. */
#ifndef DOMD_POLICY_HOST_H
#define DOMD_POLICY_HOST_H

#include <libxl.h>

#include "policy/read.h"

/* Fills in *HOST; the caller disposes. If the hypervisor does not answer, the
 * host counts as unknown, which bars no domain. */
void host_facts(libxl_ctx *ctx, struct host *host);

#endif
