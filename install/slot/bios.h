/*
 * GRUB for BIOS: the boot code in the first sector of a disk, which names the
 * block of the core image, and the partition `xenith-bios` with room for two
 * core images, of which one is in use.
 */
#ifndef SLOT_BIOS_H
#define SLOT_BIOS_H

#include "device.h"

/* Bytes of a file, in memory. */
struct blob {
    uint8_t *data;
    size_t len;
};

enum bios_state {
    BIOS_NONE,    /* sectors of 4096 bytes, from which no BIOS boots */
    BIOS_FOREIGN, /* the boot code is not GRUB of Xenith */
    BIOS_SAME,
    BIOS_DIFFERS,
};

#define BIOS_SECTOR 512

struct bios {
    const struct device *disk;
    enum bios_state state;
    uint64_t unused;             /* offset of the half that is not in use */
    uint64_t half;               /* bytes of each half */
    uint8_t sector[BIOS_SECTOR]; /* the first one, as it was */
};

/* Reads what DISK boots, and compares it with BOOT, GRUB's first stage, and
 * CORE, its core image, as install/loader.sh made them. */
int bios_open(struct bios *b, const struct device *disk,
              const struct blob *boot, const struct blob *core);

/* Writes CORE into the half that is not in use, and reads it back. For
 * BIOS_DIFFERS. One that is too large is an error. */
int bios_store(const struct bios *b, const struct blob *core);
/* Lets the first sector name that core image and hold the code of BOOT, by one
 * write. The partition table in that sector stays. */
int bios_switch(const struct bios *b, const struct blob *boot);
/* Writes the first sector as it was. */
int bios_switch_back(const struct bios *b);

#endif
