/* What the person at the console and the timeline are told; docs/boot.md lists
 * the marks, whose wording is an interface. */
#ifndef DOMD_DAEMON_MARKS_H
#define DOMD_DAEMON_MARKS_H

#include "daemon/consoles.h"
#include "machine/machine.h"

/* Where marks go: the directory of boot.log, and CONSOLES, which are kept by
 * the caller (NULL: none). */
void marks_open(const char *run_dir, struct consoles *consoles);
/* No more marks are made: the consoles are about to be closed. */
void marks_close(void);

/* A longer mark is cut off. */
#define MARK_MAX ((size_t)1000)

/* A line for the timeline. What is no text in it is spelled out, here and in
 * mark(): names and reasons may be a guest's. */
void mark_event(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same, and "Xenith: ..." on every console of the kernel. */
void mark(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The mark for a change of state, if it is worth one. FORCED: it was
 * destroyed because it did not go by itself. */
void mark_change(const struct machine_domain *d,
                 const struct machine_action *change, bool forced);

#endif
