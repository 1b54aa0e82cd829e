#include "fat.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"

#define ENTRY_SIZE     32
#define ATTR_VOLUME    0x08
#define ATTR_DIRECTORY 0x10
#define ATTR_LONG_NAME 0x0f
#define ATTR_MASK      0x3f
#define LONG_LAST      0x40 /* the last part of a long name, which is first */
#define LONG_CHARS     13
#define LONG_PARTS     20
#define SHORT_SIZE     11
#define LOWER_BASE     0x08 /* Windows NT's marks at offset 12 */
#define LOWER_SUFFIX   0x10

/* A directory of a slot or of the boot state has a few files. */
#define DIRECTORY_MAX (1024 * 1024)

int fat_damaged(const struct fat *fat, const char *what)
{
    log_error("%s: damaged FAT file system: %s", fat->dev->path, what);
    return ERROR_INVAL;
}

static bool power_of_two(uint32_t n)
{
    return n && !(n & (n - 1));
}

int fat_open(struct fat *fat, const struct device *dev)
{
    uint8_t boot[512];
    uint32_t sector;
    uint32_t reserved;
    uint32_t per_table;
    uint64_t sectors;
    uint64_t before_data;
    int rc;

    memset(fat, 0, sizeof(*fat));
    fat->dev = dev;
    rc = device_read(dev, boot, sizeof(boot), 0);
    if (rc) return rc;
    sector = get16(boot + 11);
    if (get16(boot + 510) != 0xaa55 || !power_of_two(sector) || sector < 512 ||
        sector > FAT_SECTOR_MAX || !power_of_two(boot[13])) {
        log_error("%s: not a FAT file system", dev->path);
        return ERROR_INVAL;
    }
    fat->sector = sector;
    fat->cluster_size = sector * boot[13];
    reserved = get16(boot + 14);
    fat->root_size = get16(boot + 17) * ENTRY_SIZE;
    sectors = get16(boot + 19) ? get16(boot + 19) : get32(boot + 32);
    per_table = get16(boot + 22);
    fat->bits = per_table ? 16 : 32;
    if (!per_table) per_table = get32(boot + 36);

    fat->table = (uint64_t)reserved * sector;
    fat->tables = boot[16];
    fat->table_size = (uint64_t)per_table * sector;
    fat->root = fat->table + fat->tables * fat->table_size;
    before_data = fat->root + (fat->root_size + sector - 1) / sector * sector;
    fat->data = before_data;
    if (!reserved || !boot[16] || !per_table || sectors * sector > dev->size ||
        before_data >= sectors * sector)
        return fat_damaged(fat,
                           "it is larger than its partition, or has no data");
    if ((fat->bits == 32) != !fat->root_size)
        return fat_damaged(fat, "no root directory");
    fat->clusters =
        (uint32_t)((sectors * sector - before_data) / fat->cluster_size);
    if (fat->bits == 16 && fat->clusters < 4085) {
        log_error("%s: a FAT12 file system; make it with mkfs.fat -F 16 or -F "
                  "32",
                  dev->path);
        return ERROR_INVAL;
    }
    if (((uint64_t)fat->clusters + 2) * fat->bits / 8 > fat->table_size)
        return fat_damaged(fat, "the table is too short");
    if (fat->bits == 32) {
        fat->root_cluster = get32(boot + 44);
        if (get16(boot + 48) < reserved)
            fat->info = (uint64_t)get16(boot + 48) * sector;
    }
    return 0;
}

bool fat_cluster_valid(const struct fat *fat, uint32_t cluster)
{
    return cluster >= 2 && cluster - 2 < fat->clusters;
}

uint64_t fat_cluster_offset(const struct fat *fat, uint32_t cluster)
{
    return fat->data + (uint64_t)(cluster - 2) * fat->cluster_size;
}

/* *CLUSTER becomes the one that follows it in its file, 0 after the last. */
static int cluster_next(const struct fat *fat, uint32_t *cluster)
{
    uint8_t entry[4] = {0};
    uint32_t width = fat->bits / 8;
    uint32_t value;
    int rc = device_read(fat->dev, entry, width,
                         fat->table + (uint64_t)*cluster * width);

    if (rc) return rc;
    value = fat->bits == 16 ? get16(entry) : get32(entry) & 0x0fffffff;
    if (value >= (fat->bits == 16 ? 0xfff8U : 0x0ffffff8U)) {
        *cluster = 0;
        return 0;
    }
    if (!fat_cluster_valid(fat, value))
        return fat_damaged(fat, "a file leads to no valid cluster");
    *cluster = value;
    return 0;
}

/* Reads LEN bytes from a chain of clusters, or with a SINK of NULL only walks
 * along it and notes in *PIECES_R how many pieces it is in. */
static int read_chain(const struct fat *fat, uint32_t cluster, uint64_t len,
                      int (*sink)(void *user, const void *data, size_t len),
                      void *user, unsigned int *pieces_r)
{
    uint8_t *data = xmalloc(fat->cluster_size);
    uint32_t expected = 0;
    int rc = 0;

    if (pieces_r) *pieces_r = 0;
    while (len) {
        size_t n = len < fat->cluster_size ? (size_t)len : fat->cluster_size;

        if (!fat_cluster_valid(fat, cluster)) {
            rc = fat_damaged(fat, "a file is shorter than its size");
            break;
        }
        if (pieces_r && cluster != expected) ++*pieces_r;
        expected = cluster + 1;
        if (sink) {
            rc = device_read(fat->dev, data, n,
                             fat_cluster_offset(fat, cluster));
            if (!rc) rc = sink(user, data, n);
            if (rc) break;
        }
        len -= n;
        if (!len) break;
        rc = cluster_next(fat, &cluster);
        if (rc) break;
    }
    free(data);
    return rc;
}

/* ---- directories ---- */

struct walk {
    const struct fat *fat;
    int (*each)(void *user, const struct fat_file *file);
    void *user;
    bool ended; /* the entry that ends a directory was seen */
    char name[LONG_PARTS * LONG_CHARS + 1]; /* the long name so far */
    unsigned int missing; /* its parts that are still to come */
    uint8_t checksum;     /* of the short name that it belongs to */
    bool named;           /* all parts are there */
};

static void long_part(struct walk *w, const uint8_t *e)
{
    static const uint8_t at[LONG_CHARS] = {1,  3,  5,  7,  9,  14, 16,
                                           18, 20, 22, 24, 28, 30};
    unsigned int part = e[0] & (LONG_LAST - 1);
    unsigned int i;

    if (e[0] & LONG_LAST) {
        memset(w->name, 0, sizeof(w->name));
        w->missing = part;
        w->checksum = e[13];
    }
    w->named = false;
    if (!part || part > LONG_PARTS || part != w->missing ||
        e[13] != w->checksum) {
        w->missing = 0;
        return;
    }
    for (i = 0; i < LONG_CHARS; i++) {
        uint16_t c = get16(e + at[i]);

        if (!c || c == 0xffff) break;
        w->name[(part - 1) * LONG_CHARS + i] =
            c > ' ' && c < 0x7f ? (char)c : '?';
    }
    w->missing--;
    w->named = !w->missing;
}

static uint8_t short_checksum(const uint8_t *e)
{
    uint8_t sum = 0;
    unsigned int i;

    for (i = 0; i < SHORT_SIZE; i++)
        sum = (uint8_t)((sum >> 1 | sum << 7) + e[i]);
    return sum;
}

static char *short_part(char *to, const uint8_t *from, size_t n, bool lower)
{
    size_t i;

    while (n && from[n - 1] == ' ')
        n--;
    for (i = 0; i < n; i++) {
        char c = from[i] > ' ' && from[i] < 0x7f ? (char)from[i] : '?';

        if (lower && c >= 'A' && c <= 'Z') c = (char)(c - 'A' + 'a');
        *to++ = c;
    }
    return to;
}

static void short_name(char *name, const uint8_t *e)
{
    char *p = short_part(name, e, 8, e[12] & LOWER_BASE);
    char *dot = p;

    *p++ = '.';
    p = short_part(p, e + 8, 3, e[12] & LOWER_SUFFIX);
    if (p == dot + 1) p = dot;
    *p = '\0';
}

/* The entry E is at byte AT of the device. */
static int walk_entry(struct walk *w, const uint8_t *e, uint64_t at)
{
    struct fat_file file = {.entry = at};
    bool named = w->named && w->checksum == short_checksum(e);

    if (!e[0]) {
        w->ended = true;
        return 0;
    }
    if (e[0] == 0xe5) {
        w->named = false;
        return 0;
    }
    if ((e[11] & ATTR_MASK) == ATTR_LONG_NAME) {
        long_part(w, e);
        return 0;
    }
    w->named = false;
    if (e[11] & ATTR_VOLUME || e[0] == '.') return 0;
    if (named)
        memcpy(file.name, w->name, strnlen(w->name, FAT_NAME_MAX - 1));
    else
        short_name(file.name, e);
    file.directory = e[11] & ATTR_DIRECTORY;
    file.size = get32(e + 28);
    file.cluster = get16(e + 26);
    if (w->fat->bits == 32) file.cluster |= (uint32_t)get16(e + 20) << 16;
    return w->each(w->user, &file);
}

/* The next LEN bytes of the directory, which are at byte AT of the device. */
static int walk_piece(struct walk *w, const uint8_t *data, size_t len,
                      uint64_t at)
{
    size_t i;
    int rc = 0;

    for (i = 0; i < len && !rc && !w->ended; i += ENTRY_SIZE)
        rc = walk_entry(w, data + i, at + i);
    return rc;
}

static int walk_root16(struct walk *w)
{
    uint8_t *data = xmalloc(w->fat->root_size);
    int rc = device_read(w->fat->dev, data, w->fat->root_size, w->fat->root);

    if (!rc) rc = walk_piece(w, data, w->fat->root_size, w->fat->root);
    free(data);
    return rc;
}

int fat_list(const struct fat *fat, const struct fat_file *directory,
             int (*each)(void *user, const struct fat_file *file), void *user)
{
    struct walk w = {.fat = fat, .each = each, .user = user};
    uint32_t cluster = directory ? directory->cluster : fat->root_cluster;
    uint32_t length = 0;
    uint8_t *data;
    int rc = 0;

    if (!directory && fat->bits == 16) return walk_root16(&w);
    data = xmalloc(fat->cluster_size);
    while (cluster && !rc && !w.ended) {
        if (!fat_cluster_valid(fat, cluster))
            rc = fat_damaged(fat, "a directory leads to no valid cluster");
        else if (length > DIRECTORY_MAX)
            rc = fat_damaged(fat, "a directory without an end");
        if (!rc)
            rc = device_read(fat->dev, data, fat->cluster_size,
                             fat_cluster_offset(fat, cluster));
        if (!rc)
            rc = walk_piece(&w, data, fat->cluster_size,
                            fat_cluster_offset(fat, cluster));
        if (!rc) rc = cluster_next(fat, &cluster);
        length += fat->cluster_size;
    }
    free(data);
    return rc;
}

struct search {
    const char *name;
    size_t len;
    struct fat_file *file;
    bool found;
};

static int search_each(void *user, const struct fat_file *file)
{
    struct search *s = user;

    if (!s->found && strlen(file->name) == s->len &&
        !memcmp(file->name, s->name, s->len)) {
        *s->file = *file;
        s->found = true;
    }
    return 0;
}

int fat_find(const struct fat *fat, const char *path, struct fat_file *file_r,
             bool *found_r)
{
    struct fat_file at = {0};
    bool in_root = true;
    int rc = 0;

    *found_r = false;
    for (;;) {
        struct search s = {.file = file_r};

        path += strspn(path, "/");
        s.name = path;
        s.len = strcspn(path, "/");
        if (!s.len) break;
        if (!in_root && !at.directory) {
            *found_r = false;
            break;
        }
        rc = fat_list(fat, in_root ? NULL : &at, search_each, &s);
        *found_r = !rc && s.found;
        if (!*found_r) break;
        at = *file_r;
        in_root = false;
        path += s.len;
    }
    return rc;
}

int fat_find_file(const struct fat *fat, const char *path,
                  struct fat_file *file_r)
{
    bool found;
    int rc = fat_find(fat, path, file_r, &found);

    if (rc) return rc;
    if (!found) {
        log_error("%s: no file %s in it", fat->dev->path, path);
        return ERROR_INVAL;
    }
    if (file_r->directory) {
        log_error("%s: %s is a directory", fat->dev->path, path);
        return ERROR_INVAL;
    }
    return 0;
}

/* The offset on the device where the file stands in one piece. */
static int find_extent(const struct fat *fat, const struct fat_file *file,
                       uint64_t *offset_r)
{
    unsigned int pieces;
    int rc = read_chain(fat, file->cluster, file->size, NULL, NULL, &pieces);

    if (rc) return rc;
    if (pieces != 1) {
        log_error("%s: %s is in %u pieces, and would not be overwritten "
                  "safely; write it anew on an empty file system",
                  fat->dev->path, file->name, pieces);
        return ERROR_INVAL;
    }
    *offset_r = fat_cluster_offset(fat, file->cluster);
    return 0;
}

int fat_fixed_file(const struct fat *fat, const char *path, uint32_t size,
                   uint64_t *offset_r)
{
    struct fat_file file;
    int rc = fat_find_file(fat, path, &file);

    if (rc) return rc;
    if (file.size != size) {
        log_error("%s: %s has %" PRIu32 " bytes, not %" PRIu32, fat->dev->path,
                  path, file.size, size);
        return ERROR_INVAL;
    }
    return find_extent(fat, &file, offset_r);
}

int fat_read(const struct fat *fat, const struct fat_file *file,
             int (*sink)(void *user, const void *data, size_t len), void *user)
{
    return read_chain(fat, file->cluster, file->size, sink, user, NULL);
}
