/* Asks domd for a sign of life. Nothing here blocks: a domd that hangs must
 * not stop the program that watches it. */
#ifndef DOMD_WATCHDOG_PULSE_H
#define DOMD_WATCHDOG_PULSE_H

#include "base/util.h"

struct pulse {
    const char *socket;
    int fd;     /* -1: not connected */
    bool asked; /* and not answered yet */
};

void pulse_init(struct pulse *p, const char *socket);
void pulse_close(struct pulse *p);
/* Connects if need be, and asks unless the last question is open. */
void pulse_ask(struct pulse *p);
/* Reads what `fd` has. True: domd has answered. */
bool pulse_read(struct pulse *p);

#endif
