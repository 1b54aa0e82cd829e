#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

const char *lock_directory(void)
{
    static char path[PATH_MAX / 2];
    const char *run = getenv("HOTPLUG_RUN"); /* only tests set it */

    snprintf(path, sizeof(path), "%s/xen-hotplug", run ? run : "/run");
    return path;
}

int lock_take(const char *name)
{
    const char *directory = lock_directory();
    char path[PATH_MAX];
    int fd;
    int r;

    if (mkdir(directory, 0755) && errno != EEXIST) return -errno;
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    /* Not closed in children: if this process is killed, the lock lasts until
     * the one that it started ends. The file is never removed: a lock on an
     * unlinked file protects nothing. */
    fd = open(path, O_WRONLY | O_CREAT, 0644);
    if (fd < 0) return -errno;
    do
        r = flock(fd, LOCK_EX);
    while (r && errno == EINTR);
    if (!r) return fd;
    r = -errno;
    close(fd);
    return r;
}
