/* libxenguest loads ELF files, bzImages of Linux and images with Xen's own
 * table (xg_dom_elfloader.c, _bzimageloader.c and _binloader.c). It unpacks
 * gzip, whose content is not checked here, and other formats only within a
 * bzImage. QEMU loads bzImages and Multiboot kernels (hw/i386/x86-common.c,
 * multiboot.c); it takes any other file for a Linux older than bzImage. */
#include "preflight/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"

#define BZIMAGE_AT 0x202 /* "HdrS" of Linux' boot protocol */
/* The table of a binary image starts within these bytes. */
#define TABLE_WITHIN 8192
#define TABLE_MAGIC  0x336ec578u
/* A Multiboot header starts before this one of those bytes. */
#define MULTIBOOT_BEFORE 8144
#define MULTIBOOT_MAGIC  0x1badb002u

static bool starts_with(const char *head, size_t len, size_t at,
                        const char *magic)
{
    size_t n = strlen(magic);

    return len >= at + n && !memcmp(head + at, magic, n);
}

static bool has_table(const char *head, size_t len)
{
    uint32_t word;
    size_t i;

    for (i = 0; i + sizeof(word) <= len; i += sizeof(word)) {
        memcpy(&word, head + i, sizeof(word));
        if (word == TABLE_MAGIC) return true;
    }
    return false;
}

/* A Multiboot header is the magic, flags, and a number that makes their sum
 * 0. */
static bool has_multiboot(const char *head, size_t len)
{
    uint32_t words[3];
    size_t i;

    for (i = 0; i < MULTIBOOT_BEFORE && i + sizeof(words) <= len;
         i += sizeof(words[0])) {
        memcpy(words, head + i, sizeof(words));
        if (words[0] == MULTIBOOT_MAGIC && !(words[0] + words[1] + words[2]))
            return true;
    }
    return false;
}

static bool is_for_libxl(const char *head, size_t len)
{
    return starts_with(head, len, 0, "\177ELF") ||
           starts_with(head, len, 0, "\037\213") ||
           starts_with(head, len, BZIMAGE_AT, "HdrS") || has_table(head, len);
}

static bool is_for_qemu(const char *head, size_t len)
{
    return starts_with(head, len, BZIMAGE_AT, "HdrS") ||
           has_multiboot(head, len);
}

char *kernel_problem(const char *path, enum kernel_loader loader)
{
    char head[TABLE_WITHIN];
    char *problem = NULL;
    ssize_t n = -1;
    size_t len;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd >= 0) n = pread(fd, head, sizeof(head), 0);
    if (n < 0 && errno != EISDIR && errno != ESPIPE) {
        problem = xasprintf("%s: %s", path, strerror(errno));
        goto out;
    }
    len = n < 0 ? 0 : (size_t)n;
    if (loader == KERNEL_FOR_LIBXL && !is_for_libxl(head, len))
        problem = xasprintf("%s is not a kernel that Xen can start: an ELF "
                            "file (vmlinux) or a bzImage (vmlinuz) is needed",
                            path);
    if (loader == KERNEL_FOR_QEMU && !is_for_qemu(head, len))
        problem = xasprintf("%s is not a kernel that QEMU can start: a "
                            "bzImage (vmlinuz) or a Multiboot kernel is "
                            "needed",
                            path);
out:
    if (fd >= 0) close(fd);
    return problem;
}
