/*
 * The configuration as a whole: the directory of domain files, and what can
 * only be seen when all of them are there.
 */
#ifndef DOMD_POLICY_CONFIG_H
#define DOMD_POLICY_CONFIG_H

#include "policy/read.h"

struct config {
    struct policy **v; /* in the order of the file names */
    size_t n;
    struct problems problems;
};

/* Reads every *.cfg in DIR. A file with nothing but comments is none. What is
 * wrong is in config->problems, and bars the policies that it is about. What
 * they name is not looked at; the preflight does that, before config_check.
 * The caller disposes. */
void config_read(struct config *config, const char *dir,
                 const struct host *host);

/* The same for the file PATH alone. */
void config_read_file(struct config *config, const char *path,
                      const struct host *host);

/* Afterwards: looks for what is wrong among the policies of *CONFIG: names
 * that are taken twice or missing, cycles, disks that two write, UUIDs that
 * two have, memory that cannot fit. */
void config_check(struct config *config, const struct host *host);

/* Takes a policy out, so that config_dispose does not free it. */
struct policy *config_take(struct config *config, size_t i);
void config_dispose(struct config *config);

#endif
