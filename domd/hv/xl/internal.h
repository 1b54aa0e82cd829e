/*
 * What the files of the joint to libxenlight share: they are internal to
 * this directory. The rest of domd sees hv/hv.h.
 *
 * Nothing here waits for an operation of libxl's. A function that begins one
 * says how its end will be heard of: hv.c calls the one that deals with it,
 * with the RC that libxl gave. Unless something else is said, HV and S are not
 * NULL, and remain the caller's.
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

enum op {
    OP_NONE,
    OP_CONVERT, /* xl turns the file into JSON */
    OP_QUEUED,  /* for its turn to be built */
    OP_CREATE,
    OP_UNPAUSE,
    OP_CLEANUP, /* what came of a creation that failed is removed */
    OP_SHUTDOWN,
    OP_SAVE,
    OP_SYNC,   /* what was saved is on its way to the disk */
    OP_RESUME, /* it could not be saved, and goes on */
    OP_DUMP,   /* xl writes its memory to a disk */
    OP_DESTROY,
    OP_RESET,
};

struct slot {
    struct hv *hv;
    unsigned int dom;
    unsigned int gen;
    uint32_t domid;
    uint32_t guess; /* while it is being created; for messages only */
    char *name;
    char *file;     /* OP_CONVERT: what xl reads, */
    uint64_t stamp; /* and what it said when it was checked */
    bool by_hand;

    enum op op;
    uint64_t op_id;
    libxl_asyncop_how how;
    uint64_t first_error; /* errors before this one are not about it */
    time_t op_began;      /* what a device model said before is not, either */

    struct child *run; /* OP_CONVERT, OP_SYNC, OP_DUMP */
    bool aborted;      /* its creation was called off */
    char *failure;     /* OP_CLEANUP, OP_RESUME: what to report in the end */
    enum op then;      /* OP_RESET: what was asked for in the meantime */
    bool was_reset;    /* OP_UNPAUSE: after OP_RESET, not after OP_CREATE */

    /* OP_CREATE and after; libxl keeps a pointer to it */
    libxl_domain_config config;
    bool has_config;
    char uuid[HV_UUID_LEN];
    char *save_to;
    char *kept; /* JSON of the instance before, for a restart */
    int fd;     /* OP_SAVE, or a restore */
    bool taken; /* OP_UNPAUSE: it goes on from what was saved */

    bool cut_off; /* its save, perhaps after it had been asked to suspend */

    /* How its death is to be dealt with. */
    bool dump;
    bool rename;
    bool asked;                   /* to shut down */
    bool ended;                   /* and that is still to be told: */
    libxl_shutdown_reason reason; /* why, */
    msec tell_at;                 /* and when */

    bool deaf; /* its death is not heard of */
    libxl_evgen_domain_death *death;
    libxl_evgen_disk_eject **ejects;
    int n_ejects;
    struct dmwatch
        *dm; /* NULL: it has no device model, or it is not watched */
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
    const char *dump_dir;   /* a test has its own, */
    const char *dm_log_dir; /* and of these */
    uint64_t next_op;
    struct logged errors[ERRORS_MAX];
    uint64_t n_errors;
};

/* ---- log.c -------------------------------------------------------------- */

/* Makes hv->logger ready for libxl_ctx_alloc. */
void xl_logger_init(struct hv *hv);
/* Why the operation of S has failed with RC, in words. They last until the
 * next call. */
const char *xl_why(const struct hv *hv, const struct slot *s, int rc);

/* ---- slot.c ------------------------------------------------------------- */

/* The slot of domain number DOM, made if it is not there. It lasts as long as
 * HV does. */
struct slot *xl_slot_get(struct hv *hv, unsigned int dom);
/* Where S is saved to. DIR is copied, and may be NULL. */
void xl_set_save_to(struct slot *s, const char *dir);
/* Disposes of the configuration, if there is one. No operation may be using
 * it. */
void xl_slot_config_dispose(struct slot *s);
/* Closes *FD if it is open; then it is -1. */
void xl_close_fd(int *fd);
/* The instance is no more: nothing is left of it but what the next one may
 * want (its name, save_to, and what was kept). */
void xl_slot_clear(struct hv *hv, struct slot *s);
/* OP begins: s->how is for libxl, and errors from now on are about it. */
void xl_begin_op(struct hv *hv, struct slot *s, enum op op);
/* Tells the state machine of EVENT. TEXT (its `why`) may be NULL, and lasts as
 * long as the call. The machine may ask for the next operation on S at once:
 * nobody may rely on s->op after that. So for the two that follow. */
void xl_report(struct hv *hv, const struct slot *s, enum machine_event event,
               const char *text);
/* Clears the slot, too. */
void xl_report_gone(struct hv *hv, struct slot *s);
void xl_report_died(struct hv *hv, const struct slot *s,
                    enum machine_death death);

/* ---- look.c ------------------------------------------------------------- */

/* What the hypervisor says of a domain; false if it has none of that number.
 * libxl_domain_info would log an error for it. INFO was initialised; the
 * caller disposes. */
bool xl_look_at(struct hv *hv, uint32_t domid, libxl_dominfo *info);
/* Whether a domain will never run again by itself. One that is suspended has
 * shut down, too, but goes on if its save fails. */
bool xl_has_ended(const libxl_dominfo *info);
/* Whether its creation has not come to its end. */
bool xl_never_ran(const libxl_dominfo *info);
bool xl_is_suspended(struct hv *hv, uint32_t domid);
bool xl_exists(struct hv *hv, uint32_t domid);
/* What xenstore has below the domain's directory; NULL: nothing. The caller
 * frees it. */
char *xl_in_store(struct hv *hv, uint32_t domid, const char *node);

/* ---- dm.c --------------------------------------------------------------- */

/* Watches the device model of the instance, if it has one; its end is
 * reported. That it cannot be watched is logged, and no error. */
void xl_device_model_on(struct hv *hv, struct slot *s);

/* Reports what the device model of the instance complains of, if it does. */
void xl_device_model_says(struct hv *hv, const struct slot *s);

/* ---- watch.c ------------------------------------------------------------ */

/* Asks for the events of an instance that runs. If its death would not be
 * heard of, that is logged, and no reason to give it up: xl_watch_again. */
void xl_watch_on(struct hv *hv, struct slot *s);
/* A domain has come, gone or ended: looks whether it was one whose death is
 * not heard of, and asks for that again. */
void xl_watch_again(struct hv *hv);
/* Nothing more is heard of it, nor of its device model. */
void xl_slot_watch_off(struct hv *hv, struct slot *s);
/* Asks for its death again: a suspended domain is "shut down", too. */
void xl_rearm(struct hv *hv, struct slot *s);
/* The guest has ejected DISK, which is copied: the drive is emptied. */
void xl_eject(struct hv *hv, const struct slot *s,
              const libxl_device_disk *disk);
/* Whether the operation ID was an eject, which has now ended. */
bool xl_ejected(struct hv *hv, uint64_t id);

/* ---- death.c ------------------------------------------------------------ */

/* The instance has shut down by itself, for REASON. */
void xl_shut_down(struct hv *hv, struct slot *s, libxl_shutdown_reason reason);
/* An instance is adopted that may have ended already. Returns whether it is
 * there. */
bool xl_look_for_end(struct hv *hv, struct slot *s);
/* The timer hv->deaths; USER is the hv. */
void xl_tell_ends(void *user);

/* ---- reset.c ------------------------------------------------------------ */

/* Whether the instance is being reset: what is to be done with it has to
 * wait, because libxl uses the slot's configuration. */
bool xl_is_resetting(const struct slot *s);
/* Begins a soft reset with s->config; a failure is reported as a crash. Its
 * end: xl_reset, then xl_unpaused. */
void xl_soft_reset(struct hv *hv, struct slot *s);
void xl_reset(struct hv *hv, struct slot *s, int rc);
/* The reset of an instance has ended, and it runs again; or it does not. What
 * was asked for in the meantime is done. */
void xl_reset_done(struct hv *hv, struct slot *s, int rc);

/* ---- restore.c ---------------------------------------------------------- */

/* Opens what was saved, if anything was (s->fd), and reads its configuration,
 * which takes the place of the one in the file. What cannot be used is put
 * aside. Returns NULL, or why it cannot be known for now whether there is
 * anything; the caller frees it. */
char *xl_look_for_saved(struct hv *hv, struct slot *s);
/* Adds the disks that an instance of CONFIG writes, under the names that its
 * policy has for them (struct policy). */
void xl_list_written(const libxl_domain_config *config,
                     struct strlist *writes);
/* The restore of S has failed, and s->fd is what it was from: it is put aside
 * if it is the stream that is bad. Else it waits for the next start. WHY says
 * what libxl said. */
void xl_restore_failed(struct hv *hv, const struct slot *s, const char *why);
/* What was saved and cannot be used is kept under another name. WHAT, which it
 * frees, says why. */
void xl_put_aside(struct hv *hv, const struct slot *s, char *what);

/* ---- create.c ----------------------------------------------------------- */

/* The timer hv->builder; USER is the hv. */
void xl_build_next(void *user);
/* The ends of OP_CREATE, OP_UNPAUSE and OP_CLEANUP. */
void xl_created(struct hv *hv, struct slot *s, int rc);
void xl_unpaused(struct hv *hv, struct slot *s, int rc);
void xl_cleaned_up(struct hv *hv, struct slot *s, int rc);

/* ---- room.c ------------------------------------------------------------- */

/* Why the memory of the instance cannot be written to DIR, or NULL. SPARE: the
 * bytes in there that the caller could do without. The caller frees it. */
char *xl_no_room(struct hv *hv, const struct slot *s, const char *dir,
                 uint64_t spare);

/* ---- save.c ------------------------------------------------------------- */

/* The ends of OP_SAVE and OP_RESUME. */
void xl_saved(struct hv *hv, struct slot *s, int rc);
void xl_save_failed(struct hv *hv, struct slot *s);
/* The guest has suspended, for whomever. */
void xl_suspended(struct hv *hv, struct slot *s);

/* ---- dump.c ------------------------------------------------------------- */

/* Begins to write the memory of the dead instance to a disk; when that has
 * ended, well or not, the instance is destroyed. Returns whether it has begun;
 * if not, why not was logged, and the instance is the caller's to destroy. */
bool xl_dump(struct hv *hv, struct slot *s);

/* ---- stop.c ------------------------------------------------------------- */

/* Begins to destroy the instance; that it cannot even begin is reported. */
void xl_destroy(struct hv *hv, struct slot *s);
/* The ends of OP_DESTROY and OP_SHUTDOWN. */
void xl_destroyed(struct hv *hv, struct slot *s, int rc);
void xl_shutdown_asked(struct hv *hv, struct slot *s, int rc);

/* ---- list.c ------------------------------------------------------------- */

/* Domains have come or gone: finds the numbers of those that are being
 * created. */
void xl_guess(struct hv *hv);

#endif
