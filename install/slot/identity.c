#include "identity.h"

#include <stdio.h>
#include <string.h>

#include "bytes.h"
#include "ext4.h"
#include "gpt.h"

#define LABEL_ESP    "xenith-esp"
#define LABEL_CONFIG "XENITH-CFG"

/* Less is not worth a partition. */
#define REST_MIN ((uint64_t)64 * 1024 * 1024)

#define BOOT_SECTOR     512
#define FAT_EXTENDED    0x29 /* the mark of a serial number */
#define FAT16_SERIAL_AT 39
#define FAT32_SERIAL_AT 67

static int find(struct gpt *gpt, const char *label,
                struct gpt_partition *part_r)
{
    if (gpt_find(gpt, label, part_r)) return 0;
    log_error("%s: not a disk of an installed host: not exactly one partition "
              "%s",
              gpt->dev->path, label);
    return ERROR_INVAL;
}

/* A new serial number in the boot sector at OFFSET, if there is one. */
static int set_serial(const struct device *disk, uint64_t offset,
                      const uint8_t serial[4], uint64_t *backup_r)
{
    uint8_t boot[BOOT_SECTOR];
    bool fat32;
    size_t at;
    int rc = device_read(disk, boot, sizeof(boot), offset);

    if (rc) return rc;
    fat32 = !get16(boot + 22);
    at = fat32 ? FAT32_SERIAL_AT : FAT16_SERIAL_AT;
    if (get16(boot + 510) != 0xaa55 || boot[at - 1] != FAT_EXTENDED) {
        log_error("%s: no FAT file system at byte %llu", disk->path,
                  (unsigned long long)offset);
        return ERROR_INVAL;
    }
    if (backup_r) *backup_r = fat32 ? get16(boot + 50) * get16(boot + 11) : 0;
    memcpy(boot + at, serial, 4);
    rc = device_write(disk, boot, sizeof(boot), offset);
    return rc ? rc : device_flush(disk);
}

static int give_serial(const struct device *disk, uint64_t offset)
{
    uint8_t serial[4];
    uint64_t backup;
    int rc;

    randombytes_buf(serial, sizeof(serial));
    rc = set_serial(disk, offset, serial, &backup);
    if (!rc && backup) rc = set_serial(disk, offset + backup, serial, NULL);
    return rc;
}

static int give_uuid(const struct device *disk, uint64_t offset)
{
    struct ext4 fs;
    int rc = ext4_open(&fs, disk, offset);

    if (rc || !uuid_from_image(ext4_uuid(&fs), UUID_BIG)) return rc;
    return ext4_set_random_uuid(&fs);
}

int identity_print(const struct device *disk)
{
    struct gpt gpt;
    struct gpt_partition config;
    char guid[UUID_TEXT];
    int rc = gpt_open(&gpt, disk);

    if (!rc) rc = find(&gpt, LABEL_CONFIG, &config);
    if (rc) goto out;
    uuid_format(gpt_guid(&gpt), UUID_GUID, guid);
    printf("guid=%s\nfrom=%s\n", guid,
           uuid_from_image(gpt_guid(&gpt), UUID_GUID) ? "image"
           : gpt_settled(&gpt)                        ? "own"
                                                      : "cut");
out:
    gpt_dispose(&gpt);
    return rc;
}

static int give_guids(struct gpt *gpt, const char *label,
                      const uint8_t type[UUID_SIZE])
{
    struct gpt_partition part;
    unsigned int rest = 0;
    unsigned int i;
    int rc = 0;

    for (i = 0; gpt_partition(gpt, i, &part); i++) {
        if (part.size) uuid_random(part.guid, UUID_GUID);
    }
    uuid_random(gpt_guid(gpt), UUID_GUID);
    gpt_extend(gpt);
    if (label) rc = gpt_add_rest(gpt, label, type, REST_MIN, &rest);
    if (!rc) rc = gpt_write(gpt);
    if (!rc && rest && gpt_partition(gpt, rest - 1, &part))
        device_add_partition(gpt->dev, rest, part.offset, part.size);
    return rc;
}

int identity_give(const struct device *disk, const char *label,
                  const char *type)
{
    struct gpt gpt;
    struct gpt_partition esp;
    struct gpt_partition config;
    uint8_t type_guid[UUID_SIZE];
    int rc;

    if (label && !uuid_parse(type, UUID_GUID, type_guid)) {
        log_error("not a GUID: \"%s\"", type);
        return ERROR_INVAL;
    }
    rc = gpt_open(&gpt, disk);
    if (!rc) rc = find(&gpt, LABEL_ESP, &esp);
    if (!rc) rc = find(&gpt, LABEL_CONFIG, &config);
    if (rc) goto out;
    if (!uuid_from_image(gpt_guid(&gpt), UUID_GUID)) {
        if (!gpt_settled(&gpt)) rc = gpt_write(&gpt);
        goto out;
    }
    rc = give_serial(disk, esp.offset);
    if (!rc) rc = give_uuid(disk, config.offset);
    if (!rc) rc = give_guids(&gpt, label, type_guid);
out:
    gpt_dispose(&gpt);
    return rc;
}
