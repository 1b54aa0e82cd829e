/*
 * The whole configuration: the directory of domain files, and the checks
 * across all of them.
 */
#ifndef DOMD_POLICY_CONFIG_H
#define DOMD_POLICY_CONFIG_H

#include "policy/read.h"

struct config {
    struct policy **v; /* in the order of the file names */
    size_t n;
    struct problems problems;
};

/* Appends the path of every domain file in DIR, by name. Returns 0, or an
 * errno value. */
int config_list(const char *dir, struct strlist *paths);

/* Reads every domain file in DIR; a file with nothing but comments is ignored.
 * Problems go to config->problems, and bar the policies concerned. Files and
 * devices that policies name are not looked up; the preflight does that,
 * before config_check. The caller disposes. */
void config_read(struct config *config, const char *dir,
                 const struct host *host);

/* The same for the file PATH alone. */
void config_read_file(struct config *config, const char *path,
                      const struct host *host);

/* Checks the policies of *CONFIG against each other, after the preflight:
 * duplicate or missing names, cycles, disks with two writers, duplicate UUIDs,
 * and more memory than the host has. */
void config_check(struct config *config, const struct host *host);

/* Returns the policy I, which the caller owns from then on. */
struct policy *config_take(struct config *config, size_t i);
void config_dispose(struct config *config);

#endif
