/*
 * The domain file of a clone: the text of the original, with settings that two
 * domains cannot share replaced or dropped, and all else unchanged.
 */
#ifndef DOMD_POLICY_CLONE_H
#define DOMD_POLICY_CLONE_H

#include "policy/domfile.h"

/* Settings of the clone. NULL: as in the original, or none where the
 * original's must not be shared. */
struct clone {
    const char *name;
    const char *mac; /* of the first network card that has one */
    const char *bridge;
    const char *kernel;
    const char *ramdisk;
    const char *memory;
    const char *vcpus;
    const char *address; /* ip=... of Linux' command line */
    /* A disk path of the original, and its replacement. */
    const char *disk_from;
    const char *disk;
    const char *seed_from;
    const char *seed;
};

/* Appends the clone's file to *OUT. Dropped settings are reported to *SAID as
 * warnings. Returns false, with the error in *SAID, if the clone cannot be
 * written. */
bool clone_text(struct domfile *f, const struct clone *clone, struct buf *out,
                struct problems *said);

#endif
