/*
 * Reads a domain file: the policy (xenith-domain(5)) and the few facts that
 * concern other domains and the host. Both stand in one file: xl asks
 * libxlutil for the names that it knows and never sees the others.
 */
#ifndef DOMD_POLICY_READ_H
#define DOMD_POLICY_READ_H

#include "policy/policy.h"
#include "policy/problem.h"
#include "policy/text.h"

/* A word of struct host: QEMU is there, which HVM guests and qcow2 need. */
#define HOST_DEVICE_MODEL "device-model"

/* What the host has. All of it may be asked for as long as the struct lives;
 * `unknown` turns off the checks that need the running host. */
struct host {
    bool unknown;
    struct strlist words; /* what `needs` can ask for, and the one above */
    long total_mb;        /* memory that domains can have; 0: not known */
    char *bridge;         /* of a vif that names none; NULL: not known */
};

void host_dispose(struct host *host);

/* The bridge that a vif is put on if its domain file names none, as the
 * xl.conf PATH says it. The caller frees it; NULL: a script of its own looks
 * after those. */
char *xl_default_bridge(const char *path);

/* Parses LEN bytes of TEXT. SHOWN is the name that messages use, and that the
 * policy keeps as its file. What is wrong is appended to *PROBLEMS, and the
 * first error also bars the policy. Returns the policy, which the caller
 * owns, or NULL if the file has no syntax or no name. */
struct policy *policy_parse(const char *text, size_t len, const char *shown,
                            const struct host *host,
                            struct problems *problems);

/* The same for the file PATH. */
struct policy *policy_read(const char *path, const struct host *host,
                           struct problems *problems);

/* The stamp of what PATH says now; 0 if it cannot be read. */
uint64_t policy_stamp(const char *path);

/* Whether TEXT can be the name of a domain. */
bool policy_name_ok(const char *text);
/* What is wrong with TEXT as the name of a domain; NULL: nothing. */
const char *policy_name_problem(const char *text);

#endif
