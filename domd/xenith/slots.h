/* The slots of an installed host, as install/slots.sh writes them down. */
#ifndef DOMD_XENITH_SLOTS_H
#define DOMD_XENITH_SLOTS_H

#include "base/json.h"

/* The name of a slot is "a" or "b"; "": none, or unknown. */
struct slots {
    bool known;      /* this host was booted from a slot */
    char running[2]; /* "": it is in none, see slots.sh */
    char committed[2];
    char next[2];     /* tried at the next boot */
    char pending[2];  /* its trial has no verdict yet */
    char *failed;     /* the version whose trial failed last */
    char *reason;     /* why, if the trial could tell */
    char *version[2]; /* in a and b */
    char *options;    /* of host.conf, for Xen and Linux: "trial", "waits",
                       * "failed"; NULL: they are in use */
    char *change;     /* how they differ from those before */
    char *loader;     /* compared with that of the running version: "same",
                       * "differs"; NULL: unknown */
};

/* Reads the file below the directory ROOT ("": this host). */
void slots_read(struct slots *s, const char *root);
void slots_dispose(struct slots *s);

/* Adds a line for each slot, and what else is to be known, or nothing. */
void slots_text(const struct slots *s, struct buf *out);
/* Adds an object KEY, or null. */
void slots_json(const struct slots *s, yajl_gen g, const char *key);
/* Adds what an administrator should know of the last update, or nothing. */
void slots_note(const struct slots *s, struct buf *out);

#endif
