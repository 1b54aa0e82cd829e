/*
 * The life cycle of all domains, as a table of states and events.
 *
 * The machine makes no system call, reads no clock and knows no hypervisor.
 * The caller passes in the time, reports events with machine_event, and
 * carries out the actions that the machine lists. Tests can therefore try
 * every order, failure and race in milliseconds (tests/machine/). internal.h
 * lists the files.
 *
 * docs/domd.md describes the states and their transitions.
 */
#ifndef DOMD_MACHINE_MACHINE_H
#define DOMD_MACHINE_MACHINE_H

#include "policy/policy.h"

#define MACHINE_NEVER INT64_MAX
/* More restarts than this in one window are never allowed. */
#define MACHINE_FAILURES_MAX 32
/* A guest that ends by itself this soon after it was ready is in a restart
 * loop. Even one that counts as ready early in its boot has booted by then. */
#define MACHINE_BRIEF ((msec)60 * 1000)
/* The back-off doubles up to this. */
#define MACHINE_BACKOFF_MAX ((msec)60 * 1000)
/* Interval and number of attempts to destroy a domain. */
#define MACHINE_DESTROY_RETRY ((msec)5 * 1000)
#define MACHINE_DESTROY_TRIES 5
/* Last-resort timeouts for the hypervisor: a missing disk or share blocks its
 * helpers for an unlimited time. Both are far beyond libxl's own timeouts for
 * any step; a removal may include a core dump. */
#define MACHINE_ABORT_LIMIT   ((msec)120 * 1000)
#define MACHINE_DESTROY_LIMIT ((msec)600 * 1000)
/* The time that a removal takes at most if libxl does not hang. */
#define MACHINE_REMOVAL ((msec)60 * 1000)

enum machine_state {
    MACHINE_STOPPED,    /* not running, and not wanted */
    MACHINE_WAITING,    /* wanted; waits for dependencies or a free slot */
    MACHINE_BLOCKED,    /* wanted; a requirement failed, or a disk is in use */
    MACHINE_DELAY,      /* dependencies are ready; start_delay runs */
    MACHINE_CREATING,   /* the hypervisor builds the domain, or unpauses it */
    MACHINE_BUILT,      /* created ahead, and paused until its turn */
    MACHINE_ABORTING,   /* creation is cancelled; its result is pending */
    MACHINE_BOOTING,    /* runs, not ready yet */
    MACHINE_READY,      /* runs, ready */
    MACHINE_LATE,       /* runs, not ready within start_timeout */
    MACHINE_STOP_WAIT,  /* stops after its dependents */
    MACHINE_SHUTDOWN,   /* asked to shut down */
    MACHINE_SAVING,     /* the save is in progress */
    MACHINE_DESTROYING, /* the domain is being removed */
    MACHINE_BACKOFF,    /* failed; restarts after a delay */
    MACHINE_FAILED,     /* failed; needs a manual start */
    MACHINE_HELD,       /* failed too often within the window */
    MACHINE_SKIPPED,    /* the host lacks a required feature */
    MACHINE_KEPT,       /* dead, kept for inspection (on_crash=preserve) */
    MACHINE_STUCK,      /* the removal failed, or an operation hangs */
    MACHINE_BY_HAND,    /* started without domd */
    MACHINE_STATES
};

enum machine_event {
    MACHINE_EV_START,
    MACHINE_EV_STOP,
    MACHINE_EV_GO,     /* internal: its turn */
    MACHINE_EV_AHEAD,  /* internal: its turn to be created ahead */
    MACHINE_EV_TIMER,  /* internal: its timer expired */
    MACHINE_EV_QUEUED, /* waits for other operations of the hypervisor */
    MACHINE_EV_BEGUN,  /* creation or restore begins */
    MACHINE_EV_BUILT,  /* created ahead, and paused */
    MACHINE_EV_CREATED,
    MACHINE_EV_CREATE_FAILED,
    MACHINE_EV_CREATE_LEFT,  /* creation failed, and so did the cleanup */
    MACHINE_EV_FILE_CHANGED, /* not created, or not unpaused: the file, or
                              * what it names, has changed */
    MACHINE_EV_READY,
    MACHINE_EV_RESET, /* the guest reset itself */
    MACHINE_EV_DIED,  /* the guest shut down; the domain still exists */
    MACHINE_EV_GONE,  /* the domain no longer exists */
    MACHINE_EV_DESTROY_FAILED,
    MACHINE_EV_SHUTDOWN_FAILED, /* the request cannot be delivered */
    MACHINE_EV_SAVED,
    MACHINE_EV_SAVE_FAILED,
    MACHINE_EV_DM_SAYS,  /* error of the device model, which still runs */
    MACHINE_EV_DM_ENDED, /* the device model exited; the guest runs on */
    MACHINE_EVENTS
};

/* Why a domain died. */
enum machine_death {
    MACHINE_POWEROFF,
    MACHINE_REBOOT,
    MACHINE_CRASH,
    MACHINE_VANISHED, /* destroyed by someone else */
};

/* A result of the hypervisor. `gen` is the number of the instance, as in the
 * action; results for an earlier instance are ignored. */
struct machine_result {
    unsigned int gen;
    enum machine_death death; /* MACHINE_EV_DIED, MACHINE_EV_GONE */
    bool again;   /* MACHINE_EV_DIED: on_poweroff or on_reboot is restart */
    bool keep;    /* MACHINE_EV_DIED: on_... is preserve */
    bool resumed; /* MACHINE_EV_BEGUN: a restore */
    const struct strlist *writes; /* the writable disks of a restored guest */
    const char *why; /* failures, MACHINE_EV_DM_...; NULL: unknown */
};

enum machine_act {
    MACHINE_ACT_CREATE,
    MACHINE_ACT_UNPAUSE, /* one that was created ahead */
    MACHINE_ACT_ABORT,   /* cancel the operation (create, save) */
    MACHINE_ACT_SHUTDOWN,
    MACHINE_ACT_SAVE,
    MACHINE_ACT_DESTROY,
    MACHINE_ACT_CHANGED, /* no operation: the state changed */
    MACHINE_ACT_REMARK,  /* no operation: there is a new remark */
};

struct machine_action {
    enum machine_act act;
    unsigned int dom;
    unsigned int gen;
    bool forced; /* DESTROY: the guest did not shut down */
    bool fresh;  /* CREATE: from the file, not from the last instance */
    bool ahead;  /* CREATE: reports MACHINE_EV_BUILT, and leaves it paused */
    enum machine_state before; /* CHANGED */
    enum machine_state after;
};

/* The next step once an instance is gone. */
enum machine_outcome {
    MACHINE_NEXT_STOPPED,
    MACHINE_NEXT_AGAIN,
    MACHINE_NEXT_BACKOFF,
    MACHINE_NEXT_FAILED,
    MACHINE_NEXT_HELD,
};
#define MACHINE_OUTCOMES (MACHINE_NEXT_HELD + 1)

/* An edge of the graph, to a dependency. */
struct machine_edge {
    unsigned int dom;
    bool requires;
};

struct machine_domain {
    struct policy *policy; /* owned; NULL: unused slot */
    enum machine_state state;
    bool listed;    /* has a domain file */
    bool want;      /* should run */
    bool stop_req;  /* a stop was requested */
    bool by_hand;   /* the instance was not started by domd */
    bool delayed;   /* start_delay has passed */
    bool ahead;     /* this instance is being created ahead */
    bool built;     /* this instance was created ahead, and has not run */
    bool in_turn;   /* that has failed: not before its turn */
    bool was_ready; /* this instance was ready */
    bool dead;      /* died during the save */
    bool barred;    /* the policy is barred */
    bool again;     /* the next instance keeps the config of this one */
    bool resumed;   /* this instance was restored */
    unsigned int gen;
    msec deadline; /* of its only timer; MACHINE_NEVER: stopped */
    enum machine_outcome next;
    bool last_resort;           /* the timer is a last-resort timeout */
    enum machine_state hung_in; /* STUCK: the state whose operation hangs;
                                 * MACHINE_STOPPED: none, the removal failed */
    unsigned int destroy_tries;
    msec failures[MACHINE_FAILURES_MAX]; /* times, oldest first */
    unsigned int n_failures;
    unsigned int restarts; /* automatic restarts */
    msec since;            /* of the state */
    msec started;          /* when the creation of this instance began, or the
                            * restore ended */
    msec latency;          /* from `started` to ready; -1: unknown */
    char reason[256];      /* of the state, for users; may be empty */
    char remark[256];      /* of the instance, in any state */

    /* The file that the instance was created from. */
    uint64_t stamp;
    struct strlist writes;

    struct machine_edge *edges;
    unsigned int n_edges;
};

struct machine {
    struct machine_domain *doms;
    unsigned int n;
    unsigned int max_creating; /* limit of concurrent creations */
    bool closing;
    bool held;
    msec now;
    struct machine_action *acts;
    size_t n_acts;
    size_t size_acts;
};

void machine_init(struct machine *m, unsigned int max_creating);
void machine_dispose(struct machine *m);

/* Adds a stopped domain; takes POLICY over. Returns its number, which never
 * changes. Call machine_link before anything else. */
unsigned int machine_add(struct machine *m, struct policy *policy);
/* Replaces the policy of a domain (takes it over), with effect from the next
 * start or stop. Call machine_link afterwards. */
void machine_set_policy(struct machine *m, unsigned int dom,
                        struct policy *policy);
/* The domain file is gone: no more starts, but a running instance keeps
 * running. machine_set_policy undoes that. Call machine_link afterwards. */
void machine_unlist(struct machine *m, unsigned int dom);
/* Frees the slot of a domain without a file or an instance; leaves others
 * alone. Call machine_link afterwards. */
void machine_forget(struct machine *m, unsigned int dom);
/* Builds the graph, and applies the bars of the policies. Missing names and
 * cycles must have been barred before; running members of a cycle keep
 * running, and the edge that closes it is dropped. */
void machine_link(struct machine *m, msec now);

/* Returns the number of a domain, or -1. */
int machine_find(const struct machine *m, const char *name);

/* Between these two calls, events have no consequences: domains that are named
 * together stop and start in dependency order, and nothing starts before all
 * running domains are known. */
void machine_hold(struct machine *m);
void machine_release(struct machine *m, msec now);

/* What the machine of the previous daemon knew about a domain. */
struct machine_past {
    enum machine_state state;
    enum machine_outcome next;
    bool want;
    bool was_ready;
    bool resumed; /* the instance was restored */
    unsigned int restarts;
    msec started;
    msec latency;
    msec failures[MACHINE_FAILURES_MAX];
    unsigned int n_failures;
    uint64_t stamp; /* 0: unknown */
    struct strlist writes;
    char *reason; /* may be NULL */
};

/* Fills in *PAST_R, which machine_past_dispose frees. */
void machine_past_of(const struct machine *m, unsigned int dom,
                     struct machine_past *past_r);
void machine_past_dispose(struct machine_past *past);

/* What the hypervisor reports about our instance. */
enum machine_found {
    MACHINE_FOUND_NOTHING,
    MACHINE_FOUND_RUNNING,
    MACHINE_FOUND_DEAD,   /* shut down; its event follows */
    MACHINE_FOUND_BROKEN, /* never ran, or is being destroyed */
};

/* Adoption, before any other event of the domain: continues where the previous
 * daemon ended. A stopped or failed domain does not start, and a stop in
 * progress begins again. machine_adopt_by_hand: an instance that is not ours,
 * and is left alone until the host stops. Both return the number of the
 * instance. */
unsigned int machine_adopt(struct machine *m, unsigned int dom,
                           const struct machine_past *past,
                           enum machine_found found, msec now);
unsigned int machine_adopt_by_hand(struct machine *m, unsigned int dom,
                                   msec now);

/* Requests of users and of the boot. They return NULL, or a static text with
 * the reason for a refusal. machine_start: also starts what the domain
 * requires; resets the failure count. machine_stop: also stops all that
 * require it, which start again with it unless they are stopped, too.
 * machine_restart: stops both and starts both. */
const char *machine_start(struct machine *m, unsigned int dom, msec now);
const char *machine_stop(struct machine *m, unsigned int dom, msec now);
const char *machine_restart(struct machine *m, unsigned int dom, msec now);

/* Starts the domains for the boot, with their requirements. ONLY: NULL for all
 * with autostart, or else these names; unknown names are ignored. */
void machine_autostart(struct machine *m, const struct strlist *only,
                       msec now);

/* The host shuts down: everything stops, dependents first, and nothing starts
 * any more. */
void machine_close(struct machine *m, msec now);
/* Whether nothing is left to stop. */
bool machine_is_down(const struct machine *m);
/* Upper bound for a shutdown that begins now. HANGING: also if libxl hangs. */
msec machine_down_limit(const struct machine *m, bool hanging);

/* Reports an event of an instance. */
void machine_event(struct machine *m, unsigned int dom,
                   enum machine_event event,
                   const struct machine_result *result, msec now);

/* Only DOM made progress for the last MS: extends the timeouts of all
 * others. */
void machine_stalled(struct machine *m, unsigned int dom, msec ms);

/* Fires the timers that have expired. */
void machine_tick(struct machine *m, msec now);
/* When to call machine_tick next; MACHINE_NEVER: never. */
msec machine_deadline(const struct machine *m);

/* Removes the first action from the list; false if it is empty. */
bool machine_take(struct machine *m, struct machine_action *action_r);

/* Why DOM must not write WRITES: another domain writes one of these disks.
 * NULL if it may; the caller frees the text. */
char *machine_disk_taken(const struct machine *m, unsigned int dom,
                         const struct strlist *writes);
/* Whether the file has changed since the instance was created. */
bool machine_is_stale(const struct machine_domain *d);
/* Whether the hypervisor has, or may have, an instance. */
bool machine_has_instance(enum machine_state state);
/* Whether the state lasts until somebody acts. */
bool machine_at_rest(enum machine_state state);
const char *machine_state_name(enum machine_state state);
const char *machine_outcome_name(enum machine_outcome outcome);
/* Return the state or outcome of that name, or -1. */
int machine_state_find(const char *name);
int machine_outcome_find(const char *name);

#endif
