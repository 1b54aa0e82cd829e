/*
 * What the tests of hv/xl/ share: the daemon, of which domain 0
 * is "a", and what they make happen again and again.
 */
#ifndef DOMD_TESTS_HV_XL_HARNESS_H
#define DOMD_TESTS_HV_XL_HARNESS_H

#include "tests/hv/xl/libxl_fake.h"

#include "hv/hv.h"

extern struct loop *loop;
extern struct hv *hv;
extern struct policy *policy;
extern char told[512]; /* "queued; begins; created" */
extern char marked[512];
extern char logged[512];
extern char why[256];
extern char saved_disks[512]; /* that what was saved writes, it is said */
extern const char *forbid;    /* why it must not go on from there */
extern bool no_more_resets;   /* the next one is its end */
extern msec stalled_ms;

int setup(void **state);
int teardown(void **state);

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* Lets everything happen that can happen now. */
void spin(void);

/* The last operation ends with RC. */
void ends(int rc);
/* The xl, or sync, that runs ends with a STATUS as from wait(2). */
void xl_ends(int status);
/* xl has read the file, and printed JSON. */
void converts(void);

/* A creation, up to the point at which libxl was asked for it. */
void begin_creation(void);
/* There is an instance, and it is adopted. */
void runs(void);
/* libxl says that it has shut down, once for each time that it was asked. */
void shuts_down(libxl_shutdown_reason reason);

/* The files of a save, in the scratch directory. */
void put(const char *suffix, const char *text);
bool has(const char *suffix);
/* "save json" */
const char *files(void);

#endif
