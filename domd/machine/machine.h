/*
 * The life of all domains, as a table of states and events.
 *
 * Nothing in here makes a system call, reads a clock or knows what a
 * hypervisor is. The time is passed in; what happened is reported by the
 * machine_ev functions; what is to be done comes out as a list of actions.
 * That is why every ordering, failure and race can be tried in milliseconds
 * (tests/machine/). internal.h says which file holds what.
 *
 * docs/domd.md has the states and how they follow each other.
 */
#ifndef DOMD_MACHINE_MACHINE_H
#define DOMD_MACHINE_MACHINE_H

#include "policy/policy.h"

#define MACHINE_NEVER INT64_MAX
/* More restarts than this in one window are never allowed. */
#define MACHINE_FAILURES_MAX 32
/* One that ends by itself so soon after it was ready is in a loop. Even a
 * guest that counts as up early in its boot is up by then. */
#define MACHINE_BRIEF ((msec)60 * 1000)
/* Back-off doubles up to this. */
#define MACHINE_BACKOFF_MAX ((msec)60 * 1000)
/* A destroy that failed is tried again after this, so many times. */
#define MACHINE_DESTROY_RETRY ((msec)5 * 1000)
#define MACHINE_DESTROY_TRIES 5
/* The last resort where the hypervisor owes an answer: a disk or a share that
 * is gone holds its helpers for as long as it likes. They are far beyond what
 * libxl itself allows for any step; a removal may include a core dump. */
#define MACHINE_ABORT_LIMIT   ((msec)120 * 1000)
#define MACHINE_DESTROY_LIMIT ((msec)600 * 1000)

enum machine_state {
    MACHINE_STOPPED, /* not running, and not wanted */
    MACHINE_WAITING, /* wanted; dependencies or a free place are awaited */
    MACHINE_BLOCKED, /* wanted; a requirement cannot come up, or a disk is busy
                      */
    MACHINE_DELAY,   /* dependencies are ready; start_delay runs */
    MACHINE_CREATING,  /* the hypervisor builds it */
    MACHINE_ABORTING,  /* its creation was called off; the result is awaited */
    MACHINE_BOOTING,   /* runs, and is not ready yet */
    MACHINE_READY,     /* runs, and counts as up */
    MACHINE_LATE,      /* runs, and was not ready within start_timeout */
    MACHINE_STOP_WAIT, /* will stop after those that depend on it */
    MACHINE_SHUTDOWN,  /* was asked to shut down */
    MACHINE_SAVING,    /* is being saved */
    MACHINE_DESTROYING, /* what is left of it is being removed */
    MACHINE_BACKOFF,    /* ended badly; will be started again */
    MACHINE_FAILED,  /* ended badly, and stays so until somebody starts it */
    MACHINE_HELD,    /* failed too often within the window */
    MACHINE_SKIPPED, /* needs something that this host does not have */
    MACHINE_KEPT,    /* dead, and kept for inspection (on_crash=preserve) */
    MACHINE_STUCK,   /* could not be removed, or what is done with it hangs */
    MACHINE_BY_HAND, /* somebody started it without us */
    MACHINE_STATES
};

enum machine_event {
    MACHINE_EV_START,
    MACHINE_EV_STOP,
    MACHINE_EV_GO,     /* from within: it is its turn */
    MACHINE_EV_TIMER,  /* from within: its timer has run out */
    MACHINE_EV_QUEUED, /* waits until the hypervisor has done with others */
    MACHINE_EV_BEGUN, /* it is built, or what was saved of it is read, from now
                       */
    MACHINE_EV_CREATED,
    MACHINE_EV_CREATE_FAILED,
    MACHINE_EV_CREATE_LEFT,  /* it failed, and what there is of it does not go
                              */
    MACHINE_EV_FILE_CHANGED, /* not begun: the file is not the one that was
                                read */
    MACHINE_EV_READY,
    MACHINE_EV_RESET, /* it is reset at its own request, unless that is too
                         often */
    MACHINE_EV_DIED,  /* shut down for one reason or another; still there */
    MACHINE_EV_GONE,  /* the hypervisor does not have it any more */
    MACHINE_EV_DESTROY_FAILED,
    MACHINE_EV_SHUTDOWN_FAILED, /* it cannot be asked */
    MACHINE_EV_SAVED,
    MACHINE_EV_SAVE_FAILED,
    MACHINE_EV_DM_SAYS, /* its device model complains of something, and goes on
                         */
    MACHINE_EV_DM_ENDED, /* its device model has; it goes on, as well as it can
                          */
    MACHINE_EVENTS
};

/* Why a domain died. */
enum machine_death {
    MACHINE_POWEROFF,
    MACHINE_REBOOT,
    MACHINE_CRASH,
    MACHINE_VANISHED, /* destroyed by somebody else */
};

/* What a result of the hypervisor says. `gen` is the number of the instance,
 * as the action had it; results about an earlier instance are ignored. */
struct machine_result {
    unsigned int gen;
    enum machine_death death; /* MACHINE_EV_DIED, MACHINE_EV_GONE */
    bool again;   /* MACHINE_EV_DIED: on_poweroff or on_reboot says restart */
    bool keep;    /* MACHINE_EV_DIED: on_... says preserve */
    bool resumed; /* MACHINE_EV_BEGUN: from what was saved; */
    const struct strlist *writes; /* and the disks that it writes, then */
    const char *why; /* failures, MACHINE_EV_DM_...; NULL if nobody knows */
};

enum machine_act {
    MACHINE_ACT_CREATE,
    MACHINE_ACT_ABORT, /* call off what is being done (create, save) */
    MACHINE_ACT_SHUTDOWN,
    MACHINE_ACT_SAVE,
    MACHINE_ACT_DESTROY,
    MACHINE_ACT_CHANGED, /* nothing to do: the state is now another one */
    MACHINE_ACT_REMARK,  /* nothing to do: there is a remark */
};

struct machine_action {
    enum machine_act act;
    unsigned int dom;
    unsigned int gen;
    bool forced; /* DESTROY: it did not go by itself */
    bool fresh;  /* CREATE: from the file, not from what it had */
    enum machine_state before; /* CHANGED */
    enum machine_state after;
};

/* What happens once an instance is gone. */
enum machine_outcome {
    MACHINE_NEXT_STOPPED,
    MACHINE_NEXT_AGAIN,
    MACHINE_NEXT_BACKOFF,
    MACHINE_NEXT_FAILED,
    MACHINE_NEXT_HELD,
};
#define MACHINE_OUTCOMES (MACHINE_NEXT_HELD + 1)

/* An edge of the graph, to what must be up before. */
struct machine_edge {
    unsigned int dom;
    bool requires;
};

struct machine_domain {
    struct policy *policy; /* owned; NULL: this place is free */
    enum machine_state state;
    bool listed;    /* the configuration names it */
    bool want;      /* it should be up */
    bool stop_req;  /* it is going down, now */
    bool by_hand;   /* an instance that we did not start */
    bool delayed;   /* start_delay is over */
    bool was_ready; /* this instance was */
    bool dead;      /* it died while it was being saved */
    bool barred;    /* its policy says that it must not start */
    bool again;     /* the next instance goes on with what this one had */
    bool resumed;   /* this instance goes on from what was saved */
    unsigned int gen;
    msec deadline; /* of its only timer; MACHINE_NEVER: it does not run */
    enum machine_outcome next;
    bool last_resort; /* nobody has answered when its timer runs out */
    enum machine_state
        hung_in; /* STUCK: the state that has no end; else, and if
                  * it just could not be removed: MACHINE_STOPPED */
    unsigned int destroy_tries;
    msec failures[MACHINE_FAILURES_MAX]; /* times, the oldest first */
    unsigned int n_failures;
    unsigned int restarts; /* instances that were started by ourselves after
                            * one had ended */
    msec since;            /* of the state */
    msec started;          /* when the creation of this instance began, or when
                            * a saved one was back */
    msec latency;          /* from there until ready; -1: not known */
    char reason[256];      /* of the state, for people; may be empty */
    char remark[256];      /* the same, of the instance, whatever its state */

    /* What its instance was made of, whatever the file says by now. */
    uint64_t stamp;
    struct strlist writes;

    struct machine_edge *edges;
    unsigned int n_edges;
};

struct machine {
    struct machine_domain *doms;
    unsigned int n;
    unsigned int max_creating; /* so many at a time */
    bool closing;
    bool held;
    msec now;
    struct machine_action *acts;
    size_t n_acts;
    size_t size_acts;
};

void machine_init(struct machine *m, unsigned int max_creating);
void machine_dispose(struct machine *m);

/* Adds a domain at rest; takes POLICY over. Returns its number, which stays
 * the same. machine_link must follow before time goes on. */
unsigned int machine_add(struct machine *m, struct policy *policy);
/* Replaces the policy of a domain (takes it over). It counts from the next
 * start or stop on. machine_link must follow. */
void machine_set_policy(struct machine *m, unsigned int dom,
                        struct policy *policy);
/* The configuration does not name it any more: it will not be started again,
 * and what runs of it goes on. machine_set_policy takes that back.
 * machine_link must follow. */
void machine_unlist(struct machine *m, unsigned int dom);
/* Gives the place of a domain free that is at rest, and that the configuration
 * does not name. Others are left as they are. machine_link must follow. */
void machine_forget(struct machine *m, unsigned int dom);
/* Works out the graph and which domains must not start (their policy's `bar`).
 * Names that are not there and circles must have been barred before; what runs
 * of a circle goes on, without the edge that closed it. */
void machine_link(struct machine *m, msec now);

/* Returns the number of a domain, or -1. */
int machine_find(const struct machine *m, const char *name);

/* Between these two, nothing follows from what happens: domains that are named
 * together are stopped and started in their order, not in that of the names,
 * and nothing is started before all that runs is known. */
void machine_hold(struct machine *m);
void machine_release(struct machine *m, msec now);

/* What the machine of a daemon that ended knew about a domain. */
struct machine_past {
    enum machine_state state;
    enum machine_outcome next;
    bool want;
    bool was_ready;
    bool resumed; /* the instance goes on from what was saved */
    unsigned int restarts;
    msec started;
    msec latency;
    msec failures[MACHINE_FAILURES_MAX];
    unsigned int n_failures;
    uint64_t stamp; /* 0: not known */
    struct strlist writes;
    char *reason; /* may be NULL */
};

/* Fills in *PAST_R, which machine_past_dispose frees. */
void machine_past_of(const struct machine *m, unsigned int dom,
                     struct machine_past *past_r);
void machine_past_dispose(struct machine_past *past);

/* What the hypervisor has of the instance that was ours. */
enum machine_found {
    MACHINE_FOUND_NOTHING,
    MACHINE_FOUND_RUNNING,
    MACHINE_FOUND_DEAD,   /* it has shut down; that will be reported, too */
    MACHINE_FOUND_BROKEN, /* it never ran, or is on its way out */
};

/* Adoption, before anything else happens to the domain: goes on where the
 * daemon before has ended. Nothing that was stopped or had failed for good is
 * started, and a stop that had begun is begun again.
 * machine_adopt_by_hand: an instance that is not ours; left alone until the
 * host stops. Both give the instance a number, which is returned. */
unsigned int machine_adopt(struct machine *m, unsigned int dom,
                           const struct machine_past *past,
                           enum machine_found found, msec now);
unsigned int machine_adopt_by_hand(struct machine *m, unsigned int dom,
                                   msec now);

/* What people and the boot ask for. They return NULL, or a static text that
 * says why it cannot be.
 * machine_start: also starts what it requires; forgets earlier failures.
 * machine_stop: also stops what requires it. The latter is started again when
 * it is; unless it is stopped, too. machine_restart: stops both and starts
 * both. */
const char *machine_start(struct machine *m, unsigned int dom, msec now);
const char *machine_stop(struct machine *m, unsigned int dom, msec now);
const char *machine_restart(struct machine *m, unsigned int dom, msec now);

/* Marks those that are to run after boot, with what they require, and lets
 * them go. ONLY: NULL for those whose policy says autostart, or else just
 * these names; one that there is not counts for nothing. */
void machine_autostart(struct machine *m, const struct strlist *only,
                       msec now);

/* The host goes down: everything stops, those that others depend on last, and
 * nothing starts any more. */
void machine_close(struct machine *m, msec now);
/* Whether nothing is left that could still be stopped. */
bool machine_is_down(const struct machine *m);
/* So long a way down that begins now takes at most. */
msec machine_down_limit(const struct machine *m);

/* Reports what happened to an instance. */
void machine_event(struct machine *m, unsigned int dom,
                   enum machine_event event,
                   const struct machine_result *result, msec now);

/* For MS, which are over, nothing could get on but DOM: the others are not
 * slow for that. */
void machine_stalled(struct machine *m, unsigned int dom, msec ms);

/* Time has passed: fires the timers that have run out. */
void machine_tick(struct machine *m, msec now);
/* When machine_tick has to be called next; MACHINE_NEVER: not at all. */
msec machine_deadline(const struct machine *m);

/* Takes one action out of the list; false if there is none. */
bool machine_take(struct machine *m, struct machine_action *action_r);

/* Why DOM must not write WRITES: one of these disks is another's. NULL if it
 * may; the caller frees it. */
char *machine_disk_taken(const struct machine *m, unsigned int dom,
                         const struct strlist *writes);
/* Whether its file has changed since the instance that it has was made. */
bool machine_is_stale(const struct machine_domain *d);
/* Whether the hypervisor has, or may have, something of the domain. */
bool machine_has_instance(enum machine_state state);
/* Whether the state lasts until somebody does something. */
bool machine_at_rest(enum machine_state state);
const char *machine_state_name(enum machine_state state);
const char *machine_outcome_name(enum machine_outcome outcome);
/* Return the state or outcome of that name, or -1. */
int machine_state_find(const char *name);
int machine_outcome_find(const char *name);

#endif
