/*
 * A domain file that libxlutil has accepted: its text, its values, and where
 * in the text they stand.
 */
#ifndef DOMD_POLICY_DOMFILE_H
#define DOMD_POLICY_DOMFILE_H

#include <stdio.h>

#include <libxlutil.h>

#include "policy/keyscan.h"
#include "policy/problem.h"
#include "policy/text.h"

struct domfile {
    const char *shown; /* the name that messages use; the caller's */
    struct buf text;   /* cleaned */
    XLU_Config *cfg;
    struct key_places places;

    /* What libxlutil reports. */
    FILE *sink;
    char *report;
    size_t report_len;
};

/* Parses LEN bytes of TEXT. What is wrong is appended to *PROBLEMS, and the
 * result is false then. The caller disposes in either case. */
bool domfile_parse(struct domfile *f, const char *text, size_t len,
                   const char *shown, struct problems *problems);
/* The same for the file PATH. */
bool domfile_read(struct domfile *f, const char *path,
                  struct problems *problems);
void domfile_dispose(struct domfile *f);

/* Parses SPEC, an element of `disk`. Returns NULL, or why libxlutil refuses
 * it, which the caller frees. The caller disposes of *DISK_R in either case.
 */
char *domfile_disk(struct domfile *f, const char *spec,
                   libxl_device_disk *disk_r);

#endif
