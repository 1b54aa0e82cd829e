/* Overwriting a slot. */
#ifndef SLOT_WRITE_H
#define SLOT_WRITE_H

#include "device.h"
#include "util.h"

/* Writes all of FD to the start of DEV, reads it back, and gives its hash. The
 * first sectors are written last, so that whatever ends the write early leaves
 * no file system, but "Xenith: incomplete". */
int slot_write(const struct device *dev, int fd, char hash[SHA256_HEX]);

#endif
