/* Reads or writes a block device for some seconds, past the page cache, and prints
 * how many KiB went through each second. For qemu-test/storage.py.
 *
 * usage: iobench DEVICE seq|rand read|write SECONDS
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The same places in each run. */
static uint64_t next_place(void)
{
    static uint64_t x = 88172645463325252u;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return x;
}

int main(int argc, char **argv)
{
    size_t block;
    uint64_t blocks, at = 0, done = 0;
    off_t size;
    double begin, seconds;
    void *buffer;
    int fd, random, writes;

    if (argc != 5) {
        fprintf(stderr, "usage: iobench DEVICE seq|rand read|write SECONDS\n");
        return 2;
    }
    random = !strcmp(argv[2], "rand");
    writes = !strcmp(argv[3], "write");
    seconds = atof(argv[4]);
    block = random ? 4096 : 1 << 20;
    fd = open(argv[1], (writes ? O_RDWR : O_RDONLY) | O_DIRECT);
    if (fd < 0 || (size = lseek(fd, 0, SEEK_END)) < (off_t)block ||
        posix_memalign(&buffer, 4096, block)) {
        perror(argv[1]);
        return 1;
    }
    memset(buffer, 0x5a, block);
    blocks = (uint64_t)size / block;
    begin = now();
    while (now() - begin < seconds) {
        off_t offset = (off_t)((random ? next_place() : at++) % blocks * block);
        ssize_t n = writes ? pwrite(fd, buffer, block, offset)
                           : pread(fd, buffer, block, offset);

        if (n != (ssize_t)block) {
            perror(argv[1]);
            return 1;
        }
        done += block;
    }
    if (writes) fsync(fd);
    printf("%.0f\n", (double)done / 1024 / (now() - begin));
    return 0;
}
