/* A lock that the kernel releases however its holder ends. */
#ifndef HOTPLUG_LOCK_H
#define HOTPLUG_LOCK_H

/* Waits for the lock NAME and takes it. Returns a file descriptor, whose close
 * releases it, or a negative errno. */
int lock_take(const char *name);

/* Where the locks are, and what they protect. */
const char *lock_directory(void);

#endif
