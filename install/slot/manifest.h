/* The list of a slot's files with their sizes and hashes (docs/install.md). */
#ifndef SLOT_MANIFEST_H
#define SLOT_MANIFEST_H

#include "fat.h"
#include "util.h"

/* The files that a manifest does not list. */
#define MANIFEST           "manifest"
#define MANIFEST_SIGNATURE "manifest.minisig"

struct manifest_file {
    char name[FAT_NAME_MAX];
    uint32_t size;
    char hash[SHA256_HEX];
    bool there; /* for manifest_check */
};

struct manifest {
    char version[65];
    char order[21];
    struct manifest_file *files;
    size_t n;
};

/* Parses TEXT; WHERE is for messages. *M is valid in any case. */
int manifest_parse(struct manifest *m, const char *text, size_t len,
                   const char *where);
void manifest_dispose(struct manifest *m);

/* Whether the file system holds a manifest, all files in it with the right
 * content, and no other. Logs every difference. */
int manifest_check(const struct fat *fat);

/* Whether S may be the version of a manifest. */
bool manifest_version_valid(const char *s);

#endif
