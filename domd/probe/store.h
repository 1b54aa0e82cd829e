/*
 * xenstore, as the probes see it. store.c is the real one; tests have their
 * own.
 */
#ifndef DOMD_PROBE_STORE_H
#define DOMD_PROBE_STORE_H

#include "base/util.h"

struct store;

/* Returns NULL, with errno set, if xenstored is unreachable. */
struct store *store_open(void);
void store_close(struct store *store);
/* Readable when store_event has an event. */
int store_fd(struct store *store);

/* Watches PATH. Events carry TOKEN; the first comes at once. */
bool store_watch(struct store *store, const char *path, const char *token);
void store_unwatch(struct store *store, const char *path, const char *token);
/* Returns the token of one event (the caller frees it), or NULL. */
char *store_event(struct store *store);

/* The value of PATH, or NULL; the caller frees it. */
char *store_read(struct store *store, const char *path);
/* Appends the names below PATH; none if PATH is missing. */
void store_list(struct store *store, const char *path, struct strlist *names);

#endif
