/*
 * Checks the files and devices that a domain wants of the host: kernels,
 * disks, bridges. Each check may block for ever on a dead share;
 * preflight/checks.h is for callers that must not.
 */
#ifndef DOMD_PREFLIGHT_PREFLIGHT_H
#define DOMD_PREFLIGHT_PREFLIGHT_H

#include "policy/config.h"

/* Results of the checks. */
struct findings {
    struct problems problems;
    char *skip;            /* why the domain is skipped; NULL: it is not */
    struct strlist named;  /* writable disks, as the file names them, and */
    struct strlist really; /* their real paths */
};

/* Called before WANT is checked at PATH, which may be that of a backing
 * file. */
typedef void preflight_looks(void *user, const struct want *want,
                             const char *path);

/* Checks all wants of P, and fills in *FOUND, which is empty. LOOKS may be
 * NULL. */
void preflight_look(const struct policy *p, struct findings *found,
                    preflight_looks *looks, void *user);
/* Applies the findings to P, and adds the problems to *PROBLEMS. */
void preflight_apply(struct policy *p, const struct findings *found,
                     struct problems *problems);
void findings_dispose(struct findings *found);

/* Checks and applies, for each policy of CONFIG. */
void preflight_all(struct config *config);
/* Checks CONFIG on another machine than its host: of that host only /config is
 * available, as the directory TREE. */
void preflight_tree(struct config *config, const char *tree);

#endif
