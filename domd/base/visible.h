/*
 * Text from guests, their device models and their files, on its way to people:
 * what a terminal would obey instead of showing it is spelled out.
 *
 * A control character (C0, DEL, C1) becomes \u001b and the like, as in JSON; a
 * byte that belongs to no character of UTF-8 becomes \xff. Text that has been
 * here before stays as it is.
 */
#ifndef DOMD_BASE_VISIBLE_H
#define DOMD_BASE_VISIBLE_H

#include "base/util.h"

/* Room for the words of somebody else in a line. */
#define VISIBLE_MAX ((size_t)200)

/* TEXT as one line of at most MAX bytes, MAX being 4 at least; "..." stands at
 * its end where it was cut off. The caller frees it. */
char *visible(const char *text, size_t max);

/* Appends LEN bytes of S as lines: newlines and tabs stay, and the carriage
 * return of "\r\n" goes. MORE: they are part of a stream, and bytes at the end
 * that only what follows can explain are left over. Returns how many were
 * used. */
size_t visible_lines(struct buf *out, const char *s, size_t len, bool more);

/* Length of the character of UTF-8 that the LEN bytes at S begin with, or 0 if
 * there is none. */
size_t utf8_len(const char *s, size_t len);

#endif
