/*
 * Shared by the commands of xenith:
 *
 *   main.c     the command line, and its completion
 *   status.c   commands that show domd's state
 *   control.c  commands that domd carries out
 *   check.c    the domain files as a whole
 *   file.c     one domain file, for create and remove
 *   slots.c    the slots of an installed host
 *   script.c   scripts that they run
 *   local.c    other commands that need no domd
 */
#ifndef DOMD_XENITH_INTERNAL_H
#define DOMD_XENITH_INTERNAL_H

#include <stdio.h>

#include "base/util.h"
#include "policy/problem.h"

/* Exit status, as in the manual page. */
enum {
    EXIT_OK = 0,
    EXIT_WRONG = 1, /* it failed, or something is wrong */
    EXIT_USAGE = 2,
    EXIT_HANGS = 3,    /* domd runs, but does not answer */
    EXIT_DEGRADED = 4, /* `status`: the host's mirror has lost a disk */
};

struct options {
    const char *socket;
    const char *console_dir;
    int patience; /* in ms */
    bool json;
    bool watch; /* --watch, --follow */
    bool wait;
    bool created; /* wait: for creations only */
    bool dot;
    bool limit;
    const char *config; /* check: the tree that will be /config; or NULL */
};

/* A command with its NULL-terminated arguments. Prints errors on standard
 * error, and returns the exit status. */
typedef int command(const struct options *o, char *const *args);

/* status.c */
command cmd_status;
command cmd_events;
command cmd_metrics;

/* control.c */
command cmd_wait;
command cmd_start;
command cmd_stop;
command cmd_restart;
command cmd_enable;
command cmd_disable;
command cmd_reload;
command cmd_shutdown;

/* check.c */
command cmd_check;
command cmd_graph;
/* Prints the problems, a line each. */
void xenith_problems(const struct problems *problems, FILE *to);

/* file.c */
command cmd_file_facts;
command cmd_file_named;
command cmd_file_clone;

/* script.c: runs the script NAME of the host, and appends what it prints to
 * *OUT and *ERR. Returns whether its status is 0; a script that is not
 * installed does nothing. Tests set $XENITH_SCRIPTS. */
#define SCRIPT_DIR "/usr/lib/xenith"
bool xenith_script(const char *name, struct buf *out, struct buf *err);

/* local.c */
command cmd_console;
command cmd_log;
command cmd_version;
command cmd_poweroff;

/* main.c: writes TEXT to standard output at once, with terminal control
 * characters escaped (base/visible.h) in a way that JSON knows, too. */
void xenith_print(const struct buf *text);

#endif
