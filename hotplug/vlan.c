#include "vlan.h"

#include <string.h>

#include "util.h"

#define VLAN_MAX 4094

/* The number of LEN characters, 1 to VLAN_MAX without leading zeros; 0 if it
 * is none. */
static unsigned int read_number(const char *text, size_t len)
{
    unsigned int number = 0;
    size_t i;

    if (!len || len > 4 || *text == '0') return 0;
    for (i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9') return 0;
        number = number * 10 + (unsigned int)(text[i] - '0');
    }
    return number <= VLAN_MAX ? number : 0;
}

/* A+STEPxN, with the sign at PLUS and the letter at X. */
static int read_series(const char *term, const char *end, const char *plus,
                       const char *x, struct vlans *vlans)
{
    unsigned int more = read_number(x + 1, (size_t)(end - x - 1));

    vlans->first = read_number(term, (size_t)(plus - term));
    vlans->step = read_number(plus + 1, (size_t)(x - plus - 1));
    if (!vlans->first || !vlans->step || !more) return ERROR_FAIL;
    vlans->last = vlans->first + vlans->step * more;
    return vlans->last <= VLAN_MAX ? 0 : ERROR_FAIL;
}

/* The LEN characters of a term, without its mark. */
static int read_term(const char *term, size_t len, struct vlans *vlans)
{
    const char *end = term + len;
    const char *sign = memchr(term, '+', len);
    const char *x = sign ? memchr(sign, 'x', (size_t)(end - sign)) : NULL;

    if (x) return read_series(term, end, sign, x, vlans);
    vlans->step = 1;
    sign = memchr(term, '-', len);
    if (sign) {
        vlans->first = read_number(term, (size_t)(sign - term));
        vlans->last = read_number(sign + 1, (size_t)(end - sign - 1));
    } else {
        vlans->first = read_number(term, len);
        vlans->last = vlans->first;
    }
    if (!vlans->first || vlans->last < vlans->first) return ERROR_FAIL;
    return 0;
}

void vlan_begin(struct vlan_reader *reader, const char *text)
{
    size_t len = strlen(text);
    char last = len ? text[len - 1] : '\0';

    *reader = (struct vlan_reader){
        .rest = text,
        .alone = last != 'p' && last != 'u' && !strpbrk(text, "/+-"),
    };
}

int vlan_next(struct vlan_reader *reader, struct vlans *vlans)
{
    const char *term = reader->rest;
    size_t len;
    char mark;

    if (!term) return 0;
    len = strcspn(term, "/");
    reader->rest = term[len] ? term + len + 1 : NULL;
    reader->term = term;
    reader->term_len = (int)len;
    mark = len ? term[len - 1] : '\0';
    /* Frames without a tag can only be in one VLAN. */
    if (mark == 'p' && (memchr(term, '-', len) || memchr(term, '+', len)))
        return ERROR_FAIL;
    if (mark == 'p' || mark == 'u') reader->term_len = (int)--len;
    *vlans = (struct vlans){
        .pvid = mark == 'p' || reader->alone,
        .untagged = mark == 'p' || mark == 'u' || reader->alone,
    };
    return read_term(term, len, vlans) ? ERROR_FAIL : 1;
}

bool vlan_has_two_pvids(const char *text)
{
    const char *first = strchr(text, 'p');

    return first && strchr(first + 1, 'p');
}
