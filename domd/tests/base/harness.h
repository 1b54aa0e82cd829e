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

/* A directory for a group of tests; each removes the files that it made. */
extern char scratch[];
int scratch_make(void **state);
int scratch_drop(void **state);

/* Runs LOOP for so long, whether there is anything to do or not: one round at
 * least, however late we come to it. */
void run_loop(struct loop *loop, msec ms);

#endif
