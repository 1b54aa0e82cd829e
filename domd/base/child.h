/*
 * Child processes whose output is collected by the event loop.
 *
 * A program: xl, for the two things that libxl cannot do in an event loop.
 * libxl has no parser for domain files, and its core dump blocks until the
 * memory is written.
 *
 * Or a fork of this process, for work that may block for ever: a process that
 * waits for a dead share cannot be killed, but then only the fork waits.
 */
#ifndef DOMD_BASE_CHILD_H
#define DOMD_BASE_CHILD_H

#include "base/loop.h"

struct child;

/* The child exited with STATUS, as from waitpid. OUT and ERR hold its output;
 * both are freed, with the child, when the callback returns. */
typedef void child_done(void *user, int status, const struct buf *out,
                        const struct buf *err);

/* Starts ARGV[0], an absolute path. DONE is called from the loop, never before
 * this returns; nobody else may reap the child. Returns 0 or an errno
 * value. */
int child_start(struct child **run_r, struct loop *loop, char *const argv[],
                child_done *done, void *user);
/* Runs WORK in a fork of this process, which writes to descriptor 1, inherits
 * no other descriptor, and dies with its parent. WORK may use nothing of the
 * parent's but its memory. */
int child_fork(struct child **run_r, struct loop *loop,
               void (*work)(const void *arg), const void *arg,
               child_done *done, void *user);
/* Blocks until the child exits or UNTIL passes. Returns whether the child
 * exited; its callback has then been called. */
bool child_wait(struct child *run, msec until);
/* The output so far. */
const struct buf *child_output(const struct child *run);
/* Kills the child. Its exit is reported like any other. */
void child_kill(struct child *run);
/* Frees the child without a report, for a parent that is about to exit. */
void child_free(struct child *run);

/* The most informative line of xl's ERR: the last error, or else the last line
 * that is not a warning; NULL if ERR is empty. The caller frees it. */
char *child_reason(const struct buf *err);

#endif
