/* What all files need: results and sizes. */
#ifndef HOTPLUG_UTIL_H
#define HOTPLUG_UTIL_H

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* A result `rc` is 0 or this: the failure has been reported where it was
 * found. A result `r` is 0 or a negative errno, which the caller reports. */
enum {
    ERROR_FAIL = -1
};

#endif
