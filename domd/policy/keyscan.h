/*
 * The settings in a domain file: their names, their lines, and where in the
 * text their values stand.
 *
 * libxlutil parses such a file, but its public functions answer only for a
 * name that is asked for: they list no names and tell no places. This finds
 * both in a file that libxlutil has accepted, whose grammar therefore holds:
 * a setting begins at the beginning of a line or after a semicolon, outside
 * of brackets, with a name of [a-z][._0-9a-z]*.
 */
#ifndef DOMD_POLICY_KEYSCAN_H
#define DOMD_POLICY_KEYSCAN_H

#include "base/util.h"

struct key_place {
    char *name;
    int line;
    size_t from;  /* of the name */
    size_t value; /* the first byte of the value; 0: there is none */
    size_t end;   /* behind the value, or behind the name */
};

struct key_places {
    struct key_place *v;
    size_t n;
};

/* Scans LEN bytes of TEXT. Appends to *PLACES, in the order of the file. */
void keyscan(const char *text, size_t len, struct key_places *places);
/* Finds the next string of a value in TEXT from *AT to END: its inside,
 * without the quotes, is from *FROM_R to *TO_R, and *AT moves behind it.
 * False: there is none. */
bool keyscan_string(const char *text, size_t *at, size_t end, size_t *from_r,
                    size_t *to_r);
/* The line of the last setting of NAME (the one that counts), or 0. */
int keyscan_line(const struct key_places *places, const char *name);
void key_places_dispose(struct key_places *places);

#endif
