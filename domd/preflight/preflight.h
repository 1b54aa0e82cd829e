/*
 * What a domain wants of the host's files and devices, looked for: kernels,
 * disks, bridges. Each look may take for ever, where a path is on a share
 * whose server is gone; preflight/checks.h is for whoever must not wait.
 */
#ifndef DOMD_PREFLIGHT_PREFLIGHT_H
#define DOMD_PREFLIGHT_PREFLIGHT_H

#include "policy/config.h"

/* What was found. */
struct findings {
    struct problems problems;
    char *skip;            /* why the domain is skipped; NULL: it is not */
    struct strlist named;  /* disks that it writes, as its file names them, */
    struct strlist really; /* and the real path of each */
};

/* WANT is about to be looked for, at PATH (which may be one that its file is
 * based on). */
typedef void preflight_looks(void *user, const struct want *want,
                             const char *path);

/* Looks for all that P wants, and fills in *FOUND, which is empty. LOOKS may
 * be NULL. */
void preflight_look(const struct policy *p, struct findings *found,
                    preflight_looks *looks, void *user);
/* Adds what was found to P, and what is wrong to *PROBLEMS. */
void preflight_apply(struct policy *p, const struct findings *found,
                     struct problems *problems);
void findings_dispose(struct findings *found);

/* Both, for each policy of CONFIG. */
void preflight_all(struct config *config);
/* The same on another machine than the host that CONFIG is for: of what that
 * has, only its /config is here, as the directory TREE. */
void preflight_tree(struct config *config, const char *tree);

#endif
