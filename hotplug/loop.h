/* Loop devices, which make a block device of a file. */
#ifndef HOTPLUG_LOOP_H
#define HOTPLUG_LOOP_H

#include <stdbool.h>
#include <sys/stat.h>

#include "numbers.h"

/* Room for the path of a loop device. */
#define LOOP_PATH 32

/* Adds the loop devices that are on this file, under any name. */
void loops_of(struct numbers *set, const struct stat *file);

/* The path of a loop device that is free now, into PATH, of LOOP_PATH. Returns
 * 0 or a negative errno. */
int loop_free(char *path);

/* Puts the open file FD on the loop device PATH. Returns 0 or a negative
 * errno: -EBUSY if it is no longer free. */
int loop_attach(const char *path, int fd, bool reads_only);

/* Takes the file off. Returns 0 or a negative errno. */
int loop_detach(const char *path);

#endif
