#include "fat_table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"

#define DEPTH_MAX 8 /* of directories */

/* Entries of the table. Those of FAT32 have 28 bits; the rest stays. */
#define MASK_32 0x0fffffffU
#define BAD_16  0xfff7U
#define BAD_32  0x0ffffff7U
#define END_16  0xffffU
#define END_32  0x0fffffffU

/* The entry of a file. */
#define ENTRY_SIZE  32
#define ENTRY_HIGH  20
#define ENTRY_LOW   26
#define ENTRY_BYTES 28

/* FAT32's count of free clusters. */
#define INFO_SIZE    512
#define INFO_LEAD    0x41615252U
#define INFO_MARK_AT 484
#define INFO_MARK    0x61417272U
#define INFO_FREE_AT 488
#define INFO_NEXT_AT 492

static uint32_t bad(const struct fat *fat)
{
    return fat->bits == 16 ? BAD_16 : BAD_32;
}

static uint8_t *entry(const struct fat_table *t, uint32_t cluster)
{
    return t->data + (size_t)cluster * (t->fat->bits / 8);
}

static uint32_t get(const struct fat_table *t, uint32_t cluster)
{
    const uint8_t *p = entry(t, cluster);

    return t->fat->bits == 16 ? get16(p) : get32(p) & MASK_32;
}

static void put(const struct fat_table *t, uint32_t cluster, uint32_t value)
{
    uint8_t *p = entry(t, cluster);

    if (t->fat->bits == 16) {
        p[0] = (uint8_t)value;
        p[1] = (uint8_t)(value >> 8);
    } else {
        put32(p, (get32(p) & ~MASK_32) | value);
    }
}

/* ---- what is in use ---- */

struct marks {
    const struct fat_table *t;
    bool *used; /* by cluster */
    unsigned int depth;
};

static int mark_chain(struct marks *m, uint32_t cluster)
{
    const struct fat *fat = m->t->fat;

    for (;;) {
        uint32_t next;

        if (!fat_cluster_valid(fat, cluster))
            return fat_damaged(fat, "a file leads to no valid cluster");
        if (m->used[cluster])
            return fat_damaged(fat, "two files share a cluster");
        m->used[cluster] = true;
        next = get(m->t, cluster);
        if (next > bad(fat)) return 0;
        cluster = next;
    }
}

static int mark_file(void *user, const struct fat_file *file)
{
    struct marks *m = user;
    int rc = 0;

    if (file->cluster) rc = mark_chain(m, file->cluster);
    if (rc || !file->directory) return rc;
    if (m->depth == DEPTH_MAX)
        return fat_damaged(m->t->fat, "its directories are nested too deep");
    m->depth++;
    rc = fat_list(m->t->fat, file, mark_file, m);
    m->depth--;
    return rc;
}

/* Frees what no file has. A write that was cut off has left it. */
static int drop_lost(struct fat_table *t)
{
    const struct fat *fat = t->fat;
    size_t n = (size_t)fat->clusters + 2;
    struct marks m = {.t = t, .used = xmalloc(n * sizeof(*m.used))};
    uint32_t cluster;
    int rc = 0;

    memset(m.used, 0, n * sizeof(*m.used));
    if (fat->bits == 32) rc = mark_chain(&m, fat->root_cluster);
    if (!rc) rc = fat_list(fat, NULL, mark_file, &m);
    for (cluster = 2; cluster < n && !rc; cluster++) {
        if (!m.used[cluster] && get(t, cluster) != bad(fat))
            put(t, cluster, 0);
    }
    free(m.used);
    return rc;
}

int fat_table_open(struct fat_table *t, const struct fat *fat)
{
    uint64_t used = ((uint64_t)fat->clusters + 2) * fat->bits / 8;
    int rc;

    memset(t, 0, sizeof(*t));
    t->fat = fat;
    t->next = 2;
    t->size = (size_t)((used + fat->sector - 1) / fat->sector * fat->sector);
    t->data = xmalloc(t->size);
    rc = device_read(fat->dev, t->data, t->size, fat->table);
    return rc ? rc : drop_lost(t);
}

void fat_table_dispose(struct fat_table *t)
{
    free(t->data);
    t->data = NULL;
}

/* ---- new content ---- */

/* The first of COUNT free clusters that follow each other; 0: there are none.
 */
static uint32_t find_free(const struct fat_table *t, uint32_t count)
{
    uint32_t cluster;
    uint32_t run = 0;

    for (cluster = 2; cluster - 2 < t->fat->clusters; cluster++) {
        run = get(t, cluster) ? 0 : run + 1;
        if (run == count) return cluster + 1 - count;
    }
    return 0;
}

/* Whole clusters: behind the data are zeros. */
static int write_data(const struct fat *fat, const void *data, size_t len,
                      uint32_t first, uint32_t count)
{
    size_t size = (size_t)count * fat->cluster_size;
    uint64_t offset = fat_cluster_offset(fat, first);
    uint8_t *padded = xmalloc(size);
    int rc;

    memcpy(padded, data, len);
    memset(padded + len, 0, size - len);
    rc = device_write(fat->dev, padded, size, offset);
    if (!rc) rc = device_flush(fat->dev);
    if (!rc)
        rc = device_verify(fat->dev, padded, size, offset,
                           "the new file reads");
    free(padded);
    return rc;
}

int fat_table_store(struct fat_table *t, const void *data, size_t len,
                    struct fat_content *content_r)
{
    const struct fat *fat = t->fat;
    uint32_t count =
        (uint32_t)((len + fat->cluster_size - 1) / fat->cluster_size);
    uint32_t first = find_free(t, count);
    uint32_t i;
    int rc;

    if (!first) {
        log_error("%s: no room for a file of %zu bytes beside the present one",
                  fat->dev->path, len);
        return ERROR_INVAL;
    }
    rc = write_data(fat, data, len, first, count);
    if (rc) return rc;
    for (i = 0; i + 1 < count; i++)
        put(t, first + i, first + i + 1);
    put(t, first + i, fat->bits == 16 ? END_16 : END_32);
    t->next = first + i;
    content_r->cluster = first;
    content_r->size = (uint32_t)len;
    return 0;
}

void fat_table_free(struct fat_table *t, const struct fat_content *content)
{
    uint32_t cluster = content->cluster;

    while (fat_cluster_valid(t->fat, cluster)) {
        uint32_t next = get(t, cluster);

        put(t, cluster, 0);
        cluster = next;
    }
}

/* ---- writing ---- */

static int write_copy(const struct fat_table *t, uint64_t offset)
{
    const struct device *dev = t->fat->dev;
    uint8_t *there = xmalloc(t->size);
    size_t sector = t->fat->sector;
    int rc = device_read(dev, there, t->size, offset);
    size_t at;

    for (at = 0; at < t->size && !rc; at += sector) {
        if (memcmp(there + at, t->data + at, sector))
            rc = device_write(dev, t->data + at, sector, offset + at);
    }
    free(there);
    return rc;
}

static int write_info(const struct fat_table *t)
{
    const struct fat *fat = t->fat;
    uint8_t info[INFO_SIZE];
    uint32_t cluster;
    uint32_t count = 0;
    int rc;

    if (!fat->info) return 0;
    rc = device_read(fat->dev, info, sizeof(info), fat->info);
    if (rc) return rc;
    if (get32(info) != INFO_LEAD || get32(info + INFO_MARK_AT) != INFO_MARK)
        return 0;
    for (cluster = 2; cluster - 2 < fat->clusters; cluster++)
        count += !get(t, cluster);
    if (get32(info + INFO_FREE_AT) == count) return 0;
    put32(info + INFO_FREE_AT, count);
    put32(info + INFO_NEXT_AT, t->next);
    return device_write(fat->dev, info, sizeof(info), fat->info);
}

static uint64_t copy_offset(const struct fat *fat, unsigned int number)
{
    return fat->table + number * fat->table_size;
}

int fat_table_write(const struct fat_table *t)
{
    const struct fat *fat = t->fat;
    unsigned int i;
    int rc = 0;

    /* The first copy last: it is the one that is read. */
    for (i = fat->tables; i > 0 && !rc; i--)
        rc = write_copy(t, copy_offset(fat, i - 1));
    if (!rc) rc = write_info(t);
    if (!rc) rc = device_flush(fat->dev);
    for (i = 0; i < fat->tables && !rc; i++)
        rc = device_verify(fat->dev, t->data, t->size, copy_offset(fat, i),
                           "the table of the file system reads");
    return rc;
}

/* ---- the directory ---- */

static uint64_t entry_sector(const struct fat *fat,
                             const struct fat_file *file)
{
    return file->entry / fat->sector * fat->sector;
}

int fat_entry_read(const struct fat *fat, const struct fat_file *file,
                   uint8_t sector_r[FAT_SECTOR_MAX])
{
    return device_read(fat->dev, sector_r, fat->sector,
                       entry_sector(fat, file));
}

int fat_entry_set(const struct fat *fat, const struct fat_file *file,
                  const struct fat_content *content,
                  const uint8_t before[FAT_SECTOR_MAX])
{
    uint8_t sector[FAT_SECTOR_MAX];
    uint8_t *e = sector + (file->entry - entry_sector(fat, file));

    memcpy(sector, before, fat->sector);
    e[ENTRY_LOW] = (uint8_t)content->cluster;
    e[ENTRY_LOW + 1] = (uint8_t)(content->cluster >> 8);
    if (fat->bits == 32) {
        e[ENTRY_HIGH] = (uint8_t)(content->cluster >> 16);
        e[ENTRY_HIGH + 1] = (uint8_t)(content->cluster >> 24);
    }
    put32(e + ENTRY_BYTES, content->size);
    return fat_entry_restore(fat, file, sector);
}

int fat_entry_restore(const struct fat *fat, const struct fat_file *file,
                      const uint8_t sector[FAT_SECTOR_MAX])
{
    uint64_t at = entry_sector(fat, file);
    int rc = device_write(fat->dev, sector, fat->sector, at);

    if (!rc) rc = device_flush(fat->dev);
    if (!rc)
        rc = device_verify(fat->dev, sector, fat->sector, at,
                           "the directory reads");
    return rc;
}
