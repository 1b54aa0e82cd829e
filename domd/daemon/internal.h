/*
 * Shared by the files of daemon/ only:
 *
 *   daemon.c   opening, closing, and the machine's actions
 *   reload.c   reading the domain files again
 *   adopt.c    adoption: of ours, and of those started by hand
 *   answers.c  requests on the control socket
 */
#ifndef DOMD_DAEMON_INTERNAL_H
#define DOMD_DAEMON_INTERNAL_H

#include "daemon/daemon.h"

#include "policy/config.h"
#include "hv/hv.h"
#include "base/loop.h"
#include "machine/machine.h"
#include "preflight/checks.h"
#include "probe/probe.h"
#include "control/server.h"

/* Data of a domain beside the state machine. */
struct extra {
    bool forced; /* the last destroy was forced */
    char uuid[HV_UUID_LEN];
    struct probe_mark mark; /* of the instance */
    uint64_t print;         /* of the files that it was created from */
};

struct daemon {
    struct daemon_options opts;
    struct loop *loop;
    struct hv *hv;
    struct store *store;
    struct probes *probes;
    struct checks *checks;
    struct server *server;
    struct consoles *consoles; /* NULL: no marks there */
    struct timer *tick;
    struct machine m;
    struct extra *extra;
    unsigned int n_extra;
    struct host host;
    struct config config; /* as last read */
    struct strlist enabled;
    struct strlist disabled;
    char *journal_path;
    int lock;
    bool booted;
    bool pumping;
    bool beginning; /* the journal is not all restored yet */
    bool forgetful; /* the journal exists, but is unreadable */
    bool dirty;     /* the journal is out of date */
    bool told_down;
};

/* ---- daemon.c ----------------------------------------------------------- */

/* Data of DOM. The pointer is valid until a call for another domain. */
struct extra *daemon_extra(struct daemon *d, unsigned int dom);
/* The reason of its state, and the remark, if any. The caller frees it. */
char *daemon_reason_of(const struct machine_domain *dom);
/* Runs all pending actions. Immediate results of the hypervisor add actions,
 * which the outer call runs, too. Call this after each event for the
 * machine. */
void daemon_pump(struct daemon *d);

/* ---- reload.c ----------------------------------------------------------- */

/* Reads the files again. SAY: also print problems on the console. */
void daemon_load(struct daemon *d, bool say);
/* Preflight callback: a hanging path answers again. USER is the daemon. */
void daemon_answered(void *user);

/* ---- adopt.c ------------------------------------------------------------ */

/* Resumes from the journal, and runs autostart at boot. Returns 0, or -1 with
 * the reason logged. */
int daemon_begin(struct daemon *d);
/* Hypervisor callback: looks for domains started by hand. USER is the
 * daemon. */
void daemon_list_changed(void *user);

/* ---- answers.c ---------------------------------------------------------- */

/* Server callback. USER is the daemon. */
void daemon_request(void *user, struct client *client,
                    const struct request *req, struct buf *out);

#endif
