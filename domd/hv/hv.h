/*
 * The hypervisor, as the daemon sees it. hv/xl/ implements it with
 * libxenlight, tests/hv/hv_fake.c with a directory; the linker chooses.
 *
 * Every operation returns at once and reports its outcome through `result`,
 * which may be called before the function returns. A domain is named by its
 * number in the state machine, an instance of it by its generation.
 */
#ifndef DOMD_HV_HV_H
#define DOMD_HV_HV_H

#include "base/loop.h"
#include "machine/machine.h"
#include "policy/read.h"

#define HV_UUID_LEN 37 /* with the final NUL */
#define HV_NO_DOMID UINT32_MAX

struct hv;

struct hv_callbacks {
    /* An event of an instance; machine/machine.h says which fields go with
     * which event. RESULT lives as long as the call. Its `why`, and the lines
     * of `mark` and `log`, may be words of QEMU or of a guest: the callee
     * makes them visible (base/visible.h). */
    void (*result)(void *user, unsigned int dom, enum machine_event event,
                   const struct machine_result *result);
    /* An instance is about to be created with this UUID. The callee records it
     * before anything exists, to recognise it after a crash. SAVED: the disks
     * that a restored instance writes; NULL if it boots. Returns NULL, or why
     * it must not be created; the caller frees it. */
    char *(*begins)(void *user, unsigned int dom, const char *uuid,
                    const struct strlist *saved);
    /* Building DOM blocked the loop for MS. */
    void (*stalled)(void *user, unsigned int dom, msec ms);
    /* Domains have appeared or vanished, perhaps not by our doing, or one of
     * ours now belongs to somebody else. */
    void (*list_changed)(void *user);
    /* A line for the administrator. */
    void (*mark)(void *user, const char *line);
    /* A line for the log. */
    void (*log)(void *user, const char *line);
    void *user;
};

/* Connects. Returns 0, or -1 with a reason in *WHY_R (the caller frees it). */
int hv_open(struct hv **hv_r, struct loop *loop,
            const struct hv_callbacks *callbacks, char **why_r);
void hv_close(struct hv *hv);

struct hv_info {
    uint32_t domid;
    char *name;
    char uuid[HV_UUID_LEN];
    bool never_ran; /* paused, and has used no CPU time */
    bool shut_down; /* dead, not suspended for a save */
    bool dying;
    uint64_t cpu_ns;
    uint64_t memory_kb;
};

/* Lists all domains but dom0. Returns an array of *N_R, or NULL and -1 in *N_R
 * if the list is unavailable. hv_info_free frees it. */
struct hv_info *hv_list(struct hv *hv, int *n_r);
void hv_info_free(struct hv_info *list, int n);

/* Reads the facts to check policies against. The caller disposes. */
void hv_host(struct hv *hv, struct host *host);

struct hv_totals {
    uint64_t memory_kb;
    uint64_t free_kb;
    unsigned int cpus;
    uint64_t dom0_cpu_ns;
};
bool hv_totals(struct hv *hv, struct hv_totals *totals_r);

/* The operations. All names are copied. `ahead`: the creation ends with
 * MACHINE_EV_BUILT, and the domain is paused until hv_unpause, which ends as a
 * creation does. `fresh`: the file is read again;
 * otherwise the previous instance's configuration is used (a reboot keeps its
 * MAC addresses, as with xl). A creation that has to wait for others reports
 * MACHINE_EV_QUEUED. If the file is no longer that of POLICY, the creation
 * reports MACHINE_EV_FILE_CHANGED, never before hv_create has returned: the
 * files are then read again. */
void hv_create(struct hv *hv, unsigned int dom, unsigned int gen,
               const struct policy *policy, bool fresh, bool ahead);
void hv_unpause(struct hv *hv, unsigned int dom, unsigned int gen);
void hv_abort(struct hv *hv, unsigned int dom);
void hv_shutdown(struct hv *hv, unsigned int dom, unsigned int gen);
void hv_save(struct hv *hv, unsigned int dom, unsigned int gen,
             const char *dir);
void hv_destroy(struct hv *hv, unsigned int dom, unsigned int gen);

/* Reports what the device model of DOM, which is late, complains of. */
void hv_look_late(struct hv *hv, unsigned int dom);

/* Takes over an existing instance. Returns false if it is gone. SAVING: an
 * earlier daemon had begun to save it to SAVE_TO (NULL: unknown); the partial
 * save is deleted and the domain resumes, also if it suspends only now. Any
 * other suspended domain is left alone: its save is complete and its removal
 * due, or somebody else is saving it. If it was about to be restored, the save
 * is deleted if the domain has run, and available again if not. A dead domain
 * is renamed or dumped when it is destroyed, as its on_... action says. */
bool hv_adopt(struct hv *hv, unsigned int dom, unsigned int gen,
              const char *name, uint32_t domid, bool by_hand, bool saving,
              const char *save_to);

/* The instance's number in the hypervisor; HV_NO_DOMID: none. */
uint32_t hv_domid(const struct hv *hv, unsigned int dom);

#endif
