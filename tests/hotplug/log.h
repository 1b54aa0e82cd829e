/* The files of a test, below $FAKE; the system log is one of them. */
#ifndef TESTS_HOTPLUG_LOG_H
#define TESTS_HOTPLUG_LOG_H

#include <stdio.h>

/* Opens a file of the test, to append to. */
FILE *open_file(const char *name);

#endif
