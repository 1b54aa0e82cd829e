/*
 * Messages and memory. Functions return `rc`: 0, or an error that has been
 * logged where it was found.
 */
#ifndef SLOT_UTIL_H
#define SLOT_UTIL_H

#include <sodium.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The size of a SHA-256 in hexadecimal, with the end of the string. */
#define SHA256_HEX (2 * crypto_hash_sha256_BYTES + 1)

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

enum {
    ERROR_FAIL = -1,  /* a system call failed */
    ERROR_INVAL = -2, /* the content is damaged or not what was asked for */
};

/* Logs one line to standard error, behind the program's name. */
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Like malloc and realloc, but they never fail: the program ends. */
void *xmalloc(size_t size);
void *xrealloc(void *p, size_t n, size_t size);

#endif
