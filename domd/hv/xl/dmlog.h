/* What a device model says when it ends: libxl only knows that it did. */
#ifndef DOMD_HV_XL_DMLOG_H
#define DOMD_HV_XL_DMLOG_H

#include <time.h>

/* The last complaint in the log of the device model of domain NAME, if that
 * log (DIR/qemu-dm-NAME.log) was written to since SINCE, in seconds of the
 * epoch. NULL: there is none. The caller frees it. */
char *dmlog_complaint(const char *dir, const char *name, time_t since);

/* What it said last of why it ended, in the same log. NULL: nothing. The
 * caller frees it. */
char *dmlog_last_words(const char *dir, const char *name);

#endif
