/*
 * Child processes whose output is collected while the loop goes on.
 *
 * A program: xl, for the two things that libxl cannot do for an event loop. It
 * has no parser of domain files, and its core dump returns when the memory is
 * written.
 *
 * Or a copy of this process, for work that may block for ever: nothing ends a
 * process that waits for a dead share, but then only the copy waits.
 */
#ifndef DOMD_BASE_CHILD_H
#define DOMD_BASE_CHILD_H

#include "base/loop.h"

struct child;

/* The child has ended with STATUS, as waitpid says it. OUT and ERR are what it
 * printed; both end with the call, and so does the run. */
typedef void child_done(void *user, int status, const struct buf *out,
                        const struct buf *err);

/* Starts ARGV[0] (with its path). Its end is reported from the loop, never
 * before this has returned; nobody else may reap it. Returns 0, or an errno
 * value. */
int child_start(struct child **run_r, struct loop *loop, char *const argv[],
                child_done *done, void *user);
/* Runs WORK in a copy of this process, which prints to descriptor 1, has none
 * of the others, and dies with us. It must not touch anything of ours but
 * memory. */
int child_fork(struct child **run_r, struct loop *loop,
               void (*work)(const void *arg), const void *arg,
               child_done *done, void *user);
/* Lets nothing else go on until the child has ended or it is UNTIL. Returns
 * whether it has; that was reported, then. */
bool child_wait(struct child *run, msec until);
/* What it has printed so far. */
const struct buf *child_output(const struct child *run);
/* Kills the child. Its end is reported as any other. */
void child_kill(struct child *run);
/* Forgets the child without a report: we are about to end. */
void child_free(struct child *run);

/* The line of what xl printed to ERR that says most: the last error, or the
 * last line that is no warning. NULL: there is none. The caller frees it. */
char *child_reason(const struct buf *err);

#endif
