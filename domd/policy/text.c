#include "policy/text.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define UTF8_MARK "\357\273\277"

static bool begins_with(const char *text, size_t len, const char *mark)
{
    size_t n = strlen(mark);

    return len >= n && !memcmp(text, mark, n);
}

const char *text_problem(const char *text, size_t len)
{
    if (len > POLICY_FILE_MAX) return "the file is larger than 262144 bytes";
    if (begins_with(text, len, "\377\376") ||
        begins_with(text, len, "\376\377"))
        return "the file is UTF-16; save it as UTF-8";
    if (len && memchr(text, '\0', len))
        return "not a text file: it contains a NUL byte";
    return NULL;
}

bool text_clean(const char *text, size_t len, struct buf *clean)
{
    size_t before = clean->len;
    size_t at = begins_with(text, len, UTF8_MARK) ? strlen(UTF8_MARK) : 0;

    while (at < len) {
        const char *end = memchr(text + at, '\n', len - at);
        size_t n = end ? (size_t)(end - text) - at : len - at;
        size_t keep = n && text[at + n - 1] == '\r' ? n - 1 : n;

        buf_add(clean, text + at, keep);
        buf_add(clean, "\n", 1);
        at += n + 1;
    }
    if (!clean->s) buf_add(clean, "", 0);
    return clean->len - before != len ||
           memcmp(clean->s + before, text, len) != 0;
}

int text_read(const char *path, struct buf *clean)
{
    struct buf text = {0};
    int r = read_file(path, POLICY_FILE_MAX, &text);

    if (!r) text_clean(text.s, text.len, clean);
    buf_dispose(&text);
    return r;
}

char *text_for_child(const char *path, int *fd_r)
{
    struct buf text = {0};
    struct buf clean = {0};
    char *name = NULL;
    int fd = -1;

    if (!read_file(path, POLICY_FILE_MAX, &text) &&
        text_clean(text.s, text.len, &clean)) {
        /* The child inherits it. */
        fd = memfd_create("domain file", 0);
        if (fd >= 0 && write(fd, clean.s, clean.len) == (ssize_t)clean.len) {
            name = xasprintf("/proc/self/fd/%d", fd);
        } else if (fd >= 0) {
            close(fd);
            fd = -1;
        }
    }
    *fd_r = fd;
    buf_dispose(&text);
    buf_dispose(&clean);
    return name ? name : xstrdup(path);
}
