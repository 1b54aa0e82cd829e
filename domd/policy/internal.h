/*
 * Shared by the parts of the domain file reader, and private to them:
 *
 *   read.c       the file, its values and its problems
 *   read_keys.c  the keys of xenith-domain(5)
 *   read_xl.c    the keys of xl.cfg(5) that concern domd
 *   read_habits.c
 *                settings of other hosts that have another effect here
 *
 * None of these functions fails: an error becomes a problem of the file, and
 * the value keeps its default.
 */
#ifndef DOMD_POLICY_INTERNAL_H
#define DOMD_POLICY_INTERNAL_H

#include "policy/domfile.h"
#include "policy/read.h"

/* State while one file is read. */
struct reader {
    struct domfile *in;
    XLU_Config *cfg;  /* in->cfg */
    const char *file; /* in->shown */
    struct policy *p;
    const struct host *host;
    struct problems *problems;
};

/* ---- read.c ------------------------------------------------------------- */

/* Reports an error in the setting KEY. */
void reader_wrong(struct reader *r, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Reports a warning, which does not keep the domain from starting. */
void reader_warn(struct reader *r, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The line of the last setting of KEY, or 0. */
int reader_line(const struct reader *r, const char *key);
/* Records that the domain wants WHAT of the host. */
struct want *reader_want(struct reader *r, enum want_kind kind,
                         const char *what, const char *key);
/* Returns the string of KEY, owned by the file; NULL if it is missing or not a
 * string. */
const char *reader_string(struct reader *r, const char *key);
/* Fills in the number of KEY; false if it is missing or not between MIN and
 * MAX. */
bool reader_long(struct reader *r, const char *key, long min, long max,
                 long *value_r);
/* Appends the strings of KEY, a list or a single string. */
void reader_list(struct reader *r, const char *key, struct strlist *list);

/* ---- read_keys.c -------------------------------------------------------- */

/* Reads the keys of xenith-domain(5). */
void reader_keys(struct reader *r);
/* Warns of unknown keys. */
void reader_check_names(struct reader *r);

/* ---- read_xl.c ---------------------------------------------------------- */

/* Records that the domain wants the file PATH, of setting KEY. Returns the
 * want, or NULL after reporting that PATH is not absolute. */
struct want *reader_want_file(struct reader *r, enum want_kind kind,
                              const char *path, const char *key);
/* Reads the keys of xl that concern other domains and the host. */
void reader_xl(struct reader *r);

/* ---- read_habits.c ------------------------------------------------------ */

/* Reports settings that xl ignores, reads in another way or cannot honour
 * here. Runs before reader_xl, which reports what follows from them. */
void reader_habits(struct reader *r);
/* Whether the guest is HVM, by `type` or by the older `builder`. */
bool reader_is_hvm(const struct reader *r);
/* Whether `kernel` names hvmloader, which xl ignores. */
bool reader_names_hvmloader(const struct reader *r);
/* Whether the guest has a device model of the user's, with unknown features.
 */
bool reader_has_own_model(const struct reader *r);

#endif
