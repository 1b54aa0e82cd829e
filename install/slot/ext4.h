/* The UUID of an ext4 file system that is not mounted. */
#ifndef SLOT_EXT4_H
#define SLOT_EXT4_H

#include "device.h"
#include "uuid.h"

struct ext4 {
    const struct device *dev;
    uint64_t super; /* offset of the superblock */
    uint8_t data[1024];
};

/* Reads the superblock of the file system at OFFSET. Anything that is not one,
 * or has a wrong checksum, is an error. */
int ext4_open(struct ext4 *fs, const struct device *dev, uint64_t offset);
const uint8_t *ext4_uuid(const struct ext4 *fs);
/* Gives it a random UUID, with one write of 512 bytes: a power cut leaves the
 * old or the new one. If its checksums depend on the UUID, ext4_open() has
 * failed. The copies of the superblock keep the old one until e2fsck sees
 * them. */
int ext4_set_random_uuid(struct ext4 *fs);

#endif
