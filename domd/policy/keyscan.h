/*
 * The settings in a domain file: their names, lines and positions in the text.
 *
 * libxlutil parses such a file, but its public functions look up single names:
 * they neither list the names nor tell positions. This scanner finds both in a
 * file that libxlutil has accepted, and so relies on its grammar: a setting
 * begins at the start of a line or after a semicolon, outside of brackets,
 * with a name of [a-z][._0-9a-z]*.
 */
#ifndef DOMD_POLICY_KEYSCAN_H
#define DOMD_POLICY_KEYSCAN_H

#include "base/util.h"

struct key_place {
    char *name;
    int line;
    size_t from;  /* of the name */
    size_t value; /* the first byte of the value; 0: no value */
    size_t end;   /* after the value, or after the name */
};

struct key_places {
    struct key_place *v;
    size_t n;
};

/* Scans LEN bytes of TEXT. Appends to *PLACES, in file order. */
void keyscan(const char *text, size_t len, struct key_places *places);
/* Finds the next string of a value in TEXT from *AT to END. Sets *FROM_R and
 * *TO_R to the string without its quotes, and moves *AT behind it. False: no
 * more strings. */
bool keyscan_string(const char *text, size_t *at, size_t end, size_t *from_r,
                    size_t *to_r);
/* The line of the last setting of NAME (the effective one), or 0. */
int keyscan_line(const struct key_places *places, const char *name);
void key_places_dispose(struct key_places *places);

#endif
