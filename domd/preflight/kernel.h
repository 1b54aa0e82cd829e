/* Whether a file can be the kernel of a guest. libxl only reports that it
 * found no loader, without the name of the file; QEMU starts whatever it is.
 */
#ifndef DOMD_PREFLIGHT_KERNEL_H
#define DOMD_PREFLIGHT_KERNEL_H

enum kernel_loader {
    KERNEL_FOR_LIBXL, /* of a PV or PVH guest */
    KERNEL_FOR_QEMU,  /* of an HVM guest */
};

/* An error text that names the kernel PATH; NULL: its first bytes are valid.
 * The caller frees it. */
char *kernel_problem(const char *path, enum kernel_loader loader);

#endif
