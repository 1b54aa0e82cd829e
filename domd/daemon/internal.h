/*
 * What the parts of the daemon have from each other, and nobody else has from
 * them:
 *
 *   daemon.c   opening and closing, and doing what the machine says
 *   reload.c   reading the domain files again
 *   adopt.c    what runs already: ours, and what was started by hand
 *   answers.c  what the control socket answers
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

/* What we know about a domain beside the state machine. */
struct extra {
    bool forced; /* the last destroy was not asked for nicely */
    char uuid[HV_UUID_LEN];
    struct probe_mark mark; /* of the instance */
};

struct daemon {
    struct daemon_options opts;
    struct loop *loop;
    struct hv *hv;
    struct store *store;
    struct probes *probes;
    struct checks *checks;
    struct server *server;
    struct consoles *consoles; /* NULL: they get no marks */
    struct timer *tick;
    struct machine m;
    struct extra *extra;
    unsigned int n_extra;
    struct host host;
    struct config config; /* as it was read last */
    struct strlist enabled;
    struct strlist disabled;
    char *journal_path;
    int lock;
    bool booted;
    bool pumping;
    bool beginning; /* what the journal says is not all restored yet */
    bool forgetful; /* there is a journal, and it cannot be read */
    bool dirty;     /* the journal has to be written */
    bool told_down;
};

/* ---- daemon.c ----------------------------------------------------------- */

/* What we know about DOM; a call about another may move it. */
struct extra *daemon_extra(struct daemon *d, unsigned int dom);
/* The reason of its state, and what there is to remark besides. The caller
 * frees it. */
char *daemon_reason_of(const struct machine_domain *dom);
/* Carries out all that is to be done. What the hypervisor answers at once
 * adds to the list; the outer call goes on with it. Whatever tells the machine
 * something calls this afterwards. */
void daemon_pump(struct daemon *d);

/* ---- reload.c ----------------------------------------------------------- */

/* Reads the files again. SAY: also tells the console of mistakes. */
void daemon_load(struct daemon *d, bool say);
/* A callback of the preflight, with the daemon as its USER: a path that did
 * not answer does so now. */
void daemon_answered(void *user);

/* ---- adopt.c ------------------------------------------------------------ */

/* Goes on where the daemon before us has ended, and starts what is to run at
 * boot. Returns 0, or -1 after having said why. */
int daemon_begin(struct daemon *d);
/* A callback of the hypervisor, with the daemon as its USER: looks for what
 * was started by hand. */
void daemon_list_changed(void *user);

/* ---- answers.c ---------------------------------------------------------- */

/* The callback of the server, with the daemon as its USER. */
void daemon_request(void *user, struct client *client,
                    const struct request *req, struct buf *out);

#endif
