/*
 * What the parts of the reader of domain files have from each other, and
 * nobody else has from them:
 *
 *   read.c       the file, its values, and what is wrong with it
 *   read_keys.c  the keys of xenith-domain(5)
 *   read_xl.c    what concerns us of those of xl.cfg(5)
 *   read_habits.c
 *                what people write there that does something else here
 *
 * None of these fails: what is wrong becomes a problem of the file, and the
 * value stays as it was.
 */
#ifndef DOMD_POLICY_INTERNAL_H
#define DOMD_POLICY_INTERNAL_H

#include "policy/domfile.h"
#include "policy/read.h"

/* One file while it is read. */
struct reader {
    struct domfile *in;
    XLU_Config *cfg;  /* in->cfg */
    const char *file; /* in->shown */
    struct policy *p;
    const struct host *host;
    struct problems *problems;
};

/* ---- read.c ------------------------------------------------------------- */

/* Reports what is wrong with the setting KEY. */
void reader_wrong(struct reader *r, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same for what does not keep the domain from starting. */
void reader_warn(struct reader *r, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The line of the last setting of KEY, or 0. */
int reader_line(const struct reader *r, const char *key);
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

/* ---- read_habits.c ------------------------------------------------------ */

/* Looks for what xl leaves out, reads in another way or cannot do here. Comes
 * before reader_xl, which says what follows from it. */
void reader_habits(struct reader *r);
/* Whether it is an HVM guest, by xl's new word for it or by its old one. */
bool reader_is_hvm(const struct reader *r);
/* Whether `kernel` is the firmware of HVM guests, which xl leaves out. */
bool reader_names_hvmloader(const struct reader *r);

#endif
