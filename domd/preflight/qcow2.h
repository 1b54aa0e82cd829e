/* Whether a qcow2 image is complete: QEMU reports a broken image only in its
 * log, after the guest has started. */
#ifndef DOMD_PREFLIGHT_QCOW2_H
#define DOMD_PREFLIGHT_QCOW2_H

/* An error text that names the image PATH or the broken backing file; NULL:
 * the headers are valid. The caller frees it. LOOKS, which may be NULL, is
 * called before each file is opened, which may block for ever. */
char *qcow2_problem(const char *path,
                    void (*looks)(void *user, const char *path), void *user);

#endif
