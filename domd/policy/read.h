/*
 * Reads a domain file: the policy (xenith-domain(5)) and the few facts that
 * concern other domains and the host. One file holds both: xl asks libxlutil
 * only for the names that it knows.
 */
#ifndef DOMD_POLICY_READ_H
#define DOMD_POLICY_READ_H

#include "policy/policy.h"
#include "policy/problem.h"
#include "policy/text.h"

/* A word of struct host: QEMU is installed, which HVM guests and qcow2
 * need. */
#define HOST_DEVICE_MODEL "device-model"

/* Facts about the host. `unknown` turns off the checks that need the running
 * host. */
struct host {
    bool unknown;
    struct strlist words; /* values for `needs`, and the one above */
    long total_mb;        /* memory for domains; 0: unknown */
    char *bridge;         /* of a vif that names none; NULL: unknown */
};

void host_dispose(struct host *host);

/* The default bridge of a vif, from the xl.conf PATH. The caller frees it;
 * NULL: the default script is not vif-bridge. */
char *xl_default_bridge(const char *path);

/* Parses LEN bytes of TEXT. SHOWN is the file name for messages and for the
 * policy. Problems are appended to *PROBLEMS, and the first error bars the
 * policy. Returns the policy, which the caller owns, or NULL on a syntax error
 * or a missing name. */
struct policy *policy_parse(const char *text, size_t len, const char *shown,
                            const struct host *host,
                            struct problems *problems);

/* The stamp of the text in PATH; 0 if it cannot be read. */
uint64_t policy_stamp(const char *path);

/* Whether TEXT can be the name of a domain. */
bool policy_name_ok(const char *text);
/* Why TEXT cannot be the name of a domain; NULL: it can. */
const char *policy_name_problem(const char *text);

#endif
