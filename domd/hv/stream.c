#include "hv/stream.h"

#include <endian.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/util.h"

/* See Xen's docs/specs/libxl-migration-stream and libxc-migration-stream:
 * libxl's stream embeds that of libxc, behind a record of type XL_CONTEXT. */
#define XL_IDENT   0x4c6962786c466d74ULL /* "LibxlFmt" */
#define XL_VERSION 2
#define XL_CONTEXT 1
#define XC_MARKER  UINT64_MAX
#define XC_ID      0x58454e46 /* "XENF" */
#define XC_HEADERS 40         /* image and domain header */
#define END        0

/* A position in a stream. */
struct walk {
    int fd;
    uint64_t size;
    uint64_t at;
    bool unreadable; /* no verdict */
};

/* Reads LEN bytes; false at the end, or if they cannot be read. */
static bool read_bytes(struct walk *w, void *into, size_t len)
{
    ssize_t n = pread(w->fd, into, len, (off_t)w->at);

    if (n < 0) w->unreadable = true;
    if (n != (ssize_t)len) return false;
    w->at += len;
    return true;
}

static char *cut_off_reason(const struct walk *w)
{
    return xasprintf("truncated after %llu bytes",
                     (unsigned long long)w->size);
}

/* Skips records up to the end, or past one of type STOP. Both layers share the
 * record format. */
static char *walk_records(struct walk *w, uint32_t stop, bool *stopped_r)
{
    struct {
        uint32_t type;
        uint32_t length;
    } head;

    *stopped_r = false;
    for (;;) {
        if (!read_bytes(w, &head, sizeof(head))) return cut_off_reason(w);
        head.type = le32toh(head.type);
        w->at += ((uint64_t)le32toh(head.length) + 7) & ~(uint64_t)7;
        if (w->at > w->size) return cut_off_reason(w);
        if (head.type == END) return NULL;
        *stopped_r = head.type == stop;
        if (*stopped_r) return NULL;
    }
}

static char *walk_memory(struct walk *w)
{
    struct {
        uint64_t marker;
        uint32_t id;
        uint32_t version;
    } image;
    bool stopped;

    if (!read_bytes(w, &image, sizeof(image))) return cut_off_reason(w);
    w->at += XC_HEADERS - sizeof(image);
    if (image.marker != XC_MARKER || be32toh(image.id) != XC_ID)
        return xstrdup("its memory image has no header");
    return walk_records(w, END, &stopped);
}

static char *walk_all(struct walk *w)
{
    struct {
        uint64_t ident;
        uint32_t version;
        uint32_t options;
    } head;
    char *fault = NULL;
    bool memory;

    if (!read_bytes(w, &head, sizeof(head))) return cut_off_reason(w);
    if (be64toh(head.ident) != XL_IDENT || be32toh(head.version) != XL_VERSION)
        return xstrdup("it is not a stream of libxl");
    do {
        fault = walk_records(w, XL_CONTEXT, &memory);
        if (!fault && memory) fault = walk_memory(w);
    } while (!fault && memory);
    return fault;
}

char *stream_fault(int fd)
{
    struct walk w = {.fd = fd};
    struct stat st;
    char *fault;

    if (fstat(fd, &st)) return NULL;
    w.size = (uint64_t)st.st_size;
    fault = walk_all(&w);
    if (!w.unreadable) return fault;
    free(fault);
    return NULL;
}
