/*
 * Shared by the files of hv/xl/ only; the rest of domd sees hv/hv.h.
 *
 * Nothing here waits for an operation of libxl. A function that begins one
 * names the function that hv.c calls at its end, with libxl's RC. Unless
 * stated otherwise, HV and S are not NULL, and remain the caller's.
 */
#ifndef DOMD_HV_XL_INTERNAL_H
#define DOMD_HV_XL_INTERNAL_H

#include <time.h>

#include <libxl.h>
#include <libxl_utils.h>
#include <xenstore.h>

#include "hv/hv.h"

#define ERRORS_MAX 32
#define XL         "/usr/sbin/xl"
#define UUID_FILE  "/sys/class/dmi/id/product_uuid"

enum op {
    OP_NONE,
    OP_CONVERT, /* xl converts the file to JSON */
    OP_QUEUED,  /* waiting to be built */
    OP_CREATE,
    OP_UNPAUSE,
    OP_CLEANUP, /* removing a failed creation */
    OP_SHUTDOWN,
    OP_SAVE,
    OP_SYNC,   /* syncing the save to the disk */
    OP_RESUME, /* resuming after a failed save */
    OP_DUMP,   /* xl writes a core dump */
    OP_DESTROY,
    OP_RESET,
};

/* The on_... actions of an instance. Nothing changes them while it runs. */
struct actions {
    bool known;
    libxl_action_on_shutdown poweroff;
    libxl_action_on_shutdown reboot;
    libxl_action_on_shutdown watchdog;
    libxl_action_on_shutdown crash;
    libxl_action_on_shutdown soft_reset;
};

struct slot {
    struct hv *hv;
    unsigned int dom;
    unsigned int gen;
    uint32_t domid;
    uint32_t guess; /* domid while created; for messages only */
    char *name;
    char *file;     /* OP_CONVERT: xl's input, */
    uint64_t stamp; /* and its stamp when it was checked */
    bool by_hand;

    enum op op;
    uint64_t op_id;
    libxl_asyncop_how how;
    uint64_t first_error; /* older errors are not about it */
    time_t op_began;      /* nor are older QEMU logs */

    struct child *run; /* OP_CONVERT, OP_SYNC, OP_DUMP */
    bool aborted;      /* the operation was cancelled */
    char *failure;     /* OP_CLEANUP, OP_RESUME: the reason to report */
    enum op then;      /* OP_RESET: operation requested meanwhile */
    bool was_reset;    /* OP_UNPAUSE: after OP_RESET, not after OP_CREATE */

    /* OP_CREATE and after; libxl keeps a pointer to it */
    libxl_domain_config config;
    bool has_config;
    char uuid[HV_UUID_LEN];
    char *save_to;
    char *kept; /* JSON of the previous one, for a restart */
    int fd;     /* OP_SAVE, or a restore */
    bool taken; /* OP_UNPAUSE: restored from a save */
    bool ahead; /* to be left paused, or paused */

    bool cut_off; /* an earlier domd ended while saving it */

    /* How to handle its death. */
    struct actions actions;
    bool dump;
    bool rename;
    bool asked;                   /* to shut down */
    bool ended;                   /* and that is not reported yet: */
    libxl_shutdown_reason reason; /* why, */
    msec tell_at;                 /* and when */

    bool deaf; /* libxl does not report its death */
    libxl_evgen_domain_death *death;
    libxl_evgen_disk_eject **ejects;
    int n_ejects;
    struct dmwatch *dm; /* NULL: none, or not watched */
    pid_t dm_pid;
};

/* An error that libxl has logged. */
struct logged {
    uint64_t number;
    uint32_t domid; /* HV_NO_DOMID: it names none */
    char text[200];
};

struct logger {
    xentoollog_logger vtable;
    struct hv *hv;
};

struct hv {
    struct loop *loop;
    struct hv_callbacks cb;
    libxl_ctx *ctx;
    struct logger logger;
    struct xs_handle *xs;
    struct source *xs_source;
    struct timer *builder;
    struct timer *deaths;
    struct slot **slots;
    unsigned int n_slots;
    struct eject *ejects;   /* see watch.c */
    const char *dump_dir;   /* tests have their own, */
    const char *dm_log_dir; /* and of this */
    char machine[80];       /* see xl_read_machine */
    uint64_t next_op;
    struct logged errors[ERRORS_MAX];
    uint64_t n_errors;
};

/* ---- log.c -------------------------------------------------------------- */

/* Makes hv->logger ready for libxl_ctx_alloc. */
void xl_logger_init(struct hv *hv);
/* Why the operation of S failed with RC. The text is valid until the next
 * call. */
const char *xl_why(const struct hv *hv, const struct slot *s, int rc);

/* ---- slot.c ------------------------------------------------------------- */

/* The slot of domain number DOM, created if missing. It lives as long as
 * HV. */
struct slot *xl_slot_get(struct hv *hv, unsigned int dom);
/* Sets the save directory. DIR is copied, or NULL. */
void xl_set_save_to(struct slot *s, const char *dir);
/* Copies the on_... actions of CONFIG, the instance's configuration. */
void xl_slot_actions(struct slot *s, const libxl_domain_config *config);
/* Disposes of the configuration, if any. No operation may be using it. */
void xl_slot_config_dispose(struct slot *s);
/* Closes *FD if open, and sets it to -1. */
void xl_close_fd(int *fd);
/* The instance is gone: clears all but what the next one may want (its name,
 * save_to, and `kept`). */
void xl_slot_clear(struct hv *hv, struct slot *s);
/* Begins OP: prepares s->how for libxl; new errors belong to OP. */
void xl_begin_op(struct hv *hv, struct slot *s, enum op op);
/* Reports EVENT to the state machine. TEXT (its `why`) may be NULL, and lives
 * as long as the call. The machine may start the next operation on S at once:
 * do not rely on s->op after this or the next two functions. */
void xl_report(struct hv *hv, const struct slot *s, enum machine_event event,
               const char *text);
/* Clears the slot first. */
void xl_report_gone(struct hv *hv, struct slot *s);
void xl_report_died(struct hv *hv, const struct slot *s,
                    enum machine_death death);

/* ---- look.c ------------------------------------------------------------- */

/* Asks the hypervisor about a domain; false if it does not exist, for which
 * libxl_domain_info would log an error. The caller initialises INFO, and
 * disposes of it. */
bool xl_look_at(struct hv *hv, uint32_t domid, libxl_dominfo *info);
/* Whether a domain is dead. A suspended one has shut down, too, but resumes if
 * its save fails. */
bool xl_has_ended(const libxl_dominfo *info);
/* Whether it was never unpaused. */
bool xl_never_ran(const libxl_dominfo *info);
bool xl_is_suspended(struct hv *hv, uint32_t domid);
bool xl_exists(struct hv *hv, uint32_t domid);
/* The value of NODE in the domain's directory in xenstore, or NULL. The caller
 * frees it. */
char *xl_in_store(struct hv *hv, uint32_t domid, const char *node);

/* ---- dm.c --------------------------------------------------------------- */

/* Watches the instance's device model, if any, and reports its end. A failure
 * to watch it is only logged. */
void xl_device_model_on(struct hv *hv, struct slot *s);

/* Reports complaints of the instance's device model, if any. */
void xl_device_model_says(struct hv *hv, const struct slot *s);

/* ---- watch.c ------------------------------------------------------------ */

/* Requests the events of a running instance, and notes its actions. Its
 * configuration is s->config; without one, libxl is asked for it, which costs
 * dozens of requests to xenstored. If its death would not be reported, that is
 * logged, and xl_watch_again retries. */
void xl_watch_on(struct hv *hv, struct slot *s);
/* A domain has appeared, vanished or died: retries for instances whose death
 * is not reported. */
void xl_watch_again(struct hv *hv);
/* Stops all events of it and of its device model. */
void xl_slot_watch_off(struct hv *hv, struct slot *s);
/* Requests its death again: a suspend has used that up. */
void xl_rearm(struct hv *hv, struct slot *s);
/* The guest has ejected DISK, which is copied: empties the drive. */
void xl_eject(struct hv *hv, const struct slot *s,
              const libxl_device_disk *disk);
/* Ends the eject of operation ID. False: ID is no eject. */
bool xl_ejected(struct hv *hv, uint64_t id);

/* ---- death.c ------------------------------------------------------------ */

/* The instance has shut down by itself, for REASON. */
void xl_shut_down(struct hv *hv, struct slot *s, libxl_shutdown_reason reason);
/* Checks an adopted instance for a death. Returns whether it exists. */
bool xl_look_for_end(struct hv *hv, struct slot *s);
/* Callback of hv->deaths; USER is the hv. */
void xl_tell_ends(void *user);

/* ---- reset.c ------------------------------------------------------------ */

/* Whether a reset is under way. Other operations have to wait, because libxl
 * uses the slot's configuration. */
bool xl_is_resetting(const struct slot *s);
/* Begins a soft reset with s->config; reports a failure as a crash. Ends in
 * xl_reset, then xl_unpaused. */
void xl_soft_reset(struct hv *hv, struct slot *s);
void xl_reset(struct hv *hv, struct slot *s, int rc);
/* The reset has ended, and the instance runs or does not: does what was
 * requested in the meantime. */
void xl_reset_done(struct hv *hv, struct slot *s, int rc);

/* ---- restore.c ---------------------------------------------------------- */

/* Opens the save, if there is one (s->fd), and reads its configuration, which
 * replaces that of the file. An unusable save is set aside. Returns NULL, or
 * why it is unknown for now whether there is a save; the caller frees it. */
char *xl_look_for_saved(struct hv *hv, struct slot *s);
/* Adds the disks that an instance of CONFIG writes, named as in its policy
 * (struct policy). */
void xl_list_written(const libxl_domain_config *config,
                     struct strlist *writes);
/* The restore of S from s->fd has failed: sets the save aside if its stream is
 * bad, else leaves it for the next start. WHY is libxl's reason. */
void xl_restore_failed(struct hv *hv, const struct slot *s, const char *why);
/* Sets an unusable save aside under another name. WHAT, which it frees, says
 * why. */
void xl_put_aside(struct hv *hv, const struct slot *s, char *what);

/* ---- mac.c -------------------------------------------------------------- */

/* Reads into MACHINE (SIZE bytes) what tells this machine from others, the
 * firmware's UUID, from the file PATH; "" if there is none. */
void xl_read_machine(const char *path, char *machine, size_t size);
/* Gives each network card of CONFIG without a MAC address one that is made
 * from MACHINE, the domain's name and the card's index: it stays the same. If
 * MACHINE is "", libxl makes a random one: two hosts must not have the same.
 */
void xl_give_macs(libxl_domain_config *config, const char *machine);

/* ---- create.c ----------------------------------------------------------- */

/* Callback of hv->builder; USER is the hv. */
void xl_build_next(void *user);
/* The ends of OP_CREATE, OP_UNPAUSE and OP_CLEANUP. */
void xl_created(struct hv *hv, struct slot *s, int rc);
void xl_unpaused(struct hv *hv, struct slot *s, int rc);
void xl_cleaned_up(struct hv *hv, struct slot *s, int rc);

/* ---- room.c ------------------------------------------------------------- */

/* Why the instance's memory cannot be written to DIR, or NULL. SPARE: bytes
 * there that the caller can free. The caller frees the text. */
char *xl_no_room(struct hv *hv, const struct slot *s, const char *dir,
                 uint64_t spare);

/* ---- save.c ------------------------------------------------------------- */

/* The ends of OP_SAVE and OP_RESUME. */
void xl_saved(struct hv *hv, struct slot *s, int rc);
void xl_save_failed(struct hv *hv, struct slot *s);
/* The guest has suspended, for us or others. */
void xl_suspended(struct hv *hv, struct slot *s);

/* ---- dump.c ------------------------------------------------------------- */

/* Begins a core dump of the dead instance, which is destroyed at its end, well
 * or not. Returns whether it has begun; if not, the reason was logged, and the
 * caller destroys the instance. */
bool xl_dump(struct hv *hv, struct slot *s);

/* ---- stop.c ------------------------------------------------------------- */

/* Begins to destroy the instance; a failure to begin is reported. */
void xl_destroy(struct hv *hv, struct slot *s);
/* The ends of OP_DESTROY and OP_SHUTDOWN. */
void xl_destroyed(struct hv *hv, struct slot *s, int rc);
void xl_shutdown_asked(struct hv *hv, struct slot *s, int rc);

/* ---- list.c ------------------------------------------------------------- */

/* Domains have appeared or vanished: finds the numbers of those being
 * created. */
void xl_guess(struct hv *hv);

#endif
