/*
 * What the parts of the reader of domain files have from each other, and
 * nobody else has from them:
 *
 *   read.c       the file, its values, and what is wrong with it
 *   read_keys.c  the keys of xenith-domain(5)
 *   read_xl.c    what concerns us of those of xl.cfg(5)
 *
 * None of these fails: what is wrong becomes a problem of the file, and the
 * value stays as it was.
 */
#ifndef DOMD_POLICY_INTERNAL_H
#define DOMD_POLICY_INTERNAL_H

#include "policy/read.h"

#include <libxlutil.h>

#include "policy/keyscan.h"

/* One file while it is read. */
struct reader {
    XLU_Config *cfg;
    const char *file;
    struct key_places places;
    struct policy *p;
    const struct host *host;
    struct problems *problems;
};

/* ---- read.c ------------------------------------------------------------- */

/* Reports what is wrong with the setting KEY. */
void reader_wrong(struct reader *r, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The domain wants WHAT of the host. */
struct want *reader_want(struct reader *r, enum want_kind kind,
                         const char *what, const char *key);
/* Returns the string of KEY, which the file keeps, or NULL if it is not set or
 * no string. */
const char *reader_string(struct reader *r, const char *key);
/* Fills in the number of KEY; false if it is not set, or none from MIN to
 * MAX. */
bool reader_long(struct reader *r, const char *key, long min, long max,
                 long *value_r);
/* Adds a list of strings, or one string that stands for a list of one. */
void reader_list(struct reader *r, const char *key, struct strlist *list);

/* ---- read_keys.c -------------------------------------------------------- */

/* Reads our keys. */
void reader_keys(struct reader *r);
/* Warns of names that are neither ours nor xl's. */
void reader_check_names(struct reader *r);

/* ---- read_xl.c ---------------------------------------------------------- */

/* Reads those of xl's keys that concern other domains and the host. */
void reader_xl(struct reader *r);

#endif
