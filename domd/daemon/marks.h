/* Marks for the console and the timeline. docs/boot.md lists them; their
 * wording is an interface. */
#ifndef DOMD_DAEMON_MARKS_H
#define DOMD_DAEMON_MARKS_H

#include "daemon/consoles.h"
#include "machine/machine.h"

/* Sets where marks go: boot.log in RUN_DIR, and CONSOLES, which stay the
 * caller's (NULL: none). */
void marks_open(const char *run_dir, struct consoles *consoles);
/* Stops marks: the consoles are about to be closed. */
void marks_close(void);

/* Longest mark in bytes; the rest is cut off. */
#define MARK_MAX ((size_t)1000)

/* Writes a line to the timeline. Here and in mark() non-text bytes are
 * escaped, as names and reasons may be a guest's. */
void mark_event(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same, and "Xenith: ..." on every kernel console. */
void mark(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Writes the mark for a change of state, if any. FORCED: it was destroyed
 * because it did not shut down. */
void mark_change(const struct machine_domain *d,
                 const struct machine_action *change, bool forced);

#endif
