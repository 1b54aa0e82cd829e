/* What every cmocka test includes. */
#ifndef DOMD_TESTS_BASE_HARNESS_H
#define DOMD_TESTS_BASE_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

#include "base/loop.h"

/* A directory for a group of tests; each test removes its own files. */
extern char scratch[];
int scratch_make(void **state);
int scratch_drop(void **state);

/* Runs LOOP for MS milliseconds, at least one round. */
void run_loop(struct loop *loop, msec ms);

#endif
