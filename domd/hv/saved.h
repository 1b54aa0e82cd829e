/*
 * The save files of a domain, in its save_to.
 *
 *   NAME.save          its memory; valid as soon as it has this name
 *   NAME.save.json     its configuration
 *   NAME.save.part     partial file
 *   NAME.save.used     restored; the guest is about to run
 *   NAME.save.failed   unusable, kept for inspection
 *   NAME.save.failed.json
 *
 * A save must never be used twice: once the guest runs, the saved memory does
 * not match its disks.
 */
#ifndef DOMD_HV_SAVED_H
#define DOMD_HV_SAVED_H

#include "base/util.h"

/* The path of NAME's save file in DIR, with SUFFIX (may be empty) appended.
 * The caller frees it. */
char *saved_path(const char *dir, const char *name, const char *suffix);

/* The .part file is complete and on disk: gives it its final name, durably.
 * Returns 0, or an errno value; then it has no such name. */
int saved_complete(const char *dir, const char *name);
/* The guest is about to run: renames the save to .used, durably. Returns 0, or
 * an errno value; then the save has its name again. */
int saved_take(const char *dir, const char *name);
/* The guest runs: removes the used save and its configuration. */
void saved_done(const char *dir, const char *name);
/* The guest did not run: makes the used save available again. Returns whether
 * there was one. */
bool saved_give_back(const char *dir, const char *name);

/* Sets an unusable save aside, used or not. Returns whether there was one. */
bool saved_put_aside(const char *dir, const char *name);
/* Whether a save was used and it is unknown whether the guest ran. Removes a
 * used save if there is a newer complete one. */
bool saved_is_doubtful(const char *dir, const char *name);
/* Removes all files of a save that was cut off. */
void saved_drop(const char *dir, const char *name);

/* Whether the file DISK was written after the save file SAVE was complete, by
 * their times. False if DISK is missing or no regular file. */
bool saved_is_older(const char *save, const char *disk);

#endif
