/* What this host is made of: its release, the versions that run, and what is
 * known to be wrong with them. */
#ifndef DOMD_XENITH_RELEASE_H
#define DOMD_XENITH_RELEASE_H

#include "base/util.h"

struct advisory {
    char *package;
    char *id; /* a CVE or XSA number */
    char *reason;
};

/* NULL stands for what is not known: the program may run elsewhere. */
struct release {
    char *release;
    char *xen;
    char *changeset; /* of Xen */
    char *linux_version;
    bool listed; /* the image says which advisories are open */
    struct advisory *advisories;
    size_t n;
};

/* Reads it from the files below the directory ROOT ("" for this host). */
void release_read(struct release *r, const char *root);
void release_dispose(struct release *r);

/* For people, several lines; and as one line of JSON. */
void release_text(const struct release *r, struct buf *out);
void release_json(const struct release *r, struct buf *out);

#endif
