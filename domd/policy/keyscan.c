#include "policy/keyscan.h"

#include <stdlib.h>
#include <string.h>

static bool is_name_start(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_name_char(char c)
{
    return is_name_start(c) || (c >= '0' && c <= '9') || c == '.' || c == '_';
}

/* Returns the position after the string whose quote is at AT. */
static size_t skip_string(const char *text, size_t len, size_t at)
{
    char quote = text[at];

    for (at++; at < len && text[at] != quote && text[at] != '\n'; at++) {
        if (text[at] == '\\' && at + 1 < len) at++;
    }
    return at < len && text[at] == quote ? at + 1 : at;
}

/* Returns the end of the comment that begins at AT. */
static size_t skip_comment(const char *text, size_t len, size_t at)
{
    while (at < len && text[at] != '\n')
        at++;
    return at;
}

static struct key_place *add_place(struct key_places *places, const char *text,
                                   size_t from, size_t end, int line)
{
    struct key_place *p;

    places->v = xrealloc(places->v, places->n + 1, sizeof(*places->v));
    p = &places->v[places->n++];
    p->name = xstrndup(text + from, end - from);
    p->line = line;
    p->from = from;
    p->value = 0;
    p->end = end;
    return p;
}

/* Extends the value of P, if P is a setting whose "=" was read. */
static void extend_value(struct key_place *p, bool equals, size_t from,
                         size_t end)
{
    if (!p || !equals) return;
    if (!p->value) p->value = from;
    p->end = end;
}

void keyscan(const char *text, size_t len, struct key_places *places)
{
    struct key_place *p = NULL; /* the setting around AT */
    bool equals = false;        /* its "=" was read */
    bool begins = true;
    int line = 1;
    int depth = 0;
    size_t at = 0;

    while (at < len) {
        size_t from = at;
        char c = text[at];

        if (c == '#') {
            at = skip_comment(text, len, at);
        } else if (c == '"' || c == '\'') {
            at = skip_string(text, len, at);
            extend_value(p, equals, from, at);
            begins = false;
        } else if (begins && !depth && is_name_start(c)) {
            while (at < len && is_name_char(text[at]))
                at++;
            p = add_place(places, text, from, at, line);
            equals = false;
            begins = false;
        } else {
            at++;
            if (c == '[') depth++;
            if (c == ']' && depth) depth--;
            if (c == '\n') line++;
            if (c == '\n' || c == ';') {
                begins = true;
                if (!depth) p = NULL;
            } else if (c != ' ' && c != '\t') {
                begins = false;
                if (c == '=')
                    equals = true;
                else
                    extend_value(p, equals, from, at);
            }
        }
    }
}

bool keyscan_string(const char *text, size_t *at, size_t end, size_t *from_r,
                    size_t *to_r)
{
    while (*at < end) {
        char c = text[*at];

        if (c == '#') {
            *at = skip_comment(text, end, *at);
        } else if (c == '"' || c == '\'') {
            *from_r = *at + 1;
            *at = skip_string(text, end, *at);
            *to_r = *at - 1;
            return true;
        } else {
            ++*at;
        }
    }
    return false;
}

int keyscan_line(const struct key_places *places, const char *name)
{
    size_t i = places->n;

    while (i--) {
        if (!strcmp(places->v[i].name, name)) return places->v[i].line;
    }
    return 0;
}

void key_places_dispose(struct key_places *places)
{
    size_t i;

    for (i = 0; i < places->n; i++)
        free(places->v[i].name);
    free(places->v);
    places->v = NULL;
    places->n = 0;
}
