/* See QEMU's docs/interop/qcow2.rst; all numbers are big-endian. */
#include "preflight/qcow2.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/util.h"

#define HEADER     48
#define NAME_MAX_Q 1023 /* of a backing file, by the specification */
#define CHAIN_MAX  32

static uint64_t read_big_endian(const unsigned char *p, unsigned int bytes)
{
    uint64_t value = 0;

    while (bytes--)
        value = value << 8 | *p++;
    return value;
}

/* The path of the backing file NAME of the image PATH; NULL: not a file. */
static char *backing_path(const char *path, const char *name)
{
    const char *slash = strrchr(path, '/');

    if (*name == '/') return xstrdup(name);
    /* "nbd://...", "json:{...}" */
    if (strchr(name, ':')) return NULL;
    return xasprintf("%.*s/%s", slash ? (int)(slash - path) : 1,
                     slash ? path : ".", name);
}

/* Checks one image. Sets *NEXT_R to the path of its backing file, or to NULL.
 * Returns an error text, or NULL. BASE: it may be another format. */
static char *check_image(const char *path, bool base, char **next_r)
{
    unsigned char h[HEADER];
    char name[NAME_MAX_Q + 1];
    char *problem = NULL;
    uint64_t at;
    uint64_t table;
    size_t length;
    struct stat st;
    ssize_t n;
    int fd;

    *next_r = NULL;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st)) {
        problem =
            xasprintf("%s%s%s", path, errno == ENOENT ? " " : ": ",
                      errno == ENOENT ? "does not exist" : strerror(errno));
        goto out;
    }
    n = pread(fd, h, sizeof(h), 0);
    if (n < 4 || memcmp(h, "QFI\xfb", 4)) {
        if (!base) problem = xasprintf("%s is not a qcow2 image", path);
        goto out;
    }
    if (n < HEADER) goto cut;
    /* The L1 table must be within the file; a block device has no st_size. */
    table = read_big_endian(h + 40, 8) + read_big_endian(h + 36, 4) * 8;
    if (S_ISREG(st.st_mode) && table > (uint64_t)st.st_size) goto cut;
    at = read_big_endian(h + 8, 8);
    length = (size_t)read_big_endian(h + 16, 4);
    if (!at) goto out;
    if (length > NAME_MAX_Q ||
        pread(fd, name, length, (off_t)at) != (ssize_t)length)
        goto cut;
    name[length] = '\0';
    *next_r = backing_path(path, name);
    goto out;
cut:
    problem = xasprintf("%s is truncated: it has %lld bytes", path,
                        (long long)st.st_size);
out:
    if (fd >= 0) close(fd);
    return problem;
}

char *qcow2_problem(const char *path,
                    void (*looks)(void *user, const char *path), void *user)
{
    char *at = xstrdup(path);
    char *problem = NULL;
    char *text;
    char *next;
    unsigned int depth;

    for (depth = 0; at && !problem; depth++) {
        if (looks) looks(user, at);
        problem = check_image(at, depth > 0, &next);
        if (problem && depth) {
            text = xasprintf("cannot use %s: %s", path, problem);
            free(problem);
            problem = text;
        }
        if (!problem && depth == CHAIN_MAX)
            problem = xasprintf("%s has more than %d backing files", path,
                                CHAIN_MAX);
        free(at);
        at = next;
    }
    free(at);
    return problem;
}
