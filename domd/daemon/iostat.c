#include "daemon/iostat.h"

#include <glob.h>
#include <stdlib.h>
#include <string.h>

/* blkback counts in sectors of 512 bytes. */
#define SECTOR 512u

/* Adds up the files that match PATTERN, which it frees. Returns whether there
 * are any. */
static bool sum_files(uint64_t unit, char *pattern, uint64_t *total_r)
{
    glob_t found = {0};
    uint64_t total = 0;
    bool any = false;
    size_t i;

    if (!glob(pattern, 0, NULL, &found)) {
        for (i = 0; i < found.gl_pathc; i++) {
            struct buf text = {0};

            if (!read_file(found.gl_pathv[i], 64, &text)) {
                total += strtoull(text.s, NULL, 10) * unit;
                any = true;
            }
            buf_dispose(&text);
        }
    }
    globfree(&found);
    free(pattern);
    *total_r = total;
    return any;
}

void iostat_read(const char *sys, uint32_t domid, struct iostat *io)
{
    const char *vbd = "bus/xen-backend/devices/vbd";
    const char *stat = "statistics";

    io->vbd = sum_files(
        SECTOR, xasprintf("%s/%s-%u-*/%s/rd_sect", sys, vbd, domid, stat),
        &io->vbd_read);
    sum_files(SECTOR,
              xasprintf("%s/%s-%u-*/%s/wr_sect", sys, vbd, domid, stat),
              &io->vbd_written);
    /* What dom0 sends, the domain receives. */
    io->vif = sum_files(
        1, xasprintf("%s/class/net/vif%u.*/%s/tx_bytes", sys, domid, stat),
        &io->vif_received);
    sum_files(1,
              xasprintf("%s/class/net/vif%u.*/%s/rx_bytes", sys, domid, stat),
              &io->vif_sent);
}
