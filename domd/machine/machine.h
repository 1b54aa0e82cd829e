/*
 * The life of all domains, as a table of states and events.
 *
 * Nothing in here makes a system call, reads a clock or knows what a
 * hypervisor is. The time is passed in; what happened is reported by the
 * mc_ev functions; what is to be done comes out as a list of actions. That is
 * why every ordering, failure and race can be tried in milliseconds
 * (tests/machine/). internal.h says which file holds what.
 *
 * docs/domd.md has the states and how they follow each other.
 */
#ifndef DOMD_MACHINE_MACHINE_H
#define DOMD_MACHINE_MACHINE_H

#include "policy/policy.h"

#define MC_NEVER INT64_MAX
/* More restarts than this in one window are never allowed. */
#define MC_FAILURES_MAX 32
/* One that ends by itself so soon after it was ready is in a loop. Even a
 * guest that counts as up early in its boot is up by then. */
#define MC_BRIEF ((msec)60 * 1000)
/* Back-off doubles up to this. */
#define MC_BACKOFF_MAX ((msec)60 * 1000)
/* A destroy that failed is tried again after this, so many times. */
#define MC_DESTROY_RETRY ((msec)5 * 1000)
#define MC_DESTROY_TRIES 5
/* The last resort where the hypervisor owes an answer: a disk or a share that
 * is gone holds its helpers for as long as it likes. They are far beyond what
 * libxl itself allows for any step; a removal may include a core dump. */
#define MC_ABORT_LIMIT   ((msec)120 * 1000)
#define MC_DESTROY_LIMIT ((msec)600 * 1000)

enum mc_state {
    MC_STOPPED,   /* not running, and not wanted */
    MC_WAITING,   /* wanted; dependencies or a free place are awaited */
    MC_BLOCKED,   /* wanted; a requirement cannot come up, or a disk is busy */
    MC_DELAY,     /* dependencies are ready; start_delay runs */
    MC_CREATING,  /* the hypervisor builds it */
    MC_ABORTING,  /* its creation was called off; the result is awaited */
    MC_BOOTING,   /* runs, and is not ready yet */
    MC_READY,     /* runs, and counts as up */
    MC_LATE,      /* runs, and was not ready within start_timeout */
    MC_STOP_WAIT, /* will stop after those that depend on it */
    MC_SHUTDOWN,  /* was asked to shut down */
    MC_SAVING,    /* is being saved */
    MC_DESTROYING, /* what is left of it is being removed */
    MC_BACKOFF,    /* ended badly; will be started again */
    MC_FAILED,     /* ended badly, and stays so until somebody starts it */
    MC_HELD,       /* failed too often within the window */
    MC_SKIPPED,    /* needs something that this host does not have */
    MC_KEPT,       /* dead, and kept for inspection (on_crash=preserve) */
    MC_STUCK,      /* could not be removed, or what is done with it hangs */
    MC_BY_HAND,    /* somebody started it without us */
    MC_STATES
};

enum mc_event {
    MC_EV_START,
    MC_EV_STOP,
    MC_EV_GO,     /* from within: it is its turn */
    MC_EV_TIMER,  /* from within: its timer has run out */
    MC_EV_QUEUED, /* waits until the hypervisor has done with others */
    MC_EV_BEGUN,  /* it is built, or what was saved of it is read, from now */
    MC_EV_CREATED,
    MC_EV_CREATE_FAILED,
    MC_EV_CREATE_LEFT,  /* it failed, and what there is of it does not go */
    MC_EV_FILE_CHANGED, /* not begun: the file is not the one that was read */
    MC_EV_READY,
    MC_EV_RESET, /* it is reset at its own request, unless that is too often */
    MC_EV_DIED,  /* shut down for one reason or another; still there */
    MC_EV_GONE,  /* the hypervisor does not have it any more */
    MC_EV_DESTROY_FAILED,
    MC_EV_SHUTDOWN_FAILED, /* it cannot be asked */
    MC_EV_SAVED,
    MC_EV_SAVE_FAILED,
    MC_EV_DM_SAYS,  /* its device model complains of something, and goes on */
    MC_EV_DM_ENDED, /* its device model has; it goes on, as well as it can */
    MC_EVENTS
};

/* Why a domain died. */
enum mc_death {
    MC_POWEROFF,
    MC_REBOOT,
    MC_CRASH,
    MC_VANISHED, /* destroyed by somebody else */
};

/* What a result of the hypervisor says. `gen` is the number of the instance,
 * as the action had it; results about an earlier instance are ignored. */
struct mc_result {
    unsigned int gen;
    enum mc_death death; /* MC_EV_DIED, MC_EV_GONE */
    bool again;   /* MC_EV_DIED: on_poweroff or on_reboot says restart */
    bool keep;    /* MC_EV_DIED: on_... says preserve */
    bool resumed; /* MC_EV_BEGUN: from what was saved; */
    const struct strlist *writes; /* and the disks that it writes, then */
    const char *why; /* failures, MC_EV_DM_...; NULL if nobody knows */
};

enum mc_act {
    MC_ACT_CREATE,
    MC_ACT_ABORT, /* call off what is being done (create, save) */
    MC_ACT_SHUTDOWN,
    MC_ACT_SAVE,
    MC_ACT_DESTROY,
    MC_ACT_CHANGED, /* nothing to do: the state is now another one */
    MC_ACT_REMARK,  /* nothing to do: there is a remark */
};

struct mc_action {
    enum mc_act act;
    unsigned int dom;
    unsigned int gen;
    bool forced;          /* DESTROY: it did not go by itself */
    bool fresh;           /* CREATE: from the file, not from what it had */
    enum mc_state before; /* CHANGED */
    enum mc_state after;
};

/* What happens once an instance is gone. */
enum mc_outcome {
    MC_NEXT_STOPPED,
    MC_NEXT_AGAIN,
    MC_NEXT_BACKOFF,
    MC_NEXT_FAILED,
    MC_NEXT_HELD,
};
#define MC_OUTCOMES (MC_NEXT_HELD + 1)

/* An edge of the graph, to what must be up before. */
struct mc_edge {
    unsigned int dom;
    bool requires;
};

struct mc_domain {
    struct policy *policy; /* owned; NULL: this place is free */
    enum mc_state state;
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
    msec deadline; /* of its only timer; MC_NEVER: it does not run */
    enum mc_outcome next;
    bool last_resort;      /* nobody has answered when its timer runs out */
    enum mc_state hung_in; /* STUCK: the state that has no end; else, and if
                            * it just could not be removed: MC_STOPPED */
    unsigned int destroy_tries;
    msec failures[MC_FAILURES_MAX]; /* times, the oldest first */
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

    struct mc_edge *edges;
    unsigned int n_edges;
};

struct machine {
    struct mc_domain *doms;
    unsigned int n;
    unsigned int max_creating; /* so many at a time */
    bool closing;
    bool held;
    msec now;
    struct mc_action *acts;
    size_t n_acts;
    size_t size_acts;
};

void mc_init(struct machine *m, unsigned int max_creating);
void mc_dispose(struct machine *m);

/* Adds a domain at rest; takes POLICY over. Returns its number, which stays
 * the same. mc_link must follow before time goes on. */
unsigned int mc_add(struct machine *m, struct policy *policy);
/* Replaces the policy of a domain (takes it over). It counts from the next
 * start or stop on. mc_link must follow. */
void mc_set_policy(struct machine *m, unsigned int dom, struct policy *policy);
/* The configuration does not name it any more: it will not be started again,
 * and what runs of it goes on. mc_set_policy takes that back. mc_link must
 * follow. */
void mc_unlist(struct machine *m, unsigned int dom);
/* Gives the place of a domain free that is at rest, and that the configuration
 * does not name. Others are left as they are. mc_link must follow. */
void mc_forget(struct machine *m, unsigned int dom);
/* Works out the graph and which domains must not start (their policy's `bar`).
 * Names that are not there and circles must have been barred before; what runs
 * of a circle goes on, without the edge that closed it. */
void mc_link(struct machine *m, msec now);

/* Returns the number of a domain, or -1. */
int mc_find(const struct machine *m, const char *name);

/* Between these two, nothing follows from what happens: domains that are named
 * together are stopped and started in their order, not in that of the names,
 * and nothing is started before all that runs is known. */
void mc_hold(struct machine *m);
void mc_release(struct machine *m, msec now);

/* What the machine of a daemon that ended knew about a domain. */
struct mc_past {
    enum mc_state state;
    enum mc_outcome next;
    bool want;
    bool was_ready;
    bool resumed; /* the instance goes on from what was saved */
    unsigned int restarts;
    msec started;
    msec latency;
    msec failures[MC_FAILURES_MAX];
    unsigned int n_failures;
    uint64_t stamp; /* 0: not known */
    struct strlist writes;
    char *reason; /* may be NULL */
};

/* Fills in *PAST_R, which mc_past_dispose frees. */
void mc_past_of(const struct machine *m, unsigned int dom,
                struct mc_past *past_r);
void mc_past_dispose(struct mc_past *past);

/* What the hypervisor has of the instance that was ours. */
enum mc_found {
    MC_FOUND_NOTHING,
    MC_FOUND_RUNNING,
    MC_FOUND_DEAD,   /* it has shut down; that will be reported, too */
    MC_FOUND_BROKEN, /* it never ran, or is on its way out */
};

/* Adoption, before anything else happens to the domain: goes on where the
 * daemon before has ended. Nothing that was stopped or had failed for good is
 * started, and a stop that had begun is begun again.
 * mc_adopt_by_hand: an instance that is not ours; left alone until the host
 *   stops.
 * Both give the instance a number, which is returned. */
unsigned int mc_adopt(struct machine *m, unsigned int dom,
                      const struct mc_past *past, enum mc_found found,
                      msec now);
unsigned int mc_adopt_by_hand(struct machine *m, unsigned int dom, msec now);

/* What people and the boot ask for. They return NULL, or a static text that
 * says why it cannot be.
 * mc_start: also starts what it requires; forgets earlier failures.
 * mc_stop: also stops what requires it. The latter is started again when it
 *   is; unless it is stopped, too.
 * mc_restart: stops both and starts both. */
const char *mc_start(struct machine *m, unsigned int dom, msec now);
const char *mc_stop(struct machine *m, unsigned int dom, msec now);
const char *mc_restart(struct machine *m, unsigned int dom, msec now);

/* Marks those that are to run after boot, with what they require, and lets
 * them go. ONLY: NULL for those whose policy says autostart, or else just
 * these names; one that there is not counts for nothing. */
void mc_autostart(struct machine *m, const struct strlist *only, msec now);

/* The host goes down: everything stops, those that others depend on last, and
 * nothing starts any more. */
void mc_close(struct machine *m, msec now);
/* Whether nothing is left that could still be stopped. */
bool mc_is_down(const struct machine *m);
/* So long a way down that begins now takes at most. */
msec mc_down_limit(const struct machine *m);

/* Reports what happened to an instance. */
void mc_event(struct machine *m, unsigned int dom, enum mc_event event,
              const struct mc_result *result, msec now);

/* For MS, which are over, nothing could get on but DOM: the others are not
 * slow for that. */
void mc_stalled(struct machine *m, unsigned int dom, msec ms);

/* Time has passed: fires the timers that have run out. */
void mc_tick(struct machine *m, msec now);
/* When mc_tick has to be called next; MC_NEVER: not at all. */
msec mc_deadline(const struct machine *m);

/* Takes one action out of the list; false if there is none. */
bool mc_take(struct machine *m, struct mc_action *action_r);

/* Why DOM must not write WRITES: one of these disks is another's. NULL if it
 * may; the caller frees it. */
char *mc_disk_taken(const struct machine *m, unsigned int dom,
                    const struct strlist *writes);
/* Whether its file has changed since the instance that it has was made. */
bool mc_is_stale(const struct mc_domain *d);
/* Whether the hypervisor has, or may have, something of the domain. */
bool mc_has_instance(enum mc_state state);
/* Whether the state lasts until somebody does something. */
bool mc_at_rest(enum mc_state state);
const char *mc_state_name(enum mc_state state);
const char *mc_outcome_name(enum mc_outcome outcome);
/* Return the state or outcome of that name, or -1. */
int mc_state_find(const char *name);
int mc_outcome_find(const char *name);

#endif
