/*
 * What the kinds of probes have from each other, and nobody else has from
 * them:
 *
 *   probe.c     probes begin, look and end
 *   xenstore.c  frontends and keys in xenstore
 *   console.c   lines on the console
 *   address.c   which address a guest has, for:
 *   net.c       TCP, HTTP and ping
 *
 * None of these can fail: a probe that cannot look does not succeed.
 */
#ifndef DOMD_PROBE_INTERNAL_H
#define DOMD_PROBE_INTERNAL_H

#include "probe/probe.h"

#include <net/if.h>
#include <netinet/in.h>
#include <regex.h>
#include <sys/types.h>

/* So many of the addresses that a card has said are kept. */
#define CARD_SAID 8
/* What guests cause is looked at in turns of so much, and the rest of the loop
 * goes round in between: they must not be able to keep us busy. */
#define EVENTS_TURN  64
#define CONSOLE_TURN ((size_t)64 * 1024)

/* A network card of the guest, as dom0 has it. */
struct card {
    char interface[IFNAMSIZ];
    unsigned char mac[6];
    int fd; /* -1: it is not listened to */
    struct source *source;
    struct in_addr said[CARD_SAID]; /* the newest first; 0.0.0.0: none */
};

struct probe {
    struct probes *all;
    unsigned int dom;
    unsigned int gen;
    bool running;
    bool resumed; /* see probe.h */
    bool due;     /* something that it watches has changed */
    struct ready ready;
    char *name;
    uint32_t domid;
    struct timer *timer;

    /* xenstore */
    struct strlist watched;
    char token[32];

    /* console */
    regex_t regex;
    bool has_regex;
    off_t offset;
    ino_t inode;
    struct buf line;

    /* network */
    char *address; /* from the file */
    struct card *cards;
    size_t n_cards;
    int fd;
    struct source *source;
    bool connected;
    msec deadline;
    struct buf reply;
    uint16_t sequence;
};

struct probes {
    struct loop *loop;
    struct store *store;
    struct source *store_source;
    char *console_dir;
    probe_ready *cb;
    void *user;
    struct probe **v;
    unsigned int n;
    int inotify;
    struct source *inotify_source;
};

/* ---- probe.c ------------------------------------------------------------ */

/* Looks, now. Called by timers, watches and inotify; USER is a probe. */
void probe_attempt(void *user);
/* The instance is ready: ends the probe, and tells whoever asked. */
void probe_succeed(struct probe *p);
/* Ends an attempt over the network; the next one comes after a pause. */
void probe_again(struct probe *p);

/* ---- xenstore.c --------------------------------------------------------- */

/* There must be a store (p->all->store) for these three. They watch what they
 * read, so that a change of it causes the next attempt. */
bool probe_frontends_connected(struct probe *p);
bool probe_store_holds(struct probe *p);
/* A callback of the loop: what was watched has changed. USER: all probes. */
void probe_store_event(void *user, int fd, short revents);

/* ---- console.c ---------------------------------------------------------- */

/* The log of the console of domain NAME. The caller frees it. */
char *probe_log_path(const struct probes *all, const char *name);
/* Reads on in the log, and says whether a line of it is the one. */
bool probe_console_matches(struct probe *p);
/* A callback of the loop: some log has changed. USER: all probes. */
void probe_console_event(void *user, int fd, short revents);

/* ---- address.c ---------------------------------------------------------- */

/* Fills in the address of the guest, from its file or as it says itself; false
 * if it is not known. */
bool probe_find_address(struct probe *p, struct in_addr *ip_r);
/* Listens to the cards that are there, for the address; not if the file has
 * it. */
void probe_listen(struct probe *p);
void probe_listen_off(struct probe *p);

/* ---- net.c -------------------------------------------------------------- */

/* Begin an attempt, and end in probe_succeed or probe_again, later or at
 * once. */
void probe_try_tcp(struct probe *p, struct in_addr ip);
void probe_try_ping(struct probe *p, struct in_addr ip);

#endif
