/*
 * The kernel's consoles, which all get the same lines. None blocks us: what a
 * terminal does not take at once (another writer holds it, or Ctrl-S stopped
 * it) is queued in order and written later.
 */
#ifndef DOMD_DAEMON_CONSOLES_H
#define DOMD_DAEMON_CONSOLES_H

#include "base/loop.h"

struct consoles;

/* ACTIVE is the path of the file that names the consoles, read again for each
 * line, because consoles come and go. The caller closes the result. */
struct consoles *consoles_open(struct loop *loop, const char *active);
/* Writes TEXT, which ends with a newline, to each console. A text that does
 * not fit into a console's queue of CONSOLES_REST bytes is lost. */
#define CONSOLES_REST 16384
void consoles_write(struct consoles *consoles, const char *text);
/* Number of queued bytes. */
size_t consoles_left(const struct consoles *consoles);
/* Waits up to a second for queued text. NULL is allowed. */
void consoles_close(struct consoles *consoles);

#endif
