#include "base/visible.h"

#include <stdio.h>
#include <string.h>

#define SHOWN_MAX 8 /* "\u001b" */
#define CUT       "..."

/* Length of a character by its first byte; 0: invalid. */
static size_t get_length(unsigned char first)
{
    if (first < 0x80) return 1;
    if (first >= 0xc2 && first < 0xe0) return 2;
    if (first >= 0xe0 && first < 0xf0) return 3;
    if (first >= 0xf0 && first < 0xf5) return 4;
    return 0;
}

/* Length of the first byte and its continuation bytes, of at most LEN. */
static size_t count_continued(const unsigned char *s, size_t len)
{
    size_t i = 1;

    while (i < len && (s[i] & 0xc0) == 0x80)
        i++;
    return i;
}

size_t utf8_len(const char *text, size_t n)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t len = n ? get_length(s[0]) : 0;

    if (!len || len > n || count_continued(s, len) < len) return 0;
    if (s[0] == 0xe0 && s[1] < 0xa0) return 0; /* overlong */
    if (s[0] == 0xed && s[1] > 0x9f) return 0; /* surrogates */
    if (s[0] == 0xf0 && s[1] < 0x90) return 0;
    if (s[0] == 0xf4 && s[1] > 0x8f) return 0;
    return len;
}

/* Writes the visible form of the first character (or stray byte) of the LEN
 * bytes at S to SHOWN, as a string. Returns the number of bytes it used. */
static size_t show_character(const char *s, size_t len, char shown[SHOWN_MAX])
{
    size_t used = utf8_len(s, len);
    unsigned char first = (unsigned char)s[0];
    unsigned char second = used == 2 ? (unsigned char)s[1] : 0;

    if (!used) {
        snprintf(shown, SHOWN_MAX, "\\x%02x", first);
        return 1;
    }
    if (first < 0x20 || first == 0x7f) {
        snprintf(shown, SHOWN_MAX, "\\u%04x", first);
    } else if (first == 0xc2 && second < 0xa0) { /* U+0080 to U+009F */
        snprintf(shown, SHOWN_MAX, "\\u%04x", second);
    } else {
        memcpy(shown, s, used);
        shown[used] = '\0';
    }
    return used;
}

char *visible(const char *text, size_t max)
{
    size_t len = strlen(text);
    struct buf out = {0};
    char shown[SHOWN_MAX];
    size_t fits = 0; /* length of OUT that leaves room for CUT */

    buf_add(&out, "", 0);
    while (len && out.len <= max) {
        size_t used = show_character(text, len, shown);

        buf_add(&out, shown, strlen(shown));
        text += used;
        len -= used;
        if (out.len + strlen(CUT) <= max) fits = out.len;
    }
    if (out.len > max) {
        out.s[fits] = '\0';
        out.len = fits;
        buf_add(&out, CUT, strlen(CUT));
    }
    return out.s;
}

/* Whether the LEN bytes at S, the last ones so far, are the beginning of a
 * longer character. */
static bool is_incomplete(const char *text, size_t len)
{
    const unsigned char *s = (const unsigned char *)text;

    if (*s == '\r') return len == 1;
    return len < get_length(*s) && count_continued(s, len) == len;
}

size_t visible_lines(struct buf *out, const char *s, size_t len, bool more)
{
    char shown[SHOWN_MAX];
    size_t at = 0;

    while (at < len) {
        if (more && is_incomplete(s + at, len - at)) break;
        if (s[at] == '\r' && at + 1 < len && s[at + 1] == '\n') {
            at++;
        } else if (s[at] == '\n' || s[at] == '\t') {
            buf_add(out, s + at, 1);
            at++;
        } else {
            at += show_character(s + at, len - at, shown);
            buf_add(out, shown, strlen(shown));
        }
    }
    return at;
}
