/*
 * Whether a file can be what libxl wrote of a domain. libxl has one error for
 * all that keeps it from restoring a domain: no memory, no bridge, a kernel
 * that is gone, a stream that is cut off. Only with the last will the next try
 * fail as well.
 */
#ifndef DOMD_HV_STREAM_H
#define DOMD_HV_STREAM_H

/* What is wrong with the stream in the file FD, or NULL. Its records are
 * walked through from head to head, and what is in them is not looked at. A
 * file that cannot be read, for now, is no bad stream. FD's position stays.
 * The caller frees it. */
char *stream_fault(int fd);

#endif
