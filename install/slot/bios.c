#include "bios.h"

#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "gpt.h"

#define LABEL_BIOS "xenith-bios"

/* The boot code: what is behind it is the partition table of the MBR. */
#define CODE_SIZE 440
#define CODE_CORE 92 /* the block of the core image */

/* The first block of the core image ends with the list of the others, which
 * has one entry: where they begin, and how many. */
#define CORE_REST  500
#define CORE_COUNT 508

/* Whether A and B are equal but for the eight bytes at SKIP. */
static bool equal_but(const uint8_t *a, const uint8_t *b, size_t len,
                      size_t skip)
{
    return !memcmp(a, b, skip) &&
           !memcmp(a + skip + 8, b + skip + 8, len - skip - 8);
}

static int check_files(const struct blob *boot, const struct blob *core)
{
    if (boot->len >= CODE_SIZE && core->len > BIOS_SECTOR) return 0;
    log_error("not GRUB for BIOS: the boot image has %zu bytes, and the core "
              "image %zu",
              boot->len, core->len);
    return ERROR_INVAL;
}

/* The core image at OFFSET is compared, and must leave the other half free. */
static int compare(struct bios *b, uint64_t offset, const struct blob *boot,
                   const struct blob *core)
{
    uint64_t block = offset / BIOS_SECTOR;
    uint8_t *there;
    bool same;
    int rc;

    b->state = BIOS_DIFFERS;
    if (core->len > b->half) return 0;
    there = xmalloc(core->len);
    rc = device_read(b->disk, there, core->len, offset);
    same = !rc && equal_but(b->sector, boot->data, CODE_SIZE, CODE_CORE) &&
           equal_but(there, core->data, core->len, CORE_REST) &&
           get64(there + CORE_REST) == block + 1;
    if (same) b->state = BIOS_SAME;
    if (!rc && !same && b->unused > offset &&
        (uint64_t)(get16(there + CORE_COUNT) + 1) * BIOS_SECTOR > b->half) {
        log_error("%s: the core image in use leaves no room for a second one "
                  "in %s",
                  b->disk->path, LABEL_BIOS);
        rc = ERROR_INVAL;
    }
    free(there);
    return rc;
}

int bios_open(struct bios *b, const struct device *disk,
              const struct blob *boot, const struct blob *core)
{
    struct gpt gpt;
    struct gpt_partition part;
    uint64_t block;
    int rc = check_files(boot, core);

    memset(b, 0, sizeof(*b));
    b->disk = disk;
    if (rc) return rc;
    rc = gpt_open(&gpt, disk);
    if (rc) goto out;
    if (gpt.sector != BIOS_SECTOR) {
        b->state = BIOS_NONE;
        goto out;
    }
    rc = device_read(disk, b->sector, sizeof(b->sector), 0);
    if (rc) goto out;
    b->state = BIOS_FOREIGN;
    if (!gpt_find(&gpt, LABEL_BIOS, &part)) goto out;
    b->half = part.size / 2 / BIOS_SECTOR * BIOS_SECTOR;
    block = get64(b->sector + CODE_CORE);
    b->unused = part.offset + b->half;
    if (block == part.offset / BIOS_SECTOR) {
        rc = compare(b, part.offset, boot, core);
    } else if (block == b->unused / BIOS_SECTOR) {
        b->unused = part.offset;
        rc = compare(b, part.offset + b->half, boot, core);
    }
out:
    gpt_dispose(&gpt);
    return rc;
}

int bios_store(const struct bios *b, const struct blob *core)
{
    uint8_t *data;
    int rc;

    if (core->len > b->half) {
        log_error("%s: the new core image has %zu bytes, and half of %s has "
                  "room for %llu",
                  b->disk->path, core->len, LABEL_BIOS,
                  (unsigned long long)b->half);
        return ERROR_INVAL;
    }
    data = xmalloc(core->len);
    memcpy(data, core->data, core->len);
    put64(data + CORE_REST, b->unused / BIOS_SECTOR + 1);
    rc = device_write(b->disk, data, core->len, b->unused);
    if (!rc) rc = device_flush(b->disk);
    if (!rc)
        rc = device_verify(b->disk, data, core->len, b->unused,
                           "the core image reads");
    free(data);
    return rc;
}

static int write_sector(const struct bios *b,
                        const uint8_t sector[BIOS_SECTOR])
{
    int rc = device_write(b->disk, sector, BIOS_SECTOR, 0);

    if (!rc) rc = device_flush(b->disk);
    if (!rc)
        rc = device_verify(b->disk, sector, BIOS_SECTOR, 0,
                           "the first sector reads");
    return rc;
}

int bios_switch(const struct bios *b, const struct blob *boot)
{
    uint8_t sector[BIOS_SECTOR];

    memcpy(sector, b->sector, sizeof(sector));
    memcpy(sector, boot->data, CODE_SIZE);
    put64(sector + CODE_CORE, b->unused / BIOS_SECTOR);
    return write_sector(b, sector);
}

int bios_switch_back(const struct bios *b)
{
    return write_sector(b, b->sector);
}
