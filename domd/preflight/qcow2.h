/* Whether a disk image in QEMU's format is whole enough to start a guest from:
 * QEMU itself would only say so in its log, when the guest is there already.
 */
#ifndef DOMD_PREFLIGHT_QCOW2_H
#define DOMD_PREFLIGHT_QCOW2_H

/* What is wrong with the image PATH or with one that it is based on, by name;
 * NULL: nothing that its header shows. The caller frees it. LOOKS is told of
 * each that is about to be opened, which may take for ever; it may be NULL. */
char *qcow2_problem(const char *path,
                    void (*looks)(void *user, const char *path), void *user);

#endif
