/*
 * Makes text from guests, device models and their files safe to show: control
 * sequences that a terminal would obey are spelled out.
 *
 * A control character (C0, DEL, C1) becomes \u001b and the like, as in JSON; a
 * byte of invalid UTF-8 becomes \xff. Text that has been through this already
 * stays as it is.
 */
#ifndef DOMD_BASE_VISIBLE_H
#define DOMD_BASE_VISIBLE_H

#include "base/util.h"

/* Limit for foreign text within a line, in bytes. */
#define VISIBLE_MAX ((size_t)200)

/* TEXT as one line of at most MAX bytes (MAX >= 4), truncated with "..." at
 * its end. The caller frees it. */
char *visible(const char *text, size_t max);

/* Appends LEN bytes of S as lines: newlines and tabs stay, and "\r\n" loses
 * its carriage return. MORE: S is part of a stream, and an incomplete
 * character at its end is left over. Returns the number of bytes used. */
size_t visible_lines(struct buf *out, const char *s, size_t len, bool more);

/* Length of the UTF-8 character at the start of the LEN bytes at S; 0 if that
 * is invalid. */
size_t utf8_len(const char *s, size_t len);

#endif
