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
void mi_act(struct machine *m, const struct mc_action *action);
/* The same, for WHAT needs no more than the domain and its instance. */
void mi_act_on(struct machine *m, struct mc_domain *d, enum mc_act what);
/* Enters STATE. Its timer is stopped: one that is needed is set afterwards,
 * so that none of an earlier state can fire. The reason stays. */
void mi_enter(struct machine *m, struct mc_domain *d, enum mc_state state);
/* Lets the timer of D run out after DELAY. */
void mi_set_timer(struct machine *m, struct mc_domain *d, msec delay);
/* The same, for a timer that means that the hypervisor does not answer. */
void mi_set_last_resort(struct machine *m, struct mc_domain *d, msec delay);
/* Says why D is in its state, in place of what was said before. What is too
 * long for it is cut off. */
void mi_set_reason(struct mc_domain *d, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Makes *TO, whose names are freed, a copy of *FROM. */
void mi_copy_names(struct strlist *to, const struct strlist *from);
/* The instance is what the file says now. */
void mi_take_facts(struct mc_domain *d);
/* The instance is what the file said when it was saved. */
void mi_take_saved_facts(struct mc_domain *d, const struct strlist *writes);

/* ---- the functions of the table ----------------------------------------- */

/* What follows for D. RES is never NULL; it is empty for an event that is no
 * result (a wish, its turn, its timer). */
typedef void mi_handler(struct machine *m, struct mc_domain *d,
                        const struct mc_result *res);

/* start.c */
mi_handler mi_wait_turn;
mi_handler mi_give_up_start;
mi_handler mi_go;
mi_handler mi_delay_over;
mi_handler mi_backoff_over;
mi_handler mi_queued;
mi_handler mi_begun;
mi_handler mi_created;
mi_handler mi_create_failed;
mi_handler mi_create_left;
mi_handler mi_file_changed;
mi_handler mi_create_late;
mi_handler mi_create_abort;
mi_handler mi_aborted;
mi_handler mi_left_too_late;
mi_handler mi_created_too_late;
mi_handler mi_ready;
mi_handler mi_late;

/* end.c */
mi_handler mi_dm_says;
mi_handler mi_dm_ended;
mi_handler mi_reset;
mi_handler mi_died;
mi_handler mi_died_gone;

/* stop.c */
mi_handler mi_destroy_failed;
mi_handler mi_destroy_again;
mi_handler mi_gone;
mi_handler mi_stop_wait;
mi_handler mi_stop_now;
mi_handler mi_force;
mi_handler mi_shutdown_failed;
mi_handler mi_died_stopping;
mi_handler mi_saved;
mi_handler mi_save_failed;
mi_handler mi_save_late;
mi_handler mi_died_saving;
mi_handler mi_gone_by_itself;
mi_handler mi_remove_kept;
mi_handler mi_hang;
mi_handler mi_destroy_late;
mi_handler mi_stuck_gone;
mi_handler mi_stuck_died;

/* ---- end.c, stop.c ------------------------------------------------------ */

/* Notes a failure, and returns what follows it; the reason of the state says
 * why it failed. AGAIN: it is to come up again even if the policy does not
 * restart what failed. */
enum mc_outcome mi_after_failure(struct machine *m, struct mc_domain *d,
                                 bool again);
/* The instance is gone (or never was): d->next says what follows, unless
 * somebody has another wish. */
void mi_settle(struct machine *m, struct mc_domain *d);
/* Removes what the hypervisor has of D. FORCED: it did not go by itself. */
void mi_remove_it(struct machine *m, struct mc_domain *d, bool forced);

/* ---- machine.c ---------------------------------------------------------- */

/* Calls what stands in the table for the state of D, if anything does. RES:
 * NULL for an event that is no result. */
void mi_fire(struct machine *m, struct mc_domain *d, enum mc_event event,
             const struct mc_result *res);

/* ---- order.c ------------------------------------------------------------ */

/* Asks DOM to stop. d->want says whether it is to come up again afterwards. */
void mi_request_stop(struct machine *m, unsigned int dom);
/* Asks those to stop that require DOM, and those that require them. */
void mi_stop_dependents(struct machine *m, unsigned int dom);
/* A domain that must not start says why, and one that may has no such
 * reason any more. */
void mi_apply_bar(struct machine *m, struct mc_domain *d);
/* Lets everything follow from what has just happened; nothing, between mc_hold
 * and mc_release. */
void mi_run(struct machine *m);

#endif
