#include "ext4.h"

#include <string.h>

#include "bytes.h"
#include "crc.h"

#define AT_MAGIC        0x38
#define AT_INCOMPATIBLE 0x60
#define AT_READ_ONLY    0x64
#define AT_UUID         0x68
#define AT_CHECKSUM     0x3fc
#define MAGIC           0xef53
#define METADATA_CSUM   0x400  /* of the features that allow reading */
#define GROUP_CSUM      0x10   /* of the same */
#define METADATA_SEED   0x2000 /* of those that nobody may ignore */
#define ATOMIC          512    /* what a disk writes whole or not at all */
#define RANDOM_PART     12     /* of a UUID; the rest keeps the checksum */

static bool has_checksum(const struct ext4 *fs)
{
    return get32(fs->data + AT_READ_ONLY) & METADATA_CSUM;
}

/* Checksums of which each begins with the UUID. */
static bool depends_on_uuid(const struct ext4 *fs)
{
    if (get32(fs->data + AT_READ_ONLY) & GROUP_CSUM) return true;
    return has_checksum(fs) &&
           !(get32(fs->data + AT_INCOMPATIBLE) & METADATA_SEED);
}

int ext4_open(struct ext4 *fs, const struct device *dev, uint64_t offset)
{
    int rc;

    fs->dev = dev;
    fs->super = offset + 1024;
    rc = device_read(dev, fs->data, sizeof(fs->data), fs->super);
    if (rc) return rc;
    if (get16(fs->data + AT_MAGIC) != MAGIC) {
        log_error("%s: no ext4 file system at byte %llu", dev->path,
                  (unsigned long long)offset);
        return ERROR_INVAL;
    }
    if (depends_on_uuid(fs)) {
        log_error("%s: the ext4 file system at byte %llu has checksums that "
                  "depend on its UUID; make it without metadata_csum",
                  dev->path, (unsigned long long)offset);
        return ERROR_INVAL;
    }
    if (has_checksum(fs) &&
        crc_add(CRC_CASTAGNOLI, ~0U, fs->data, AT_CHECKSUM) !=
            get32(fs->data + AT_CHECKSUM)) {
        log_error("%s: the ext4 file system at byte %llu is damaged: its "
                  "superblock has a wrong checksum; repair it with e2fsck",
                  dev->path, (unsigned long long)offset);
        return ERROR_INVAL;
    }
    return 0;
}

const uint8_t *ext4_uuid(const struct ext4 *fs)
{
    return fs->data + AT_UUID;
}

/*
 * The superblock takes two sectors: its UUID is in the first one, its checksum
 * in the second one. So the last four bytes of the UUID become such that the
 * checksum stays as it is.
 */
static void keep_checksum(struct ext4 *fs)
{
    static const uint8_t zero[UUID_SIZE - RANDOM_PART];
    uint8_t *uuid = fs->data + AT_UUID;
    uint8_t *behind = uuid + UUID_SIZE;
    uint32_t before;
    uint32_t after;

    before = crc_add(CRC_CASTAGNOLI, ~0U, fs->data, AT_UUID + RANDOM_PART);
    after = crc_remove(CRC_CASTAGNOLI, get32(fs->data + AT_CHECKSUM), behind,
                       AT_CHECKSUM - AT_UUID - UUID_SIZE);
    put32(uuid + RANDOM_PART,
          before ^ crc_remove(CRC_CASTAGNOLI, after, zero, sizeof(zero)));
}

int ext4_set_random_uuid(struct ext4 *fs)
{
    int rc;

    uuid_random(fs->data + AT_UUID, UUID_BIG);
    if (has_checksum(fs)) keep_checksum(fs);
    rc = device_write(fs->dev, fs->data, ATOMIC, fs->super);
    if (!rc) rc = device_flush(fs->dev);
    if (!rc)
        rc = device_verify(fs->dev, fs->data, sizeof(fs->data), fs->super,
                           "the superblock reads");
    return rc;
}
