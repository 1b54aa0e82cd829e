/*
 * The preflight for a daemon, which must not block on a dead share: a child
 * process checks the wants of one domain. A child that blocks is abandoned and
 * delays its own domain only; when it returns, the files are read again.
 */
#ifndef DOMD_PREFLIGHT_CHECKS_H
#define DOMD_PREFLIGHT_CHECKS_H

#include "base/loop.h"
#include "policy/config.h"

/* Total time to wait for all children, in ms, during which the loop is
 * blocked. A healthy host answers within a few ms. */
#define CHECKS_PATIENCE ((msec)2000)

struct checks;

/* BACK is called from the loop when an abandoned child returns: it must lead
 * to checks_run. */
struct checks *checks_new(struct loop *loop, void (*back)(void *user),
                          void *user);
void checks_free(struct checks *checks);

/* Checks the wants of all policies of CONFIG, and applies the findings; a
 * policy whose child does not answer gets a `hold` that names the path.
 * Abandoned children of earlier runs are not waited for. */
void checks_run(struct checks *checks, struct config *config);
/* Kills the abandoned children, as far as the kernel permits, so that the next
 * checks_run starts new ones. For a reload on request. */
void checks_give_up(struct checks *checks);
/* Whether the paths of P answer at this moment; otherwise P gets a `hold`. For
 * a caller that is about to open them. */
bool checks_answer(struct checks *checks, struct policy *p);
/* A hash of which files P wants, by device and inode, and of when those that
 * are regular ones were last written. A path that does not answer blocks:
 * ask checks_answer before. */
uint64_t checks_print(const struct policy *p);
/* The number of abandoned children. */
size_t checks_left(const struct checks *checks);

#endif
