#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void *require_memory(void *p)
{
    if (!p) {
        static const char message[] = "domd: out of memory\n";
        ssize_t r = write(STDERR_FILENO, message, sizeof(message) - 1);
        (void)r;
        abort();
    }
    return p;
}

void *xcalloc(size_t n, size_t size)
{
    return require_memory(calloc(n ? n : 1, size ? size : 1));
}

void *xrealloc(void *p, size_t n, size_t size)
{
    if (size && n > SIZE_MAX / size) require_memory(NULL);
    return require_memory(realloc(p, n && size ? n * size : 1));
}

char *xstrdup(const char *s)
{
    return require_memory(strdup(s));
}

char *xstrndup(const char *s, size_t n)
{
    return require_memory(strndup(s, n));
}

char *xvasprintf(const char *format, va_list args)
{
    char *s = NULL;
    int r = vasprintf(&s, format, args);

    if (r < 0) require_memory(NULL);
    return s;
}

char *xasprintf(const char *format, ...)
{
    va_list args;
    char *s;

    va_start(args, format);
    s = xvasprintf(format, args);
    va_end(args);
    return s;
}

void strlist_add(struct strlist *list, const char *s)
{
    list->v = xrealloc(list->v, list->n + 1, sizeof(*list->v));
    list->v[list->n++] = xstrdup(s);
}

bool strlist_has(const struct strlist *list, const char *s)
{
    size_t i;

    for (i = 0; i < list->n; i++) {
        if (!strcmp(list->v[i], s)) return true;
    }
    return false;
}

void strlist_dispose(struct strlist *list)
{
    size_t i;

    for (i = 0; i < list->n; i++)
        free(list->v[i]);
    free(list->v);
    list->v = NULL;
    list->n = 0;
}

void buf_add(struct buf *b, const void *data, size_t len)
{
    if (b->len + len + 1 > b->size) {
        b->size = (b->len + len + 1) * 2;
        b->s = xrealloc(b->s, b->size, 1);
    }
    if (len) memcpy(b->s + b->len, data, len);
    b->len += len;
    b->s[b->len] = '\0';
}

void buf_addf(struct buf *b, const char *format, ...)
{
    va_list args;
    char *s;

    va_start(args, format);
    s = xvasprintf(format, args);
    va_end(args);
    buf_add(b, s, strlen(s));
    free(s);
}

void buf_drop(struct buf *b, size_t n)
{
    if (!n) return;
    memmove(b->s, b->s + n, b->len - n + 1);
    b->len -= n;
}

void buf_dispose(struct buf *b)
{
    free(b->s);
    memset(b, 0, sizeof(*b));
}

int read_file(const char *path, size_t limit, struct buf *b)
{
    char chunk[4096];
    ssize_t r;
    int rc = 0;
    int fd = -1;
    size_t total = 0;

    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        rc = errno;
        goto out;
    }
    for (;;) {
        r = read(fd, chunk, sizeof(chunk));
        if (r < 0 && errno == EINTR) continue;
        if (r < 0) {
            rc = errno;
            goto out;
        }
        if (r == 0) break;
        total += (size_t)r;
        if (total > limit) {
            rc = EFBIG;
            goto out;
        }
        buf_add(b, chunk, (size_t)r);
    }
    buf_add(b, "", 0);
out:
    if (fd >= 0) close(fd);
    return rc;
}

int write_file(const char *path, const char *data, size_t len,
               unsigned int mode)
{
    char *tmp = xasprintf("%s.new", path);
    int fd = -1;
    int rc = 0;
    int r;

    fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, (mode_t)mode);
    if (fd < 0) {
        rc = errno;
        goto out;
    }
    while (len) {
        ssize_t n = write(fd, data, len);

        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            rc = errno;
            goto out;
        }
        data += n;
        len -= (size_t)n;
    }
    r = close(fd);
    fd = -1;
    if (r) {
        rc = errno;
        goto out;
    }
    r = rename(tmp, path);
    if (r) rc = errno;
out:
    if (fd >= 0) close(fd);
    if (rc) unlink(tmp);
    free(tmp);
    return rc;
}

uint64_t hash_add(uint64_t hash, const void *data, size_t len)
{
    const unsigned char *bytes = data;
    size_t i;

    for (i = 0; i < len; i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3u;
    return hash;
}

char *link_name(const char *path, const char *fallback)
{
    char *target = realpath(path, NULL);
    char *name = xstrdup(target ? strrchr(target, '/') + 1 : fallback);

    free(target);
    return name;
}

bool parse_long(const char *s, long min, long max, long *value_r)
{
    char *end;
    long value;

    if (!*s || (*s != '-' && (*s < '0' || *s > '9'))) return false;
    errno = 0;
    value = strtol(s, &end, 10);
    if (errno || *end || value < min || value > max) return false;
    *value_r = value;
    return true;
}
