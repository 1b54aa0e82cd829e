#include "loop.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Whether the file that the kernel names in the file PATH of sysfs is FILE. */
static bool is_on(const char *path, const struct stat *file)
{
    struct stat st;
    char *name = NULL;
    size_t size = 0;
    bool same = false;
    FILE *f = fopen(path, "re");

    if (!f) return false;
    if (getline(&name, &size, f) > 0) {
        name[strcspn(name, "\n")] = '\0';
        same = !stat(name, &st) && st.st_dev == file->st_dev &&
               st.st_ino == file->st_ino;
    }
    free(name);
    fclose(f);
    return same;
}

void loops_of(struct numbers *set, const struct stat *file)
{
    static const char end[] = "/loop/backing_file";
    char pattern[PATH_MAX];
    glob_t matches;
    dev_t number;
    size_t i;

    snprintf(pattern, sizeof(pattern), "%s/block/loop*%s", sys_directory(),
             end);
    if (glob(pattern, GLOB_NOSORT, NULL, &matches)) return;
    for (i = 0; i < matches.gl_pathc; i++) {
        char *path = matches.gl_pathv[i];

        if (!is_on(path, file)) continue;
        path[strlen(path) - strlen(end)] = '\0';
        if (number_read(path, &number)) numbers_add(set, number);
    }
    globfree(&matches);
}

int loop_free(char *path)
{
    int fd = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    int n;

    if (fd < 0) return -errno;
    n = ioctl(fd, LOOP_CTL_GET_FREE);
    if (n < 0) n = -errno;
    close(fd);
    if (n < 0) return n;
    snprintf(path, LOOP_PATH, "/dev/loop%d", n);
    return 0;
}

/* devtmpfs makes the node of a new device; the kernel has it before the ioctl
 * returns. */
int loop_attach(const char *path, int fd, bool reads_only)
{
    struct loop_config config = {.fd = (unsigned int)fd};
    int r = 0;
    int loop = open(path, (reads_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);

    if (loop < 0) return -errno;
    if (reads_only) config.info.lo_flags = LO_FLAGS_READ_ONLY;
    if (ioctl(loop, LOOP_CONFIGURE, &config)) r = -errno;
    close(loop);
    return r;
}

int loop_detach(const char *path)
{
    int r = 0;
    int loop = open(path, O_RDONLY | O_CLOEXEC);

    if (loop < 0) return -errno;
    if (ioctl(loop, LOOP_CLR_FD, 0)) r = -errno;
    close(loop);
    return r;
}
