/* Reads from its log why a device model ended: libxl does not know. */
#ifndef DOMD_HV_XL_DMLOG_H
#define DOMD_HV_XL_DMLOG_H

#include <time.h>

/* The last complaint of domain NAME's device model, if its log
 * (DIR/qemu-dm-NAME.log) was written since SINCE, in seconds of the epoch.
 * NULL: there is none. The caller frees it. */
char *dmlog_complaint(const char *dir, const char *name, time_t since);

/* The last line of that log that says why it ended. NULL: none. The caller
 * frees it. */
char *dmlog_last_words(const char *dir, const char *name);

#endif
