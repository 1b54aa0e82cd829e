/*
 * Checks a file for a complete save stream of libxl. libxl has one error for
 * every failed restore: no memory, no bridge, a missing kernel, a truncated
 * stream. Only after the last will the next try fail as well.
 */
#ifndef DOMD_HV_STREAM_H
#define DOMD_HV_STREAM_H

/* Returns what is wrong with the stream in the file FD, or NULL; the caller
 * frees it. Only record headers are checked, not contents. An unreadable file
 * is no bad stream: it may be readable later. FD's position stays. */
char *stream_fault(int fd);

#endif
