/*
 * A domain file that libxlutil accepts: its text, its values, and their
 * positions in the text.
 */
#ifndef DOMD_POLICY_DOMFILE_H
#define DOMD_POLICY_DOMFILE_H

#include <stdio.h>

#include <libxlutil.h>

#include "policy/keyscan.h"
#include "policy/problem.h"
#include "policy/text.h"

struct domfile {
    const char *shown; /* file name for messages; the caller's */
    struct buf text;   /* cleaned */
    XLU_Config *cfg;
    struct key_places places;

    /* Error messages of libxlutil. */
    FILE *sink;
    char *report;
    size_t report_len;
};

/* Parses LEN bytes of TEXT. On error, appends to *PROBLEMS and returns false.
 * The caller disposes in either case. */
bool domfile_parse(struct domfile *f, const char *text, size_t len,
                   const char *shown, struct problems *problems);
/* The same for the file PATH. */
bool domfile_read(struct domfile *f, const char *path,
                  struct problems *problems);
void domfile_dispose(struct domfile *f);

/* The value of KEY; NULL if it is missing or a list. */
const char *domfile_string(const struct domfile *f, const char *key);

/* Parses SPEC, an element of `disk`. Returns NULL, or the reason why libxlutil
 * refuses it, which the caller frees. The caller disposes of *DISK_R in either
 * case. */
char *domfile_disk(struct domfile *f, const char *spec,
                   libxl_device_disk *disk_r);

#endif
