/* The release, the running versions, their open advisories, and the slots. */
#ifndef DOMD_XENITH_RELEASE_H
#define DOMD_XENITH_RELEASE_H

#include "base/util.h"
#include "xenith/slots.h"

struct advisory {
    char *package;
    char *id; /* a CVE or XSA number */
    char *reason;
};

/* NULL: unknown, as on another system. */
struct release {
    char *release;
    char *xen;
    char *changeset; /* of Xen */
    char *linux_version;
    struct slots slots;
    bool listed; /* the image has the list of advisories */
    struct advisory *advisories;
    size_t n;
};

/* Reads the files below the directory ROOT ("": this host). */
void release_read(struct release *r, const char *root);
void release_dispose(struct release *r);

/* Print several lines for people, or one line of JSON. */
void release_text(const struct release *r, struct buf *out);
void release_json(const struct release *r, struct buf *out);

#endif
