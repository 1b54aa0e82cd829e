/*
 * A libxl that only records requests, and answers as the test says. So do xl,
 * xenstore and the file system. libxl_fake.c replaces the functions of those
 * names in libxenlight, libxenstore and libc, and in base/child.c and
 * policy/host.c.
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
/* UUID of each new domain, and of ASIDE. */
#define UUID  "00000000-0000-0000-0000-000000000000"
#define OTHER "5c5c5c5c-0000-0000-0000-000000000000"

extern char asked[1024];  /* "create; unpause" */
extern uint64_t op;       /* the last operation */
extern int refuse;        /* the next one's result */
extern unsigned build_ms; /* how long a creation blocks */
extern libxl_dominfo dom;
extern bool there;
extern libxl_dominfo aside; /* an instance that was renamed, */
extern bool has_aside;      /* if there is one */
extern libxl_sigchld_owner owner;
extern libxl_domain_config kept; /* its on_* actions are the instance's */
extern bool no_config;           /* it cannot be read */
extern int reads;                /* how often it was read */
extern bool has_cd;              /* it has a CD drive, hdc, */
extern int eject_watches;        /* and requests for its ejects */
extern int watches;              /* requests for its death */
extern bool armed;               /* its death is unreported */
extern bool no_watches;          /* libxl refuses them */
extern int store_events;         /* domains that come or go, */
void store_event(void);          /* as this one does */
extern long fs_type;
extern uint64_t fs_mb;      /* capacity of a disk */
extern char dump_to[256];   /* the output file of xl */
extern const char *request; /* unread by the guest */
extern child_done *run_done;
extern void *run_user;
extern struct buf converted;   /* the domain file as xl reads it */
extern struct device_model dm; /* of the domain; pid 0: it has none */
extern pid_t dm_noted;         /* as libxl recorded it */
extern bool dm_removed;        /* by libxl, with the domain */
extern int sync_error;         /* an errno value */

/* Sets up each test: a domain to create, on a disk with room. Returns 0, or -1
 * if there are no descriptors left. */
int libxl_fake_begin(void);
void libxl_fake_end(void);

/* Queues an event of the domain. libxl frees it; the caller fills in the
 * rest. */
libxl_event *happens(libxl_event_type type);
void act_on_all(libxl_action_on_shutdown action);

#endif
