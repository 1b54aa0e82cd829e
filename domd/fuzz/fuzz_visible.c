/* Text of a guest or its device model, on its way to a terminal. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/visible.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Independent of the code under test: aborts if a terminal would obey part of
 * the text as a command, or if it is invalid. */
static void check_harmless(const char *text, size_t len, const char *allowed)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t i = 0;

    while (i < len) {
        uint32_t c = s[i];
        unsigned int more = c < 0x80 ? 0 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
        static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
        unsigned int k;

        if (c < 0x20 && !strchr(allowed, (int)c)) abort();
        if (!c || c == 0x7f || (c >= 0x80 && c < 0xc0) || c > 0xf7) abort();
        if (i + more >= len) abort();
        if (more) c &= 0x3fu >> more;
        for (k = 1; k <= more; k++) {
            if (s[i + k] >> 6 != 2) abort();
            c = c << 6 | (s[i + k] & 0x3fu);
        }
        if (c < least[more] || c > 0x10ffff || (c >> 11) == 0x1b) abort();
        if (c >= 0x80 && c < 0xa0) abort();
        i += more + 1;
    }
}

static void try_one_line(const char *text, size_t max)
{
    char *shown = visible(text, max);
    char *again = visible(shown, max);

    if (strlen(shown) > max) abort();
    check_harmless(shown, strlen(shown), "");
    if (strcmp(again, shown)) abort();
    free(again);
    free(shown);
}

/* The stream arrives in two parts, cut at any point. */
static void try_stream(const char *s, size_t len, size_t cut)
{
    struct buf whole = {0};
    struct buf parts = {0};
    size_t used;

    buf_add(&whole, "", 0);
    buf_add(&parts, "", 0);
    if (visible_lines(&whole, s, len, false) != len) abort();
    check_harmless(whole.s, whole.len, "\n\t");
    used = visible_lines(&parts, s, cut, true);
    /* Only an incomplete character may be held back. */
    if (used > cut || cut - used > 3) abort();
    if (visible_lines(&parts, s + used, len - used, false) != len - used)
        abort();
    if (whole.len != parts.len || memcmp(whole.s, parts.s, whole.len)) abort();
    buf_dispose(&whole);
    buf_dispose(&parts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    char *line;

    if (!size) return 0;
    try_stream(text + 1, size - 1, data[0] % size);
    line = xstrndup(text + 1, size - 1);
    try_one_line(line, VISIBLE_MAX);
    try_one_line(line, 4 + data[0]);
    free(line);
    return 0;
}
