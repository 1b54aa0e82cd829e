/* Bytes that a domain has moved, as dom0's kernel counts them. */
#ifndef DOMD_IOSTAT_H
#define DOMD_IOSTAT_H

#include "util.h"

struct iostat {
    uint64_t vbd_read;
    uint64_t vbd_written;
    uint64_t vif_received; /* by the domain */
    uint64_t vif_sent;
};

/* SYS is where sysfs is mounted. What is not there counts as zero. */
void iostat_read(const char *sys, uint32_t domid, struct iostat *io_r);

#endif
