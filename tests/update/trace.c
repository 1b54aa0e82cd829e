/*
 * Linked around the system calls by which slot writes (-Wl,--wrap=pwrite,
 * --wrap=fsync): appends what a disk is told to the file $SLOT_TRACE, as
 * "PATH OFFSET LENGTH\n" and the data, or "PATH flush\n".
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

ssize_t __real_pwrite(int fd, const void *data, size_t len, off_t offset);
ssize_t __wrap_pwrite(int fd, const void *data, size_t len, off_t offset);
int __real_fsync(int fd);
int __wrap_fsync(int fd);

/* The trace, with the path of FD; NULL: none is asked for. */
static FILE *trace_open(int fd)
{
    const char *trace = getenv("SLOT_TRACE");
    char link[64], path[4096];
    ssize_t len;
    FILE *f;

    if (!trace) return NULL;
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    len = readlink(link, path, sizeof(path) - 1);
    f = fopen(trace, "a");
    if (len < 0 || !f) abort();
    path[len] = '\0';
    fputs(path, f);
    return f;
}

ssize_t __wrap_pwrite(int fd, const void *data, size_t len, off_t offset)
{
    FILE *f = trace_open(fd);

    if (f) {
        fprintf(f, " %lld %zu\n", (long long)offset, len);
        fwrite(data, 1, len, f);
        if (fclose(f)) abort();
        if (fcntl(fd, F_GETFL) & O_DSYNC) {
            f = trace_open(fd);
            fputs(" flush\n", f);
            if (fclose(f)) abort();
        }
    }
    return __real_pwrite(fd, data, len, offset);
}

int __wrap_fsync(int fd)
{
    FILE *f = trace_open(fd);

    if (f) {
        fputs(" flush\n", f);
        if (fclose(f)) abort();
    }
    return __real_fsync(fd);
}
