/*
 * Shared by the tests of hv/xl/: a daemon whose domain 0 is "a", and common
 * steps.
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
extern char saved_disks[512]; /* disks that the save writes */
extern const char *forbid;    /* why a restore is forbidden */
extern bool no_more_resets;   /* the next one is refused */
extern bool create_ahead;     /* by begin_creation */
extern msec stalled_ms;

int setup(void **state);
int teardown(void **state);

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* Runs all events that are due. */
void spin(void);

/* Ends the last operation with RC. */
void ends(int rc);
/* Ends the running xl or sync with a STATUS as from wait(2). */
void xl_ends(int status);
/* Lets xl convert the file to JSON. */
void converts(void);

/* Begins a creation, up to the call of libxl. */
void begin_creation(void);
/* Adopts a running instance. */
void runs(void);
/* Reports a shutdown, once for each request of that event. */
void shuts_down(libxl_shutdown_reason reason);

/* Writes a file of a save into the scratch directory. */
void put(const char *suffix, const char *text);
bool has(const char *suffix);
/* "save json" */
const char *files(void);

#endif
