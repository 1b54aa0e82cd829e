/*
 * Files in a FAT16 or FAT32 file system, read without mounting it. Its content
 * may come from an update, so no value in it is trusted. fat_table.h changes
 * such a file system.
 */
#ifndef SLOT_FAT_H
#define SLOT_FAT_H

#include "device.h"

#define FAT_NAME_MAX   256
#define FAT_SECTOR_MAX 4096

struct fat {
    const struct device *dev;
    unsigned int bits;     /* of an entry of the table: 16 or 32 */
    uint32_t sector;       /* bytes, by the file system */
    uint32_t cluster_size; /* bytes */
    uint32_t clusters;     /* numbered from 2 */
    unsigned int tables;   /* copies of the table, one behind the other */
    uint64_t table_size;   /* bytes of each */
    uint64_t info;      /* offset of FAT32's count of what is free; 0: none */
    uint64_t table;     /* offset of the table, */
    uint64_t data;      /* of cluster 2, */
    uint64_t root;      /* of FAT16's root directory */
    uint32_t root_size; /* bytes; 0: FAT32 */
    uint32_t root_cluster; /* FAT32's root directory */
};

struct fat_file {
    char name[FAT_NAME_MAX]; /* as written; '?' for what is not ASCII */
    bool directory;
    uint32_t size;
    uint32_t cluster; /* 0: empty, or FAT16's root directory */
    uint64_t entry;   /* offset of its entry in the directory */
};

int fat_open(struct fat *fat, const struct device *dev);
/* Whether a file may use the cluster, and where it is on the device. */
bool fat_cluster_valid(const struct fat *fat, uint32_t cluster);
uint64_t fat_cluster_offset(const struct fat *fat, uint32_t cluster);
/* Logs that the file system is damaged, and WHAT is wrong. Returns an error.
 */
int fat_damaged(const struct fat *fat, const char *what);

/* Calls EACH for every file of DIRECTORY (NULL: the root) until it returns
 * other than 0, which is then the result. */
int fat_list(const struct fat *fat, const struct fat_file *directory,
             int (*each)(void *user, const struct fat_file *file), void *user);
/* Finds PATH, with its names separated by slashes. If it is not there,
 * *FOUND_R is false, and that is no error. */
int fat_find(const struct fat *fat, const char *path, struct fat_file *file_r,
             bool *found_r);
/* The same, but a missing PATH, or a directory, is an error. */
int fat_find_file(const struct fat *fat, const char *path,
                  struct fat_file *file_r);

/* Calls SINK with the content, in order, until it returns other than 0, which
 * is then the result. */
int fat_read(const struct fat *fat, const struct fat_file *file,
             int (*sink)(void *user, const void *data, size_t len),
             void *user);
/* Finds the file PATH, which must have SIZE bytes and be in one piece: its
 * offset on the device. Anything else is an error. */
int fat_fixed_file(const struct fat *fat, const char *path, uint32_t size,
                   uint64_t *offset_r);

#endif
