/*
 * What the parts of the state machine have from each other, and nobody else
 * has from them:
 *
 *   machine.c  the table of states and events, and what calls it
 *   state.c   the names of states, how one is entered, the actions
 *   start.c   functions of the table: an instance comes up
 *   end.c     the same: it ends by itself, and what follows any end
 *   stop.c    the same: it is made to stop, and removed
 *   order.c   who goes first, and who is taken along
 *   config.c  the domains that there are, and their graph
 *   adopt.c   going on where the machine before has ended
 *   ask.c     what people, the boot and the host's way down ask for
 *
 * None of these can fail, and none keeps what it is given. M is the machine, D
 * one of its domains, in use (d->policy is there), and DOM the number of one.
 */
#ifndef DOMD_MACHINE_INTERNAL_H
#define DOMD_MACHINE_INTERNAL_H

#include "machine/machine.h"

/* ---- state.c ------------------------------------------------------------ */

/* Adds an action to the list, a copy of it. */
void machine_emit(struct machine *m, const struct machine_action *action);
/* The same, for WHAT needs no more than the domain and its instance. */
void machine_act_on(struct machine *m, struct machine_domain *d,
                    enum machine_act what);
/* Enters STATE. Its timer is stopped: one that is needed is set afterwards,
 * so that none of an earlier state can fire. The reason stays. */
void machine_enter(struct machine *m, struct machine_domain *d,
                   enum machine_state state);
/* Lets the timer of D run out after DELAY. */
void machine_set_timer(struct machine *m, struct machine_domain *d,
                       msec delay);
/* The same, for a timer that means that the hypervisor does not answer. */
void machine_set_last_resort(struct machine *m, struct machine_domain *d,
                             msec delay);
/* Says why D is in its state, in place of what was said before. What is too
 * long for it is cut off. */
void machine_set_reason(struct machine_domain *d, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Makes *TO, whose names are freed, a copy of *FROM. */
void machine_copy_names(struct strlist *to, const struct strlist *from);
/* The instance is what the file says now. */
void machine_take_facts(struct machine_domain *d);
/* The instance is what the file said when it was saved. */
void machine_take_saved_facts(struct machine_domain *d,
                              const struct strlist *writes);

/* ---- the functions of the table ----------------------------------------- */

/* What follows for D. RES is never NULL; it is empty for an event that is no
 * result (a wish, its turn, its timer). */
typedef void machine_handler(struct machine *m, struct machine_domain *d,
                             const struct machine_result *res);

/* start.c */
machine_handler machine_wait_turn;
machine_handler machine_give_up_start;
machine_handler machine_go;
machine_handler machine_delay_over;
machine_handler machine_backoff_over;
machine_handler machine_queued;
machine_handler machine_begun;
machine_handler machine_created;
machine_handler machine_create_failed;
machine_handler machine_create_left;
machine_handler machine_file_changed;
machine_handler machine_create_late;
machine_handler machine_create_abort;
machine_handler machine_aborted;
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
machine_handler machine_destroy_again;
machine_handler machine_gone;
machine_handler machine_stop_wait;
machine_handler machine_stop_now;
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

/* Notes a failure, and returns what follows it; the reason of the state says
 * why it failed. AGAIN: it is to come up again even if the policy does not
 * restart what failed. */
enum machine_outcome machine_after_failure(struct machine *m,
                                           struct machine_domain *d,
                                           bool again);
/* The instance is gone (or never was): d->next says what follows, unless
 * somebody has another wish. */
void machine_settle(struct machine *m, struct machine_domain *d);
/* Removes what the hypervisor has of D. FORCED: it did not go by itself. */
void machine_remove_it(struct machine *m, struct machine_domain *d,
                       bool forced);

/* ---- machine.c ---------------------------------------------------------- */

/* Calls what stands in the table for the state of D, if anything does. RES:
 * NULL for an event that is no result. */
void machine_fire(struct machine *m, struct machine_domain *d,
                  enum machine_event event, const struct machine_result *res);

/* ---- order.c ------------------------------------------------------------ */

/* Asks DOM to stop. d->want says whether it is to come up again afterwards. */
void machine_request_stop(struct machine *m, unsigned int dom);
/* Asks those to stop that require DOM, and those that require them. */
void machine_stop_dependents(struct machine *m, unsigned int dom);
/* A domain that must not start says why, and one that may has no such
 * reason any more. */
void machine_apply_bar(struct machine *m, struct machine_domain *d);
/* Lets everything follow from what has just happened; nothing, between
 * machine_hold and machine_release. */
void machine_run(struct machine *m);

#endif
