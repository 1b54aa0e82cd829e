/*
 * The text of a domain file as it arrives from other systems and their
 * editors: libxlutil takes no byte order mark, no carriage return and no
 * comment without an end of its line.
 */
#ifndef DOMD_POLICY_TEXT_H
#define DOMD_POLICY_TEXT_H

#include "base/util.h"

/* A domain file is never longer than this. */
#define POLICY_FILE_MAX ((size_t)256 * 1024)

/* What is wrong with LEN bytes of TEXT as a whole; NULL: they are text. */
const char *text_problem(const char *text, size_t len);

/* Appends TEXT to *CLEAN as libxlutil takes it, all lines where they were.
 * Returns whether that differs from TEXT. */
bool text_clean(const char *text, size_t len, struct buf *clean);

/* read_file() of a domain file, and the text cleaned. */
int text_read(const char *path, struct buf *clean);

/* A name by which a child can read the text of PATH cleaned: PATH itself where
 * that is clean already, else a copy in memory, which lasts until *FD_R is
 * closed (-1: there is none). The caller frees the name. */
char *text_for_child(const char *path, int *fd_r);

#endif
