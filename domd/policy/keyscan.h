/*
 * The names of the settings in a domain file, and the lines they stand in.
 *
 * libxlutil parses such a file, but its public functions answer only for a
 * name that is asked for: they list no names and tell no lines. This finds
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
};

struct key_places {
    struct key_place *v;
    size_t n;
};

/* Scans LEN bytes of TEXT. Appends to *PLACES, in the order of the file. */
void keyscan(const char *text, size_t len, struct key_places *places);
/* The line of the last setting of NAME (the one that counts), or 0. */
int keyscan_line(const struct key_places *places, const char *name);
void key_places_dispose(struct key_places *places);

#endif
