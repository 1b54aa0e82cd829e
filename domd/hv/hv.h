/*
 * The hypervisor, as the daemon sees it. hv/xl/ speaks to libxenlight;
 * tests/hv/hv_fake.c pretends. Which of them it is, is decided by the linker.
 *
 * Every operation returns at once; what became of it is reported through
 * `result`, which may also be called before the function returns. A domain is
 * named by the number that the state machine gave it, an instance of it by its
 * generation.
 */
#ifndef DOMD_HV_HV_H
#define DOMD_HV_HV_H

#include "base/loop.h"
#include "machine/machine.h"
#include "policy/read.h"

#define HV_UUID_LEN 37 /* with the zero at its end */
#define HV_NO_DOMID UINT32_MAX

struct hv;

struct hv_callbacks {
    /* Something happened to an instance; machine/machine.h says what goes with
     * which event. RESULT lives as long as the call. Its `why`, and what goes
     * to `mark` and `log`, may be words of QEMU or of a guest: whoever takes
     * them makes them visible (base/visible.h). */
    void (*result)(void *user, unsigned int dom, enum machine_event event,
                   const struct machine_result *result);
    /* An instance is about to be made, now, and will have this UUID: to be
     * noted before anything exists, so that it is recognised after a crash.
     * SAVED: it goes on from where it was saved, with these disks that it
     * writes; else NULL. Returns NULL, or why it must not be made; the caller
     * frees it. */
    char *(*begins)(void *user, unsigned int dom, const char *uuid,
                    const struct strlist *saved);
    /* For MS nothing went on but the building of DOM. */
    void (*stalled)(void *user, unsigned int dom, msec ms);
    /* Domains have come or gone, perhaps not by our doing, or one that was
     * ours is somebody else's now. */
    void (*list_changed)(void *user);
    /* A line for whoever looks after the host. */
    void (*mark)(void *user, const char *line);
    /* A line for the log. */
    void (*log)(void *user, const char *line);
    void *user;
};

/* Opens it. Returns 0, or -1 with a reason in *WHY_R (the caller frees it). */
int hv_open(struct hv **hv_r, struct loop *loop,
            const struct hv_callbacks *callbacks, char **why_r);
void hv_close(struct hv *hv);

struct hv_info {
    uint32_t domid;
    char *name;
    char uuid[HV_UUID_LEN];
    bool never_ran; /* paused, and has used no CPU time */
    bool shut_down; /* dead; not one that is suspended to be saved */
    bool dying;
    uint64_t cpu_ns;
    uint64_t memory_kb;
};

/* All domains but dom0. Returns an array of *N_R, or NULL and -1 in *N_R if it
 * cannot be known. hv_info_free frees it. */
struct hv_info *hv_list(struct hv *hv, int *n_r);
void hv_info_free(struct hv_info *list, int n);

/* The facts that policies are checked against. The caller disposes. */
void hv_host(struct hv *hv, struct host *host);

struct hv_totals {
    uint64_t memory_kb;
    uint64_t free_kb;
    unsigned int cpus;
    uint64_t dom0_cpu_ns;
};
bool hv_totals(struct hv *hv, struct hv_totals *totals_r);

/* The operations. `fresh`: the file is read again; otherwise what the
 * instance before had is used (a reboot keeps its MAC addresses, as with xl).
 * A creation that has to wait for others reports MACHINE_EV_QUEUED. One whose
 * file is not that of POLICY any more reports MACHINE_EV_FILE_CHANGED, and
 * never before hv_create has returned: the files are then read again. All
 * names are copied. */
void hv_create(struct hv *hv, unsigned int dom, unsigned int gen,
               const struct policy *policy, bool fresh);
void hv_abort(struct hv *hv, unsigned int dom);
void hv_shutdown(struct hv *hv, unsigned int dom, unsigned int gen);
void hv_save(struct hv *hv, unsigned int dom, unsigned int gen,
             const char *dir);
void hv_destroy(struct hv *hv, unsigned int dom, unsigned int gen);

/* DOM is late: what its device model complains of is reported. */
void hv_look_late(struct hv *hv, unsigned int dom);

/* Takes over an instance that exists. Returns false if it has gone. SAVING: an
 * earlier daemon had begun to save it, to SAVE_TO (NULL if that is not known
 * any more): what there is of that is removed, and the instance goes on, also
 * if it suspends only now. One that is suspended otherwise is left so: it is
 * saved already and about to be removed, or somebody else is saving it. If it
 * was about to go on from what was saved, that is removed if it did, and used
 * again if it did not. One that is dead is renamed, or written to a disk, when
 * it is to be destroyed, as its on_... action says. */
bool hv_adopt(struct hv *hv, unsigned int dom, unsigned int gen,
              const char *name, uint32_t domid, bool by_hand, bool saving,
              const char *save_to);

/* The number that the hypervisor gave to the instance; HV_NO_DOMID: none. */
uint32_t hv_domid(const struct hv *hv, unsigned int dom);

#endif
