/*
 * The disks that dom0's kernel serves: a file with a line for each, the
 * device's number in hex and the back end's directory. A check asks xenstored
 * about those of its device only: to read the entries of all guests' disks
 * takes some thirty requests for each of them.
 */
#ifndef HOTPLUG_USES_H
#define HOTPLUG_USES_H

#include <stdbool.h>

#include "device.h"
#include "numbers.h"

/* Another disk than the own one. */
struct use {
    dev_t number;
    char *path; /* of the back end's directory */
    bool writes;
};

struct uses {
    struct use *v;
    size_t n;
};

/* Reads the disks on these devices that are there, without the own one. It
 * fails, with a negative errno, if the file cannot be read or xenstored does
 * not answer. */
int uses_read(const struct device *d, const struct numbers *devices,
              struct uses *uses);
void uses_free(struct uses *uses);

/* Adds the line of the own disk, in place of those of the same device that are
 * gone. Returns 0 or a negative errno. */
int uses_note(const struct device *d, dev_t number);

#endif
