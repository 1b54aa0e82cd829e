/* The daemon: joins the state machine to the world. */
#ifndef DOMD_DAEMON_DAEMON_H
#define DOMD_DAEMON_DAEMON_H

#include "base/util.h"

struct daemon_options {
    const char *config_dir; /* the domain files */
    const char *run_dir;    /* journal, lock, timeline */
    const char *socket;
    const char *console_dir; /* xenconsoled's logs */
    const char *group;       /* may use the socket, as may root */
    const char *autostart;   /* "yes", "no", or names with commas */
    unsigned int parallel;   /* creations at a time */
    msec hand_timeout;       /* stop_timeout of domains started by hand */
    bool consoles;           /* marks on the kernel's consoles */
};

struct daemon;

/* Opens everything, adopts running domains, and starts the wanted ones.
 * Returns 0, or -1 with the reason on standard error and in the log. */
int daemon_open(struct daemon **daemon_r, const struct daemon_options *opts);
/* Runs until daemon_quit. */
void daemon_run(struct daemon *daemon);
/* May be called from a signal handler. */
void daemon_quit(void);
/* Closes the daemon. Domains keep running; the next daemon adopts them. */
void daemon_close(struct daemon *daemon);

#endif
