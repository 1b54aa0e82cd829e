/*
 * What was saved of a domain: the files in its save_to, and what they are
 * called.
 *
 *   NAME.save          its memory; it counts as soon as it has this name
 *   NAME.save.json     its configuration
 *   NAME.save.part     while it is written
 *   NAME.save.used     it was read, and the guest is about to go on
 *   NAME.save.failed   cannot be used, and is for people to look at
 *   NAME.save.failed.json
 *
 * It must never be used twice: from the moment on at which the guest runs, its
 * memory does not fit its disks any more.
 */
#ifndef DOMD_HV_SAVED_H
#define DOMD_HV_SAVED_H

#include "base/util.h"

/* The path of NAME's save file in DIR, with SUFFIX (which may be empty) behind
 * it. The caller frees it. */
char *saved_path(const char *dir, const char *name, const char *suffix);

/* What was written is complete, and has reached the disk: it gets its name,
 * which has reached the disk, too. Returns 0, or an errno value; then it has
 * no such name. */
int saved_complete(const char *dir, const char *name);
/* The guest is about to go on: what was saved loses its name, and that has
 * reached the disk. Returns 0, or an errno value; then it has its name
 * again. */
int saved_take(const char *dir, const char *name);
/* The guest goes on: what was taken is removed, with its configuration. */
void saved_done(const char *dir, const char *name);
/* The guest did not go on: what was taken can be used again. Returns whether
 * there was anything. */
bool saved_give_back(const char *dir, const char *name);

/* What was saved, or taken, cannot be used. Returns whether there was
 * anything. */
bool saved_put_aside(const char *dir, const char *name);
/* Whether something was taken, and nobody knows any more whether the guest
 * went on. What is older than a save that is complete is removed. */
bool saved_is_doubtful(const char *dir, const char *name);
/* Removes all of it: the save was cut off. */
void saved_drop(const char *dir, const char *name);

/* Whether the file DISK was written since the save file SAVE was complete, as
 * far as its times tell. What is no file, or not there, was not. */
bool saved_is_older(const char *save, const char *disk);

#endif
