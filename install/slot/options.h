/*
 * The options for Xen and Linux: two GRUB environment blocks beside the boot
 * state, of which the state names the one in use.
 */
#ifndef SLOT_OPTIONS_H
#define SLOT_OPTIONS_H

#include "device.h"

#define OPTIONS_BLOCK 4096 /* bytes of a file */

/* What GRUB would read of file NUMBER, as "xen=...\nlinux=...\n". The caller
 * frees it. A block that is not complete is an error. */
int options_read(const struct device *dev, unsigned int number, char **text_r);
/* Overwrites file NUMBER, and reads it back. Whatever ends the write early
 * leaves a block that is not complete. */
int options_write(const struct device *dev, unsigned int number,
                  const char *xen, const char *linux_options);

#endif
