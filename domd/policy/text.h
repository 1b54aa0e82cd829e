/*
 * The text of a domain file as other systems and editors write it: libxlutil
 * accepts no byte order mark, no carriage return and no comment on an
 * unfinished last line.
 */
#ifndef DOMD_POLICY_TEXT_H
#define DOMD_POLICY_TEXT_H

#include "base/util.h"

/* Size limit of a domain file. */
#define POLICY_FILE_MAX ((size_t)256 * 1024)

/* Why LEN bytes of TEXT are not text; NULL: they are. */
const char *text_problem(const char *text, size_t len);

/* Appends TEXT to *CLEAN in a form that libxlutil accepts, with unchanged line
 * numbers. Returns whether that differs from TEXT. */
bool text_clean(const char *text, size_t len, struct buf *clean);

/* Appends the cleaned text of PATH to *CLEAN. Returns as read_file does. */
int text_read(const char *path, struct buf *clean);

/* A path from which a child can read the cleaned text of PATH: PATH itself if
 * that is clean, else a copy in memory, which lasts until *FD_R is closed (-1:
 * no copy). The caller frees the path. */
char *text_for_child(const char *path, int *fd_r);

#endif
