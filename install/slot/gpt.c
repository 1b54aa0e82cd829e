#include "gpt.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "crc.h"

/* The header. */
#define AT_SIZE         12
#define AT_CRC          16
#define AT_SELF         24
#define AT_ALTERNATE    32
#define AT_FIRST        40
#define AT_LAST         48
#define AT_GUID         56
#define AT_ENTRIES      72
#define AT_COUNT        80
#define AT_ENTRY_SIZE   84
#define AT_ENTRIES_CRC  88
#define PRIMARY         1 /* the sector of the header */
#define PRIMARY_ENTRIES 2

/* An entry. */
#define ENTRY_SIZE  128
#define ENTRY_GUID  16
#define ENTRY_FIRST 32
#define ENTRY_LAST  40
#define ENTRY_LABEL 56
#define LABEL_CHARS 36
#define COUNT_MAX   1024

/* The protective MBR: the size of its first partition. */
#define MBR_SIZE_AT 458
#define MBR_ATOMIC  512

#define SECTOR_MIN 512
#define SECTOR_MAX 4096
#define ALIGNMENT  ((uint64_t)1024 * 1024)

static const char signature[] = "EFI PART";

static uint32_t checksum(const void *data, size_t len)
{
    return ~crc_add(CRC_IEEE, ~0U, data, len);
}

static uint32_t count(const struct gpt *gpt)
{
    return get32(gpt->header + AT_COUNT);
}

static uint64_t entries_sectors(const struct gpt *gpt)
{
    return gpt->entries_size / gpt->sector;
}

/* The checksum of a header is computed with zeros in its place. */
static uint32_t header_checksum(const uint8_t header[GPT_HEADER_SIZE])
{
    uint8_t copy[GPT_HEADER_SIZE];

    memcpy(copy, header, sizeof(copy));
    put32(copy + AT_CRC, 0);
    return checksum(copy, sizeof(copy));
}

static int damaged(const struct gpt *gpt, const char *what)
{
    log_error("%s: cannot use its GPT: %s", gpt->dev->path, what);
    return ERROR_INVAL;
}

/* Finds the header. A plain file does not tell the size of its sectors. */
static int read_header(struct gpt *gpt)
{
    uint32_t sector = gpt->dev->sector ? gpt->dev->sector : SECTOR_MIN;
    int rc;

    for (;;) {
        rc = device_read(gpt->dev, gpt->header, sizeof(gpt->header), sector);
        if (rc) return rc;
        if (!memcmp(gpt->header, signature, strlen(signature))) break;
        if (gpt->dev->sector || sector == SECTOR_MAX) {
            log_error("%s: no GPT on it", gpt->dev->path);
            return ERROR_INVAL;
        }
        sector = SECTOR_MAX;
    }
    gpt->sector = sector;
    gpt->sectors = gpt->dev->size / sector;
    return 0;
}

static int check_header(const struct gpt *gpt)
{
    const uint8_t *h = gpt->header;

    if (get32(h + AT_SIZE) != GPT_HEADER_SIZE ||
        get32(h + AT_CRC) != header_checksum(h))
        return damaged(gpt, "the header has a wrong checksum");
    if (get64(h + AT_SELF) != PRIMARY ||
        get32(h + AT_ENTRY_SIZE) != ENTRY_SIZE || !count(gpt) ||
        count(gpt) > COUNT_MAX)
        return damaged(gpt, "the header is of an unknown kind");
    if (get64(h + AT_LAST) >= gpt->sectors ||
        get64(h + AT_ENTRIES) >= gpt->sectors ||
        get64(h + AT_FIRST) > get64(h + AT_LAST))
        return damaged(gpt, "it is larger than the disk");
    return 0;
}

int gpt_open(struct gpt *gpt, const struct device *dev)
{
    size_t used;
    int rc;

    memset(gpt, 0, sizeof(*gpt));
    gpt->dev = dev;
    rc = read_header(gpt);
    if (!rc) rc = check_header(gpt);
    if (rc) return rc;
    used = (size_t)count(gpt) * ENTRY_SIZE;
    gpt->entries_size = (used + gpt->sector - 1) / gpt->sector * gpt->sector;
    gpt->entries = xmalloc(gpt->entries_size);
    rc = device_read(dev, gpt->entries, gpt->entries_size,
                     get64(gpt->header + AT_ENTRIES) * gpt->sector);
    if (rc) return rc;
    if (checksum(gpt->entries, used) != get32(gpt->header + AT_ENTRIES_CRC))
        return damaged(gpt, "its entries have a wrong checksum");
    return 0;
}

void gpt_dispose(struct gpt *gpt)
{
    free(gpt->entries);
    gpt->entries = NULL;
}

uint8_t *gpt_guid(struct gpt *gpt)
{
    return gpt->header + AT_GUID;
}

bool gpt_settled(const struct gpt *gpt)
{
    return get64(gpt->header + AT_ENTRIES) == PRIMARY_ENTRIES;
}

static bool entry_used(const uint8_t *entry)
{
    static const uint8_t none[UUID_SIZE];

    return memcmp(entry, none, sizeof(none)) != 0;
}

bool gpt_partition(struct gpt *gpt, unsigned int number,
                   struct gpt_partition *part_r)
{
    uint8_t *entry = gpt->entries + (size_t)number * ENTRY_SIZE;
    uint64_t first;
    int i;

    if (number >= count(gpt)) return false;
    memset(part_r, 0, sizeof(*part_r));
    part_r->guid = entry + ENTRY_GUID;
    first = get64(entry + ENTRY_FIRST);
    /* A partition beyond the end of the disk is none that can be used. */
    if (!entry_used(entry) || get64(entry + ENTRY_LAST) < first ||
        get64(entry + ENTRY_LAST) >= gpt->sectors)
        return true;
    part_r->offset = first * gpt->sector;
    part_r->size = (get64(entry + ENTRY_LAST) + 1 - first) * gpt->sector;
    for (i = 0; i < LABEL_CHARS; i++) {
        uint16_t c = get16(entry + ENTRY_LABEL + 2 * i);

        if (!c) break;
        part_r->label[i] = c >= ' ' && c < 0x7f ? (char)c : '?';
    }
    return true;
}

bool gpt_find(struct gpt *gpt, const char *label, struct gpt_partition *part_r)
{
    struct gpt_partition part;
    unsigned int found = 0;
    unsigned int i;

    for (i = 0; gpt_partition(gpt, i, &part); i++) {
        if (!part.size || strcmp(part.label, label)) continue;
        *part_r = part;
        found++;
    }
    return found == 1;
}

void gpt_extend(struct gpt *gpt)
{
    put64(gpt->header + AT_ALTERNATE, gpt->sectors - 1);
    put64(gpt->header + AT_LAST, gpt->sectors - 2 - entries_sectors(gpt));
}

int gpt_add_rest(struct gpt *gpt, const char *label,
                 const uint8_t type[UUID_SIZE], uint64_t min,
                 unsigned int *number_r)
{
    uint64_t align = ALIGNMENT / gpt->sector;
    uint64_t first = get64(gpt->header + AT_FIRST);
    uint64_t end = (get64(gpt->header + AT_LAST) + 1) / align * align;
    uint8_t *free_entry = NULL;
    uint32_t i;

    *number_r = 0;
    for (i = 0; i < count(gpt); i++) {
        uint8_t *entry = gpt->entries + (size_t)i * ENTRY_SIZE;

        if (!entry_used(entry)) {
            if (!free_entry) free_entry = entry;
            continue;
        }
        if (get64(entry + ENTRY_LAST) >= first)
            first = get64(entry + ENTRY_LAST) + 1;
    }
    first = (first + align - 1) / align * align;
    if (first >= end || (end - first) * gpt->sector < min) return 0;
    if (!free_entry || strlen(label) > LABEL_CHARS) {
        log_error("%s: cannot add the partition %s: no entry is free, or its "
                  "name is too long",
                  gpt->dev->path, label);
        return ERROR_INVAL;
    }
    memset(free_entry, 0, ENTRY_SIZE);
    memcpy(free_entry, type, UUID_SIZE);
    uuid_random(free_entry + ENTRY_GUID, UUID_GUID);
    put64(free_entry + ENTRY_FIRST, first);
    put64(free_entry + ENTRY_LAST, end - 1);
    for (i = 0; label[i]; i++)
        free_entry[ENTRY_LABEL + 2 * i] = (uint8_t)label[i];
    *number_r = (unsigned int)((free_entry - gpt->entries) / ENTRY_SIZE) + 1;
    return 0;
}

/* ---- writing ---- */

static int write_entries(const struct gpt *gpt, uint64_t at)
{
    int rc = device_write(gpt->dev, gpt->entries, gpt->entries_size,
                          at * gpt->sector);

    return rc ? rc : device_flush(gpt->dev);
}

/* Writes the header as it is in sector AT, for entries in sector ENTRIES. */
static int write_header(const struct gpt *gpt, uint64_t at, uint64_t alternate,
                        uint64_t entries)
{
    uint8_t *data = xmalloc(gpt->sector);
    int rc;

    memset(data, 0, gpt->sector);
    memcpy(data, gpt->header, GPT_HEADER_SIZE);
    put64(data + AT_SELF, at);
    put64(data + AT_ALTERNATE, alternate);
    put64(data + AT_ENTRIES, entries);
    put32(data + AT_ENTRIES_CRC,
          checksum(gpt->entries, (size_t)count(gpt) * ENTRY_SIZE));
    put32(data + AT_CRC, header_checksum(data));
    rc = device_write(gpt->dev, data, gpt->sector, at * gpt->sector);
    if (!rc) rc = device_flush(gpt->dev);
    free(data);
    return rc;
}

/* The protective MBR covers the disk. The boot code before it stays. */
static int write_mbr(const struct gpt *gpt)
{
    uint8_t mbr[MBR_ATOMIC];
    uint64_t size = gpt->sectors - 1;
    int rc = device_read(gpt->dev, mbr, sizeof(mbr), 0);

    if (rc) return rc;
    put32(mbr + MBR_SIZE_AT, size > UINT32_MAX ? UINT32_MAX : (uint32_t)size);
    rc = device_write(gpt->dev, mbr, sizeof(mbr), 0);
    return rc ? rc : device_flush(gpt->dev);
}

/*
 * Linux takes a disk whose first header does not match its entries for one
 * without partitions, whatever the copy says. One sector is written whole or
 * not at all, so the header is changed in one step: from the entries in their
 * usual place to others behind them, and then back.
 */
int gpt_write(struct gpt *gpt)
{
    uint64_t aside = PRIMARY_ENTRIES + entries_sectors(gpt);
    uint64_t last = get64(gpt->header + AT_ALTERNATE);
    uint64_t copy = last - entries_sectors(gpt);
    int rc;

    if (gpt_settled(gpt)) {
        if (get64(gpt->header + AT_FIRST) < aside + entries_sectors(gpt))
            return damaged(gpt, "no room in front of the first partition");
        rc = write_entries(gpt, copy);
        if (!rc) rc = write_header(gpt, last, PRIMARY, copy);
        if (!rc) rc = write_mbr(gpt);
        if (!rc) rc = write_entries(gpt, aside);
        if (!rc) rc = write_header(gpt, PRIMARY, last, aside);
        if (rc) return rc;
    }
    rc = write_entries(gpt, PRIMARY_ENTRIES);
    if (!rc) rc = write_header(gpt, PRIMARY, last, PRIMARY_ENTRIES);
    if (!rc)
        rc = device_verify(gpt->dev, gpt->entries, gpt->entries_size,
                           (uint64_t)PRIMARY_ENTRIES * gpt->sector,
                           "the partition table reads");
    return rc;
}
