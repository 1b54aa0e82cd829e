/*
 * A libxl that does nothing by itself: it notes what it is asked for, and says
 * what the test wants it to say. So do xl, xenstore and the file system. What
 * there is in libxl_fake.c takes the place of the functions of that name in
 * libxenlight, libxenstore and libc, and in base/child.c and policy/host.c.
 *
 * There is one domain, DOMID, and perhaps ASIDE.
 */
#ifndef DOMD_TESTS_HV_XL_LIBXL_FAKE_H
#define DOMD_TESTS_HV_XL_LIBXL_FAKE_H

#include "tests/base/harness.h"

#include <libxl.h>
#include <libxl_event.h>
#include <libxl_utils.h>
#include <xenstore.h>

#include "base/child.h"
#include "tests/hv/xl/device_model.h"

#define DOMID 7
#define ASIDE 5
/* Of each that is made, and of ASIDE. */
#define UUID  "00000000-0000-0000-0000-000000000000"
#define OTHER "5c5c5c5c-0000-0000-0000-000000000000"

extern char asked[1024];  /* "create; unpause" */
extern uint64_t op;       /* the last operation */
extern int refuse;        /* what the next one returns */
extern unsigned build_ms; /* for which libxl is busy with a creation */
extern libxl_dominfo dom;
extern bool there;
extern libxl_dominfo aside; /* an instance that was renamed, */
extern bool has_aside;      /* if there is one */
extern libxl_sigchld_owner owner;
extern libxl_domain_config kept; /* its on_* actions are the instance's */
extern bool no_config;           /* nobody can read them */
extern int watches;              /* for its death */
extern bool armed;               /* none has told of it yet */
extern bool no_watches;          /* libxl has none left */
extern int store_events;         /* domains that come or go, */
void store_event(void);          /* as this one does */
extern long fs_type;
extern uint64_t fs_mb;      /* what a disk holds that has nothing on it */
extern char dump_to[256];   /* the file that xl was to write */
extern const char *request; /* that the guest has not read yet */
extern child_done *run_done;
extern void *run_user;
extern struct buf converted;   /* the domain file as xl reads it */
extern struct device_model dm; /* of the domain; pid 0: it has none */
extern pid_t dm_noted;         /* what libxl wrote of it */
extern bool dm_removed;        /* by libxl, with the domain */
extern int sync_error;         /* an errno value */

/* For each test: a domain that is about to be made, on a disk with room.
 * Returns 0, or -1 if there are no descriptors left. */
int libxl_fake_begin(void);
void libxl_fake_end(void);

/* Something happens to the domain. The event is libxl's to free; the caller
 * says what else there is in it. */
libxl_event *happens(libxl_event_type type);
void act_on_all(libxl_action_on_shutdown action);

#endif
