/*
 * Who may use a device or a file. The rules are Xen's: several readers or one
 * writer; `w!` disables the check, for guests that can share (a cluster file
 * system). Call all of this with the lock "block" held, and write
 * physical-device before it is released: the next check reads that entry.
 */
#ifndef HOTPLUG_SHARING_H
#define HOTPLUG_SHARING_H

#include <sys/stat.h>

#include "device.h"
#include "numbers.h"

enum mode {
    MODE_READ,
    MODE_WRITE,
    MODE_SHARE
};

/* The mode of a disk, from its key. */
enum mode mode_parse(const char *text);

/* Fails, and has reported that, if MODE conflicts with another use of the
 * DEVICES, or of the FILE, unless that is NULL. WHAT is the disk's name in
 * messages. */
int sharing_check(struct device *d, const char *what, enum mode mode,
                  const struct numbers *devices, const struct stat *file);

/* Notes that this disk is on that device, which dom0's kernel serves. WHAT is
 * its name in messages. */
int sharing_note(struct device *d, const char *what, dev_t number);

#endif
