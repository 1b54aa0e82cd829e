/*
 * xl as a child, for the two things that libxl cannot do for an event loop: it
 * has no parser of domain files, and its core dump returns when the memory is
 * written. What the child prints is collected while the loop goes on.
 *
 * Or a copy of ourselves, for what may take for ever: nothing ends a process
 * that waits for a dead share, but it is only that one that waits.
 */
#ifndef DOMD_BASE_CHILD_H
#define DOMD_BASE_CHILD_H

#include "base/loop.h"

struct xlrun;

/* The child has ended with STATUS, as waitpid says it. OUT and ERR are what it
 * printed; both end with the call, and so does the run. */
typedef void xlrun_done(void *user, int status, const struct buf *out,
                        const struct buf *err);

/* Starts ARGV[0] (with its path). Its end is reported from the loop, never
 * before this has returned; nobody else may reap it. Returns 0, or an errno
 * value. */
int xlrun_start(struct xlrun **run_r, struct loop *loop, char *const argv[],
                xlrun_done *done, void *user);
/* Runs WORK in a copy of this process, which prints to descriptor 1, has none
 * of the others, and dies with us. It must not touch anything of ours but
 * memory. */
int xlrun_fork(struct xlrun **run_r, struct loop *loop,
               void (*work)(const void *arg), const void *arg,
               xlrun_done *done, void *user);
/* Lets nothing else go on until the child has ended or it is UNTIL. Returns
 * whether it has; that was reported, then. */
bool xlrun_wait(struct xlrun *run, msec until);
/* What it has printed so far. */
const struct buf *xlrun_output(const struct xlrun *run);
/* Kills the child. Its end is reported as any other. */
void xlrun_kill(struct xlrun *run);
/* Forgets the child without a report: we are about to end. */
void xlrun_free(struct xlrun *run);

/* The line of what xl printed to ERR that says most: the last error, or the
 * last line that is no warning. NULL: there is none. The caller frees it. */
char *xlrun_reason(const struct buf *err);

#endif
