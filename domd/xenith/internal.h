/*
 * What the commands of xenith share:
 *
 *   main.c     the command line, and its completion
 *   status.c   commands that show what domd says
 *   control.c  commands that domd carries out
 *   check.c    the domain files as a whole
 *   file.c     one domain file, for create and remove
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
    EXIT_WRONG = 1, /* it could not be done, or something is wrong */
    EXIT_USAGE = 2,
    EXIT_HANGS = 3, /* domd is there, and does nothing */
};

struct options {
    const char *socket;
    const char *console_dir;
    int patience; /* in ms */
    bool json;
    bool watch; /* --watch, --follow */
    bool wait;
    bool created; /* wait: only until they are created */
    bool dot;
    const char *config; /* check: the tree that will be /config; or NULL */
};

/* A command, with its arguments, the last of which is NULL. Says on standard
 * error what went wrong, and returns the exit status. */
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
/* Prints them, a line each. */
void xenith_problems(const struct problems *problems, FILE *to);

/* file.c */
command cmd_file_facts;
command cmd_file_named;
command cmd_file_clone;

/* local.c */
command cmd_console;
command cmd_log;
command cmd_version;
command cmd_poweroff;
command cmd_reboot;

/* main.c: writes TEXT to standard output, at once. What a terminal would obey
 * in it is spelled out (base/visible.h), in a way that JSON knows, too. */
void xenith_print(const struct buf *text);

#endif
