#include "policy/keyscan.h"

#include <stdlib.h>
#include <string.h>

static bool name_begins(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool name_goes_on(char c)
{
    return name_begins(c) || (c >= '0' && c <= '9') || c == '.' || c == '_';
}

/* Returns the place behind the string that begins at AT with its quote. */
static size_t skip_string(const char *text, size_t len, size_t at)
{
    char quote = text[at];

    for (at++; at < len && text[at] != quote && text[at] != '\n'; at++) {
        if (text[at] == '\\' && at + 1 < len) at++;
    }
    return at < len && text[at] == quote ? at + 1 : at;
}

void keyscan(const char *text, size_t len, struct key_places *places)
{
    bool begins = true;
    int line = 1;
    int depth = 0;
    size_t at = 0;

    while (at < len) {
        char c = text[at];

        if (c == '#') {
            while (at < len && text[at] != '\n')
                at++;
        } else if (c == '"' || c == '\'') {
            at = skip_string(text, len, at);
            begins = false;
        } else if (begins && !depth && name_begins(c)) {
            size_t from = at;

            while (at < len && name_goes_on(text[at]))
                at++;
            places->v = xrealloc(places->v, places->n + 1, sizeof(*places->v));
            places->v[places->n].name = xstrndup(text + from, at - from);
            places->v[places->n].line = line;
            places->n++;
            begins = false;
        } else {
            if (c == '[') depth++;
            if (c == ']' && depth) depth--;
            if (c == '\n') line++;
            if (c == '\n' || c == ';')
                begins = true;
            else if (c != ' ' && c != '\t')
                begins = false;
            at++;
        }
    }
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
