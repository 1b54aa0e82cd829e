/*
 * The boot state: two GRUB environment blocks on the EFI system partition,
 * which are overwritten in place, the older one first. GRUB reads both, and
 * clears `try` and `tryoptions` in the newer one before it boots a slot on
 * trial, and `menu` before it shows that; docs/install.md has the whole story.
 */
#ifndef SLOT_STATE_H
#define SLOT_STATE_H

#include "device.h"

#define GRUB_BLOCK_SIGNATURE "# GRUB Environment Block\n"
#define STATE_BLOCK          1024 /* bytes of a file */
#define STATE_HALF           512  /* what a disk writes whole or not at all */
#define STATE_FILES          2

enum state_key {
    STATE_SEQ,
    STATE_SLOT,
    STATE_TRY,
    STATE_PENDING,
    STATE_FAILED,
    STATE_OPTIONS,
    STATE_TRYOPTIONS,
    STATE_END,
    STATE_MENU, /* behind the end, so that older versions ignore it */
    STATE_KEYS,
};

struct state {
    char value[STATE_KEYS][66];
};

/* The name of KEY, and the key of a name: STATE_KEYS if there is none. */
const char *state_key_name(enum state_key key);
enum state_key state_key_find(const char *name, size_t len);
bool state_value_valid(enum state_key key, const char *value);

/* Whether BLOCK is complete; only its first half counts. */
bool state_parse(struct state *s, const char block[STATE_BLOCK]);
void state_format(const struct state *s, char block[STATE_BLOCK]);

struct state_file {
    uint64_t offset; /* of the block on the device */
    bool readable;
    struct state state;
};

/* Finds both files in the file system on DEV and reads them. A block that is
 * not complete is logged, and no error. */
int state_read(const struct device *dev, struct state_file files[STATE_FILES]);
/* The file that counts: the newer one that is readable; -1: none. */
int state_newer(const struct state_file files[STATE_FILES]);
/* Writes S over the other one, and reads it back. Its number becomes the next
 * one, or stays as it is in S, if that is greater: the disks of a mirror have
 * the same number. */
int state_write(const struct device *dev, struct state_file files[STATE_FILES],
                struct state *s);

#endif
