/*
 * Changes a FAT file system that is not mounted: new content for an existing
 * file, in clusters that were free. Whatever ends this early leaves the old or
 * the new content; what no file refers to then is free for the next one.
 */
#ifndef SLOT_FAT_TABLE_H
#define SLOT_FAT_TABLE_H

#include "fat.h"

struct fat_table {
    const struct fat *fat;
    uint8_t *data; /* as it is to become; with the entries of all clusters */
    size_t size;   /* bytes, whole sectors */
    uint32_t next; /* FAT32: where to look for a free cluster first */
};

/* Where the content of a file is. */
struct fat_content {
    uint32_t cluster; /* the first one */
    uint32_t size;    /* bytes */
};

/* Reads the table and walks along all files, which FAT must outlive. Clusters
 * that none of them has become free in *T. A chain that ends wrongly, or is
 * shared by two files, is an error. *T is valid in any case. */
int fat_table_open(struct fat_table *t, const struct fat *fat);
void fat_table_dispose(struct fat_table *t);

/* Writes LEN bytes, not 0, to clusters that are free and follow each other,
 * and reads them back. They are used in *T from then on. */
int fat_table_store(struct fat_table *t, const void *data, size_t len,
                    struct fat_content *content_r);
/* The clusters of CONTENT are free in *T. */
void fat_table_free(struct fat_table *t, const struct fat_content *content);
/* Writes what differs to all copies of the table and reads them back, and
 * writes FAT32's count of free clusters. */
int fat_table_write(const struct fat_table *t);

/* Reads the sector of the directory that holds FILE's entry. */
int fat_entry_read(const struct fat *fat, const struct fat_file *file,
                   uint8_t sector_r[FAT_SECTOR_MAX]);
/* Lets that entry refer to CONTENT, by one write of one sector, which was
 * BEFORE, and reads it back. */
int fat_entry_set(const struct fat *fat, const struct fat_file *file,
                  const struct fat_content *content,
                  const uint8_t before[FAT_SECTOR_MAX]);
/* Writes SECTOR back. */
int fat_entry_restore(const struct fat *fat, const struct fat_file *file,
                      const uint8_t sector[FAT_SECTOR_MAX]);

#endif
