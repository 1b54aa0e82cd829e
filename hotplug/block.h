/* The scripts of guests' disks, and what those in shell need of them. Each
 * returns 0, or ERROR_FAIL after it has reported why. */
#ifndef HOTPLUG_BLOCK_H
#define HOTPLUG_BLOCK_H

#include "device.h"

/* block: a device or a file (by a loop device) that dom0's kernel serves.
 * Keys: params (the path), mode, frontend-id, state; written: physical-device
 * (the back end waits for it), physical-device-path, and node, the loop device
 * that `remove` detaches. WORDS are the script's arguments, up to NULL. */
int block(struct device *d, char *const *words);

/* block-qemu: checks for conflicting use before QEMU opens a guest's disk
 * image. QEMU itself does not check, because it opens an HVM guest's image
 * twice. Keys: params (FORMAT:PATH), mode, frontend-id; written:
 * hotplug-status, by which later checks see that this guest uses the image.
 * There is nothing to detach. */
int block_qemu(struct device *d, char *const *words);

/* block-use, for the scripts in shell, which hold the lock "block":
 *   check MODE WHAT NUMBERS   fails if there is a conflicting use
 *   note WHAT NUMBER          notes the use
 * NUMBERS are MAJOR:MINOR in hex, separated by blanks. */
int block_use(struct device *d, char *const *words);

#endif
