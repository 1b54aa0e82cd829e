#include "hv/saved.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Seconds in which backends or QEMU may still write to a saved disk. */
#define GRACE 60

char *saved_path(const char *dir, const char *name, const char *suffix)
{
    return xasprintf("%s/%s.save%s", dir, name, suffix);
}

/* Renames one of the files. Returns 0, or an errno value. */
static int rename_file(const char *dir, const char *name, const char *from,
                       const char *to)
{
    char *old = saved_path(dir, name, from);
    char *new = saved_path(dir, name, to);
    int r = rename(old, new) ? errno : 0;

    free(old);
    free(new);
    return r;
}

/* Removes one of the files. Returns whether it existed. */
static bool remove_file(const char *dir, const char *name, const char *suffix)
{
    char *path = saved_path(dir, name, suffix);
    bool was_there = !unlink(path);

    free(path);
    return was_there;
}

static bool file_exists(const char *dir, const char *name, const char *suffix)
{
    char *path = saved_path(dir, name, suffix);
    bool there = !access(path, F_OK);

    free(path);
    return there;
}

/* Makes renames in DIR durable. Returns 0, or an errno value. */
static int sync_names(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = 0;

    if (fd < 0) return errno;
    /* EINVAL: the file system cannot sync names, and loses none. */
    if (fsync(fd) && errno != EINVAL) r = errno;
    close(fd);
    return r;
}

int saved_complete(const char *dir, const char *name)
{
    int r = rename_file(dir, name, ".part", "");

    if (r) return r;
    r = sync_names(dir);
    if (r) (void)remove_file(dir, name, "");
    return r;
}

int saved_take(const char *dir, const char *name)
{
    int r = rename_file(dir, name, "", ".used");

    if (r) return r;
    r = sync_names(dir);
    /* The guest does not resume: keep the save for its next start. */
    if (r) (void)rename_file(dir, name, ".used", "");
    return r;
}

void saved_done(const char *dir, const char *name)
{
    /* A newer save may own the configuration. */
    if (remove_file(dir, name, ".used") && !file_exists(dir, name, ""))
        (void)remove_file(dir, name, ".json");
}

bool saved_give_back(const char *dir, const char *name)
{
    if (!file_exists(dir, name, ".used") || file_exists(dir, name, ""))
        return false;
    return !rename_file(dir, name, ".used", "");
}

bool saved_put_aside(const char *dir, const char *name)
{
    if (rename_file(dir, name, "", ".failed") &&
        rename_file(dir, name, ".used", ".failed"))
        return false;
    (void)rename_file(dir, name, ".json", ".failed.json");
    /* Else a power cut could restore it, on disks that have changed. */
    (void)sync_names(dir);
    return true;
}

bool saved_is_doubtful(const char *dir, const char *name)
{
    if (!file_exists(dir, name, "")) return file_exists(dir, name, ".used");
    (void)remove_file(dir, name, ".used");
    return false;
}

void saved_drop(const char *dir, const char *name)
{
    (void)remove_file(dir, name, "");
    (void)remove_file(dir, name, ".part");
    (void)remove_file(dir, name, ".json");
    (void)sync_names(dir);
}

bool saved_is_older(const char *save, const char *disk)
{
    struct stat s;
    struct stat d;

    if (stat(save, &s) || stat(disk, &d) || !S_ISREG(d.st_mode)) return false;
    /* ctime is the time of the rename that completed the save. */
    return d.st_mtime > s.st_ctime + GRACE;
}
