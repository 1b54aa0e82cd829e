/*
 * A disk's GUID partition table. Nothing here needs to know what the
 * partitions hold.
 */
#ifndef SLOT_GPT_H
#define SLOT_GPT_H

#include "device.h"
#include "uuid.h"

#define GPT_HEADER_SIZE 92

struct gpt {
    const struct device *dev;
    uint32_t sector;  /* bytes */
    uint64_t sectors; /* of the whole disk */
    uint8_t header[GPT_HEADER_SIZE];
    uint8_t *entries;
    size_t entries_size; /* bytes, whole sectors */
};

/* Reads the table at the start of the disk; one that is not complete is an
 * error. *GPT is valid in any case. */
int gpt_open(struct gpt *gpt, const struct device *dev);
void gpt_dispose(struct gpt *gpt);

/* The identifier of the disk; it may be changed. */
uint8_t *gpt_guid(struct gpt *gpt);
/* Whether the table is in its usual place. */
bool gpt_settled(const struct gpt *gpt);

/* Partition NUMBER, from 0 up to the end, which is NULL. One that is not used
 * has a size of 0. */
struct gpt_partition {
    uint8_t *guid;   /* may be changed */
    uint64_t offset; /* bytes */
    uint64_t size;
    char label[37]; /* '?' for what is not ASCII */
};
bool gpt_partition(struct gpt *gpt, unsigned int number,
                   struct gpt_partition *part_r);
/* The partition with that label; false if there is none, or several. */
bool gpt_find(struct gpt *gpt, const char *label,
              struct gpt_partition *part_r);

/* Lets the table end where the disk ends. */
void gpt_extend(struct gpt *gpt);
/* Adds a partition of TYPE with a random GUID behind all others, up to the
 * end. If less than MIN bytes are left, it adds none, and *NUMBER_R is 0, else
 * its number from 1, as Linux counts them. */
int gpt_add_rest(struct gpt *gpt, const char *label,
                 const uint8_t type[UUID_SIZE], uint64_t min,
                 unsigned int *number_r);

/* Writes the table and its copy at the end of the disk. A power cut leaves the
 * old table or the new one, which may be in an unusual place. */
int gpt_write(struct gpt *gpt);

#endif
