/* Disk and network bytes of a domain, as dom0's kernel counts them. */
#ifndef DOMD_DAEMON_IOSTAT_H
#define DOMD_DAEMON_IOSTAT_H

#include "base/util.h"

struct iostat {
    bool vbd; /* the kernel serves a disk; QEMU's are not counted */
    uint64_t vbd_read;
    uint64_t vbd_written;
    bool vif;              /* it has a network card */
    uint64_t vif_received; /* by the domain */
    uint64_t vif_sent;
};

/* SYS is where sysfs is mounted. */
void iostat_read(const char *sys, uint32_t domid, struct iostat *io_r);

#endif
