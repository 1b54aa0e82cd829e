/*
 * Shared by the parts of the state machine, and private to them:
 *
 *   machine.c  the table of states and events, and its callers
 *   state.c    state names, state entry, the list of actions
 *   start.c    handlers: an instance starts
 *   end.c      handlers: an instance ends by itself; what follows any end
 *   stop.c     handlers: an instance is stopped and removed
 *   order.c    start and stop order, dependents
 *   config.c   the domains and their graph
 *   adopt.c    taking over from the previous machine
 *   ask.c      requests of users, of the boot and of the host shutdown
 *
 * None of these functions can fail, and none keeps its arguments. M is the
 * machine, D one of its domains, in use (d->policy is set), and DOM its
 * number.
 */
#ifndef DOMD_MACHINE_INTERNAL_H
#define DOMD_MACHINE_INTERNAL_H

#include "machine/machine.h"

/* ---- state.c ------------------------------------------------------------ */

/* Appends a copy of ACTION to the list. */
void machine_emit(struct machine *m, const struct machine_action *action);
/* Appends an action that needs no more than the domain and its instance. */
void machine_act_on(struct machine *m, struct machine_domain *d,
                    enum machine_act what);
/* Enters STATE and stops the timer, so that no timer of an earlier state can
 * fire: set the new timer afterwards. The reason stays. */
void machine_enter(struct machine *m, struct machine_domain *d,
                   enum machine_state state);
/* Sets the timer of D to expire after DELAY. */
void machine_set_timer(struct machine *m, struct machine_domain *d,
                       msec delay);
/* Sets a timer whose expiry means that the hypervisor does not answer. */
void machine_set_last_resort(struct machine *m, struct machine_domain *d,
                             msec delay);
/* Replaces the reason of the state of D, truncated to fit. */
void machine_set_reason(struct machine_domain *d, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Makes *TO, whose old names are freed, a copy of *FROM. */
void machine_copy_names(struct strlist *to, const struct strlist *from);
/* Records the stamp and disks of the current policy as those of the
 * instance. */
void machine_take_facts(struct machine_domain *d);
/* Records WRITES, the disks at the time of the save, as those of the
 * instance. */
void machine_take_saved_facts(struct machine_domain *d,
                              const struct strlist *writes);

/* ---- the functions of the table ----------------------------------------- */

/* Handles an event of D. RES is never NULL; it is empty for an event that is
 * not a result (a request, its turn, its timer). */
typedef void machine_handler(struct machine *m, struct machine_domain *d,
                             const struct machine_result *res);

/* start.c */
machine_handler machine_wait_turn;
machine_handler machine_give_up_start;
machine_handler machine_go;
machine_handler machine_go_ahead;
machine_handler machine_go_on;
machine_handler machine_delay_over;
machine_handler machine_built_delay_over;
machine_handler machine_backoff_over;
machine_handler machine_queued;
machine_handler machine_begun;
machine_handler machine_built;
machine_handler machine_created;
machine_handler machine_create_failed;
machine_handler machine_create_left;
machine_handler machine_file_changed;
machine_handler machine_create_late;
machine_handler machine_create_abort;
machine_handler machine_aborted;
machine_handler machine_changed_too_late;
machine_handler machine_left_too_late;
machine_handler machine_created_too_late;
machine_handler machine_ready;
machine_handler machine_late;

/* end.c */
machine_handler machine_dm_says;
machine_handler machine_dm_ended;
machine_handler machine_reset;
machine_handler machine_died;
machine_handler machine_died_gone;

/* stop.c */
machine_handler machine_destroy_failed;
machine_handler machine_gone;
machine_handler machine_stop_wait;
machine_handler machine_stop_now;
machine_handler machine_stop_built;
machine_handler machine_force;
machine_handler machine_shutdown_failed;
machine_handler machine_died_stopping;
machine_handler machine_saved;
machine_handler machine_save_failed;
machine_handler machine_save_late;
machine_handler machine_died_saving;
machine_handler machine_gone_by_itself;
machine_handler machine_remove_kept;
machine_handler machine_hang;
machine_handler machine_destroy_late;
machine_handler machine_stuck_gone;
machine_handler machine_stuck_died;

/* ---- end.c, stop.c ------------------------------------------------------ */

/* Records a failure, and returns the outcome; set the reason before. AGAIN:
 * restart even if the policy does not restart after failures. */
enum machine_outcome machine_after_failure(struct machine *m,
                                           struct machine_domain *d,
                                           bool again);
/* The instance is gone (or never was): enters the next state by d->next,
 * unless a request says otherwise. */
void machine_settle(struct machine *m, struct machine_domain *d);
/* Removes the instance of D. FORCED: the guest did not shut down by itself. */
void machine_remove_it(struct machine *m, struct machine_domain *d,
                       bool forced);

/* Removes an instance that was created ahead and has not run. It waits for its
 * turn again, which is no failure and no restart. */
void machine_build_anew(struct machine *m, struct machine_domain *d);

/* ---- machine.c ---------------------------------------------------------- */

/* Calls the handler for EVENT in the state of D, if any. RES: NULL for an
 * event that is not a result. */
void machine_fire(struct machine *m, struct machine_domain *d,
                  enum machine_event event, const struct machine_result *res);

/* ---- order.c ------------------------------------------------------------ */

/* Requests a stop of DOM. d->want says whether it restarts afterwards. */
void machine_request_stop(struct machine *m, unsigned int dom);
/* Requests a stop of all that require DOM, directly or indirectly. */
void machine_stop_dependents(struct machine *m, unsigned int dom);
/* Enters the state of a barred domain, with its reason, or leaves that state
 * if the bar is gone. */
void machine_apply_bar(struct machine *m, struct machine_domain *d);
/* Runs all transitions that follow from the last event; nothing between
 * machine_hold and machine_release. */
void machine_run(struct machine *m);

#endif
