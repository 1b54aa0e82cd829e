/*
 * The domain file of a copy: the text of the other's, with what two domains
 * cannot share replaced or left out, and all else as it was written.
 */
#ifndef DOMD_POLICY_CLONE_H
#define DOMD_POLICY_CLONE_H

#include "policy/domfile.h"

/* What the copy has. NULL: as the other has it, or none where the other's
 * must not be shared. */
struct clone {
    const char *name;
    const char *mac; /* of the first card that has one */
    const char *bridge;
    const char *kernel;
    const char *ramdisk;
    const char *memory;
    const char *vcpus;
    const char *address; /* ip=... of Linux' command line */
    /* The path of a disk as the other's file has it, and the copy's. */
    const char *disk_from;
    const char *disk;
    const char *seed_from;
    const char *seed;
};

/* Appends the copy's file to *OUT. What is left out is reported to *SAID, as
 * warnings. Returns false, and why as an error in *SAID, if the copy cannot be
 * written. */
bool clone_text(struct domfile *f, const struct clone *clone, struct buf *out,
                struct problems *said);

#endif
