/* The daemon: what joins the state machine to the world. */
#ifndef DOMD_DAEMON_DAEMON_H
#define DOMD_DAEMON_DAEMON_H

#include "base/util.h"

struct daemon_options {
    const char *config_dir; /* of the domain files */
    const char *run_dir;    /* journal, lock, timeline */
    const char *socket;
    const char *console_dir; /* of xenconsoled's logs */
    const char *group;       /* that may use the socket, besides root */
    const char *autostart;   /* "yes", "no", or names with commas between */
    unsigned int parallel;   /* creations at a time */
    msec hand_timeout;       /* stop_timeout of those started by hand */
    bool consoles;           /* marks on the kernel's consoles */
};

struct daemon;

/* Opens everything, adopts what runs, and starts what is to run. Returns 0,
 * or -1 after having said why on standard error and in the log. */
int daemon_open(struct daemon **daemon_r, const struct daemon_options *opts);
/* Runs until daemon_quit. */
void daemon_run(struct daemon *daemon);
/* May be called from a signal handler. */
void daemon_quit(void);
/* Ends. No domain is touched: the next instance takes them over. */
void daemon_close(struct daemon *daemon);

#endif
