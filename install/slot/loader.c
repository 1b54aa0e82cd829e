#include "loader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bios.h"
#include "fat_table.h"

/* Files are smaller than this. */
#define FILE_LIMIT ((size_t)4 * 1024 * 1024)

/* A file of the EFI system partition. */
enum {
    FILE_EFI,
    FILE_MENU,
    FILES,
};

static const struct {
    const char *name; /* in output */
    const char *from;
    const char *path;
} names[FILES] = {
    [FILE_EFI] = {"efi", "BOOTX64.EFI", "EFI/BOOT/BOOTX64.EFI"},
    [FILE_MENU] = {"menu", "grub.cfg", "grub/grub.cfg"},
};

struct loader {
    struct blob boot;
    struct blob core;
    struct bios bios;
    struct fat fat;
    struct {
        struct blob data;
        struct fat_file there;
        struct fat_content old;
        struct fat_content new; /* cluster 0: none is stored */
        bool same;
        bool switched; /* its entry was overwritten, or that was tried; */
        uint8_t before[FAT_SECTOR_MAX]; /* what was in that sector */
    } files[FILES];
    bool bios_switched;
};

/* ---- reading ---- */

static int read_blob(struct blob *b, const char *directory, const char *name)
{
    char path[4096];
    FILE *f = NULL;
    int rc = 0;

    if (snprintf(path, sizeof(path), "%s/%s", directory, name) <
        (int)sizeof(path))
        f = fopen(path, "re");
    if (!f) {
        log_error("cannot open %s/%s: %s", directory, name, strerror(errno));
        return ERROR_FAIL;
    }
    b->data = xmalloc(FILE_LIMIT);
    b->len = fread(b->data, 1, FILE_LIMIT, f);
    if (ferror(f)) {
        log_error("cannot read %s: %s", path, strerror(errno));
        rc = ERROR_FAIL;
    } else if (!b->len || b->len == FILE_LIMIT) {
        log_error("cannot use %s: it has %s bytes", path,
                  b->len ? "too many" : "no");
        rc = ERROR_INVAL;
    }
    fclose(f);
    return rc;
}

struct comparison {
    const struct blob *with;
    size_t at;
    bool same;
};

static int compare_sink(void *user, const void *data, size_t len)
{
    struct comparison *c = user;

    if (c->same) c->same = !memcmp(c->with->data + c->at, data, len);
    c->at += len;
    return 0;
}

static int read_file(struct loader *l, unsigned int number, const char *from)
{
    struct blob *data = &l->files[number].data;
    struct fat_file *there = &l->files[number].there;
    struct comparison c = {.with = data};
    int rc = read_blob(data, from, names[number].from);

    if (!rc) rc = fat_find_file(&l->fat, names[number].path, there);
    if (rc) return rc;
    c.same = there->size == data->len;
    if (c.same) rc = fat_read(&l->fat, there, compare_sink, &c);
    l->files[number].same = c.same;
    l->files[number].old.cluster = there->cluster;
    l->files[number].old.size = there->size;
    return rc;
}

static int loader_open(struct loader *l, const struct device *disk,
                       const struct device *esp, const char *from)
{
    unsigned int i;
    int rc;

    memset(l, 0, sizeof(*l));
    rc = read_blob(&l->boot, from, "boot.img");
    if (!rc) rc = read_blob(&l->core, from, "bios.img");
    if (!rc) rc = bios_open(&l->bios, disk, &l->boot, &l->core);
    if (!rc) rc = fat_open(&l->fat, esp);
    for (i = 0; i < FILES && !rc; i++)
        rc = read_file(l, i, from);
    return rc;
}

static void loader_dispose(struct loader *l)
{
    unsigned int i;

    for (i = 0; i < FILES; i++)
        free(l->files[i].data.data);
    free(l->boot.data);
    free(l->core.data);
}

static void print(const struct loader *l, const char *differs)
{
    const char *const bios[] = {
        [BIOS_NONE] = "none",
        [BIOS_FOREIGN] = "foreign",
        [BIOS_SAME] = "same",
        [BIOS_DIFFERS] = differs,
    };
    unsigned int i;

    printf("bios=%s\n", bios[l->bios.state]);
    for (i = 0; i < FILES; i++)
        printf("%s=%s\n", names[i].name, l->files[i].same ? "same" : differs);
}

int loader_print(const struct device *disk, const struct device *esp,
                 const char *from)
{
    struct loader l;
    int rc = loader_open(&l, disk, esp, from);

    if (!rc) print(&l, "differs");
    loader_dispose(&l);
    return rc;
}

/* ---- writing ---- */

static int store_all(struct loader *l, struct fat_table *table)
{
    unsigned int i;
    int rc = 0;

    if (l->bios.state == BIOS_DIFFERS) rc = bios_store(&l->bios, &l->core);
    for (i = 0; i < FILES && !rc; i++) {
        if (l->files[i].same) continue;
        rc = fat_table_store(table, l->files[i].data.data,
                             l->files[i].data.len, &l->files[i].new);
    }
    return rc ? rc : fat_table_write(table);
}

/* The menu comes last: it may need a new GRUB, which still reads the old one.
 */
static int switch_all(struct loader *l)
{
    unsigned int i;
    int rc = 0;

    l->bios_switched = l->bios.state == BIOS_DIFFERS;
    if (l->bios_switched) rc = bios_switch(&l->bios, &l->boot);
    for (i = 0; i < FILES && !rc; i++) {
        const struct fat_file *there = &l->files[i].there;

        if (l->files[i].same) continue;
        rc = fat_entry_read(&l->fat, there, l->files[i].before);
        if (rc) break;
        l->files[i].switched = true;
        rc = fat_entry_set(&l->fat, there, &l->files[i].new,
                           l->files[i].before);
    }
    return rc;
}

/* False if a sector that was overwritten cannot be written again. */
static bool switch_back(struct loader *l)
{
    unsigned int i;
    bool ok = true;

    for (i = FILES; i > 0; i--) {
        if (l->files[i - 1].switched &&
            fat_entry_restore(&l->fat, &l->files[i - 1].there,
                              l->files[i - 1].before))
            ok = false;
    }
    if (l->bios_switched && bios_switch_back(&l->bios)) ok = false;
    return ok;
}

/* Frees what no file has any more: the old content, or after a failure the new
 * one. The other one keeps its clusters. */
static int release(struct loader *l, struct fat_table *table, bool failed)
{
    unsigned int i;

    for (i = 0; i < FILES; i++) {
        if (!l->files[i].new.cluster) continue;
        fat_table_free(table, failed ? &l->files[i].new : &l->files[i].old);
    }
    return fat_table_write(table);
}

static int replace(struct loader *l, struct fat_table *table)
{
    int rc = store_all(l, table);

    if (!rc) rc = switch_all(l);
    if (!rc) {
        /* Logged, and no error: the loader is replaced, and what could not be
         * freed now is freed by the next call. */
        release(l, table, false);
        return 0;
    }
    if (switch_back(l))
        release(l, table, true);
    else
        log_error("%s: the boot loader is changed in part, and cannot be "
                  "changed back; replace the disk",
                  l->bios.disk->path);
    return rc;
}

int loader_write(const struct device *disk, const struct device *esp,
                 const char *from)
{
    struct fat_table table = {0};
    struct loader l;
    int rc = loader_open(&l, disk, esp, from);

    if (!rc) rc = fat_table_open(&table, &l.fat);
    if (!rc) rc = replace(&l, &table);
    if (!rc) print(&l, "written");
    fat_table_dispose(&table);
    loader_dispose(&l);
    return rc;
}
