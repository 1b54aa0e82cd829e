/*
 * Linked around pwrite() and fsync() (-Wl,--wrap=...): records the writes of slot, and
 * spoils one of them as a bad disk would.
 *
 *   SLOT_WRITES=FILE   appends "OFFSET LENGTH PATH\n" and the data of each write
 *   SLOT_FLUSHES=1     and "-1 0 PATH\n" for each flush
 *   SLOT_FAIL=N        the write number N, from 0, fails
 *   SLOT_FLIP=N        one bit of it is wrong on the disk
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

ssize_t __real_pwrite(int fd, const void *data, size_t len, off_t offset);
ssize_t __wrap_pwrite(int fd, const void *data, size_t len, off_t offset);

int __real_fsync(int fd);
int __wrap_fsync(int fd);

static int number = -1;

/* Adds the head of a record for FD to the file PATH, and leaves that open. */
static FILE *record(const char *path, int fd, long long offset, size_t len)
{
    char link[64];
    char target[4096];
    FILE *f = fopen(path, "a");
    ssize_t n;

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    n = readlink(link, target, sizeof(target) - 1);
    if (!f || n < 0) abort();
    fprintf(f, "%lld %zu %.*s\n", offset, len, (int)n, target);
    return f;
}

static int is_now(const char *variable)
{
    const char *value = getenv(variable);

    return value && atoi(value) == number;
}

ssize_t __wrap_pwrite(int fd, const void *data, size_t len, off_t offset)
{
    const char *path = getenv("SLOT_WRITES");
    FILE *f;
    char *copy;
    ssize_t r;

    number++;
    if (is_now("SLOT_FAIL")) {
        errno = EIO;
        return -1;
    }
    if (path) {
        f = record(path, fd, offset, len);
        fwrite(data, 1, len, f);
        if (fclose(f)) abort();
    }
    if (!is_now("SLOT_FLIP")) return __real_pwrite(fd, data, len, offset);
    copy = malloc(len);
    if (!copy) abort();
    memcpy(copy, data, len);
    copy[len / 2] ^= 1;
    r = __real_pwrite(fd, copy, len, offset);
    free(copy);
    return r;
}

int __wrap_fsync(int fd)
{
    const char *path = getenv("SLOT_WRITES");
    FILE *f;

    if (path && getenv("SLOT_FLUSHES")) {
        f = record(path, fd, -1, 0);
        if (fclose(f)) abort();
    }
    return __real_fsync(fd);
}
