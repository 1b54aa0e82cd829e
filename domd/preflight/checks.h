/*
 * The preflight for a daemon, which must not wait for a dead share: a child
 * looks for what one domain wants. One that does not come back is left behind
 * and holds up its own domain only; whenever it does come back, the files are
 * read again.
 */
#ifndef DOMD_PREFLIGHT_CHECKS_H
#define DOMD_PREFLIGHT_CHECKS_H

#include "base/loop.h"
#include "policy/config.h"

/* So long all children together are waited for, in ms. Nothing else goes on
 * meanwhile; a healthy host answers within a few. */
#define CHECKS_PATIENCE ((msec)2000)

struct checks;

/* BACK is called from the loop when one comes back that was left behind: it is
 * to lead to checks_run. */
struct checks *checks_new(struct loop *loop, void (*back)(void *user),
                          void *user);
void checks_free(struct checks *checks);

/* Looks for what the policies of CONFIG want; the preflight of each adds to it
 * what it has found, or the policy gets a `hold` that says which path does not
 * answer. Those that are left behind from before are not waited for. */
void checks_run(struct checks *checks, struct config *config);
/* Somebody asks for it now: those that are left behind are given up, if the
 * kernel lets them go, and the next checks_run looks again. */
void checks_give_up(struct checks *checks);
/* Whether the paths that P names answer at this moment; or else it gets a
 * `hold`. For what is about to use them itself. */
bool checks_answer(struct checks *checks, struct policy *p);
/* How many are left behind. */
size_t checks_left(const struct checks *checks);

#endif
