/*
 * The syntax of vlan= in a vif: terms between slashes, each with one VLAN, a
 * range A-B, or A+STEPxN for A and N more. `p` marks the VLAN of untagged
 * frames, `u` one whose frames leave untagged; a VLAN alone is meant with `p`.
 */
#ifndef HOTPLUG_VLAN_H
#define HOTPLUG_VLAN_H

#include <stdbool.h>

/* VLANs FIRST, FIRST + STEP, ... LAST. */
struct vlans {
    unsigned int first;
    unsigned int last;
    unsigned int step; /* 1 or more */
    bool pvid;
    bool untagged;
};

struct vlan_reader {
    const char *rest; /* what has not been read; NULL at the end */
    bool alone;       /* a single VLAN without a mark */
    const char *term; /* the last term */
    int term_len;     /* of it, without the mark that was understood */
};

/* Begins to read TEXT, which must outlive the reader. */
void vlan_begin(struct vlan_reader *reader, const char *text);

/* Reads the next term into *VLANS. Returns 1; 0 at the end; ERROR_FAIL if the
 * term is invalid: it is in the reader, and nothing has been reported. */
int vlan_next(struct vlan_reader *reader, struct vlans *vlans);

/* Whether TEXT marks more than one VLAN with `p`. */
bool vlan_has_two_pvids(const char *text);

#endif
