/*
 * Linked around pwrite() and fsync() (-Wl,--wrap=...): records the writes of slot, and
 * spoils one of them as a bad disk would.
 *
 *   SLOT_WRITES=FILE   appends "OFFSET LENGTH\n" and the data of each write
 *   SLOT_FLUSHES=1     and "-1 0\n" for each flush
 *   SLOT_FAIL=N        the write number N, from 0, fails
 *   SLOT_FLIP=N        one bit of it is wrong on the disk
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

ssize_t __real_pwrite(int fd, const void *data, size_t len, off_t offset);
ssize_t __wrap_pwrite(int fd, const void *data, size_t len, off_t offset);

int __real_fsync(int fd);
int __wrap_fsync(int fd);

static int number = -1;

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
        f = fopen(path, "a");
        if (!f) abort();
        fprintf(f, "%lld %zu\n", (long long)offset, len);
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
        f = fopen(path, "a");
        if (!f) abort();
        fputs("-1 0\n", f);
        if (fclose(f)) abort();
    }
    return __real_fsync(fd);
}
