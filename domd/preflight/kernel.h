/* Whether a file can be the kernel of a PV or PVH guest: libxl says of one
 * that cannot only that it found no loader, and not of which file.
 */
#ifndef DOMD_PREFLIGHT_KERNEL_H
#define DOMD_PREFLIGHT_KERNEL_H

/* What is wrong with the kernel PATH, by name; NULL: nothing that its first
 * bytes show. The caller frees it. */
char *kernel_problem(const char *path);

#endif
