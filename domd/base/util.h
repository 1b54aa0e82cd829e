/*
 * Memory, lists of strings and the like.
 *
 * A failed allocation ends the program: its state is on disk, its supervisor
 * restarts it, and the new instance adopts the running domains. No other way
 * to handle a full dom0 is ever tested.
 */
#ifndef DOMD_BASE_UTIL_H
#define DOMD_BASE_UTIL_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* Milliseconds of a monotonic clock with an arbitrary epoch. */
typedef int64_t msec;

/* Like calloc, realloc, strdup and asprintf, but they never fail. The caller
 * owns and frees the result. */
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t n, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n);
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));
char *xvasprintf(const char *format, va_list args)
    __attribute__((format(printf, 1, 0)));

/* A list of strings. All zero is an empty list. */
struct strlist {
    char **v;
    size_t n;
};

/* Appends a copy of S. */
void strlist_add(struct strlist *list, const char *s);
bool strlist_has(const struct strlist *list, const char *s);
/* Frees what the list holds and leaves it empty. */
void strlist_dispose(struct strlist *list);

/* A growing string. All zero is an empty one; `s` is NULL until the first byte
 * is added, and ends with a NUL that `len` does not count. */
struct buf {
    char *s;
    size_t len;
    size_t size;
};

void buf_add(struct buf *b, const void *data, size_t len);
void buf_addf(struct buf *b, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Removes the first N bytes. */
void buf_drop(struct buf *b, size_t n);
void buf_dispose(struct buf *b);

/* Appends the whole file PATH, at most LIMIT bytes, to *B. Returns 0 or an
 * errno value (EFBIG: the file is larger). */
int read_file(const char *path, size_t limit, struct buf *b);

/* Replaces PATH by DATA with one rename, so that a reader or a crash sees
 * either the old or the new content. Returns 0 or an errno value. */
int write_file(const char *path, const char *data, size_t len,
               unsigned int mode);

/* Adds LEN bytes at DATA to a hash that began with HASH_EMPTY (FNV-1a, 64
 * bit). */
#define HASH_EMPTY 0xcbf29ce484222325u
uint64_t hash_add(uint64_t hash, const void *data, size_t len);

/* The name of the file that the symbolic link PATH leads to, or a copy of
 * FALLBACK if there is none. The caller frees it. */
char *link_name(const char *path, const char *fallback);

/* Parses the whole of S as a decimal number between MIN and MAX. */
bool parse_long(const char *s, long min, long max, long *value_r);

#endif
