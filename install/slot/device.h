/* A block device, or a plain file in its place, by absolute offsets. */
#ifndef SLOT_DEVICE_H
#define SLOT_DEVICE_H

#include "util.h"

struct device {
    int fd; /* -1: closed */
    const char *path;
    uint64_t size;
    uint32_t sector; /* bytes, the least that it writes; 0: a plain file */
};

enum device_mode {
    DEVICE_READ,
    DEVICE_SYNC,  /* each write is on the medium when it returns */
    DEVICE_WRITE, /* alone: fails if a block device is mounted or in use */
};

/* Opens PATH, which must outlive *DEV. *DEV may be closed after a failure. */
int device_open(struct device *dev, const char *path, enum device_mode mode);
void device_close(struct device *dev);

/* The whole LEN or an error; beyond the end of the device is one. */
int device_read(const struct device *dev, void *data, size_t len,
                uint64_t offset);
int device_write(const struct device *dev, const void *data, size_t len,
                 uint64_t offset);
/* Waits until what was written is on the medium. */
int device_flush(const struct device *dev);
/* What is read next comes from the medium. Call it after a flush: changed
 * pages stay in the cache. */
int device_drop_cache(const struct device *dev);
/* Tells the kernel of a new partition of a block device. It would read the
 * whole table again only by removing all partitions for a moment. A failure is
 * logged, and no error: the next restart reads the table. */
void device_add_partition(const struct device *dev, unsigned int number,
                          uint64_t offset, uint64_t size);
/* Reads back what was written at OFFSET and flushed, and compares. WHAT is the
 * subject of the message, with "read" or "reads". */
int device_verify(const struct device *dev, const void *data, size_t len,
                  uint64_t offset, const char *what);

#endif
