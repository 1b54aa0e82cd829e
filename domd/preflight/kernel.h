/* Whether a file can be the kernel of a PV or PVH guest: libxl only reports
 * that it found no loader, without the name of the file. */
#ifndef DOMD_PREFLIGHT_KERNEL_H
#define DOMD_PREFLIGHT_KERNEL_H

/* An error text that names the kernel PATH; NULL: its first bytes are valid.
 * The caller frees it. */
char *kernel_problem(const char *path);

#endif
