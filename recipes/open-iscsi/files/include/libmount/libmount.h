/*
 * The part of libmount that open-iscsi uses: whether a device is the source of a mount,
 * or a swap device. A table is the name of a file in /proc.
 */
#ifndef XENITH_LIBMOUNT_H
#define XENITH_LIBMOUNT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct libmnt_table {
	const char *file;
};
struct libmnt_cache {
	char unused;
};
struct libmnt_fs;

#define MNT_ITER_FORWARD 0

#define mnt_init_debug(mask) ((void)0)
#define mnt_new_table() ((struct libmnt_table *)calloc(1, sizeof(struct libmnt_table)))
#define mnt_free_table(table) free(table)
#define mnt_new_cache() ((struct libmnt_cache *)calloc(1, sizeof(struct libmnt_cache)))
#define mnt_free_cache(cache) free(cache)
#define mnt_table_set_cache(table, cache) ((void)0)
#define mnt_table_parse_mtab(table, name) ((table)->file = "/proc/self/mounts")
#define mnt_table_parse_swaps(table, name) ((table)->file = "/proc/swaps")

/* In both files the source is the first word of a line. Callers only check for NULL. */
static inline struct libmnt_fs *mnt_table_find_source(struct libmnt_table *table, const char *source, int order)
{
	struct libmnt_fs *found = NULL;
	size_t length = strlen(source);
	char line[4096];
	FILE *file = fopen(table->file, "re");

	(void)order;
	while (file && !found && fgets(line, sizeof(line), file)) {
		if (strncmp(line, source, length) == 0 && strchr(" \t", line[length]))
			found = (struct libmnt_fs *)table;
	}
	if (file)
		fclose(file);
	return found;
}

#endif
