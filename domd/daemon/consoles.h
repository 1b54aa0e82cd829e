/*
 * The kernel's consoles, which all get the same lines. None makes us wait:
 * what a terminal does not take at once (somebody else is writing to it, or it
 * was stopped with Ctrl-S) is kept and given later, in its order.
 */
#ifndef DOMD_DAEMON_CONSOLES_H
#define DOMD_DAEMON_CONSOLES_H

#include "base/loop.h"

struct consoles;

/* ACTIVE is the path of the file that names them, which is read anew for each
 * line: a console may come and go. The caller closes what is returned. */
struct consoles *consoles_open(struct loop *loop, const char *active);
/* Writes TEXT, which ends with a newline, to each of them. What one that takes
 * nothing has not got when there are CONSOLES_REST bytes of it is lost. */
#define CONSOLES_REST 16384
void consoles_write(struct consoles *consoles, const char *text);
/* How many bytes are kept for them. */
size_t consoles_left(const struct consoles *consoles);
/* Gives them a second for what is left. NULL is allowed. */
void consoles_close(struct consoles *consoles);

#endif
