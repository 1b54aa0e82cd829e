#include "hv/saved.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a backend, or QEMU, still writes while a domain is removed after its
 * save is no change. */
#define GRACE 60

char *saved_path(const char *dir, const char *name, const char *suffix)
{
    return xasprintf("%s/%s.save%s", dir, name, suffix);
}

/* Renames one of the files. Returns 0, or an errno value. */
static int move(const char *dir, const char *name, const char *from,
                const char *to)
{
    char *old = saved_path(dir, name, from);
    char *new = saved_path(dir, name, to);
    int r = rename(old, new) ? errno : 0;

    free(old);
    free(new);
    return r;
}

/* Removes one of the files. Returns whether it was there. */
static bool drop(const char *dir, const char *name, const char *suffix)
{
    char *path = saved_path(dir, name, suffix);
    bool was_there = !unlink(path);

    free(path);
    return was_there;
}

static bool is_there(const char *dir, const char *name, const char *suffix)
{
    char *path = saved_path(dir, name, suffix);
    bool there = !access(path, F_OK);

    free(path);
    return there;
}

/* What happened to the names in DIR has reached the disk. Returns 0, or an
 * errno value. */
static int sync_names(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = 0;

    if (fd < 0) return errno;
    /* A file system that cannot do it says so, and has no names to lose. */
    if (fsync(fd) && errno != EINVAL) r = errno;
    close(fd);
    return r;
}

int saved_complete(const char *dir, const char *name)
{
    int r = move(dir, name, ".part", "");

    if (r) return r;
    r = sync_names(dir);
    if (r) (void)drop(dir, name, "");
    return r;
}

int saved_take(const char *dir, const char *name)
{
    int r = move(dir, name, "", ".used");

    if (r) return r;
    r = sync_names(dir);
    /* The guest will not go on: for the next start it is as it was. */
    if (r) (void)move(dir, name, ".used", "");
    return r;
}

void saved_done(const char *dir, const char *name)
{
    /* The configuration may already be that of the next. */
    if (drop(dir, name, ".used") && !is_there(dir, name, ""))
        (void)drop(dir, name, ".json");
}

bool saved_give_back(const char *dir, const char *name)
{
    if (!is_there(dir, name, ".used") || is_there(dir, name, "")) return false;
    return !move(dir, name, ".used", "");
}

bool saved_put_aside(const char *dir, const char *name)
{
    if (move(dir, name, "", ".failed") && move(dir, name, ".used", ".failed"))
        return false;
    (void)move(dir, name, ".json", ".failed.json");
    /* Or it would be back after a power cut, on disks that have changed. */
    (void)sync_names(dir);
    return true;
}

bool saved_is_doubtful(const char *dir, const char *name)
{
    if (!is_there(dir, name, "")) return is_there(dir, name, ".used");
    (void)drop(dir, name, ".used");
    return false;
}

void saved_drop(const char *dir, const char *name)
{
    (void)drop(dir, name, "");
    (void)drop(dir, name, ".part");
    (void)drop(dir, name, ".json");
    (void)sync_names(dir);
}

bool saved_is_older(const char *save, const char *disk)
{
    struct stat s;
    struct stat d;

    if (stat(save, &s) || stat(disk, &d) || !S_ISREG(d.st_mode)) return false;
    /* The save file's time is that at which it got its name. */
    return d.st_mtime > s.st_ctime + GRACE;
}
