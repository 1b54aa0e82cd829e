/*
 * Shared by the files of probe/ only:
 *
 *   probe.c     start, attempt and end of a probe
 *   xenstore.c  frontends and keys in xenstore
 *   console.c   lines on the console
 *   address.c   the address of a guest, for:
 *   net.c       TCP, HTTP and ping
 *
 * None of these returns an error: a probe that cannot look does not succeed.
 */
#ifndef DOMD_PROBE_INTERNAL_H
#define DOMD_PROBE_INTERNAL_H

#include "probe/probe.h"

#include <net/if.h>
#include <netinet/in.h>
#include <regex.h>
#include <sys/types.h>

/* How many addresses per card are kept. */
#define CARD_SAID 8
/* Guests must not keep us busy: their events are handled in turns of this
 * size, between which the rest of the loop runs. */
#define EVENTS_TURN  64
#define CONSOLE_TURN ((size_t)64 * 1024)

/* A network card of the guest, seen from dom0. */
struct card {
    char interface[IFNAMSIZ];
    unsigned char mac[6];
    int fd; /* -1: not listening */
    struct source *source;
    struct in_addr said[CARD_SAID]; /* the newest first; 0.0.0.0: none */
};

struct probe {
    struct probes *all;
    unsigned int dom;
    unsigned int gen;
    bool running;
    bool resumed; /* see probe.h */
    bool due;     /* a watched key has changed */
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

/* Attempts the probe now. Callback of timers, watches and inotify; USER is a
 * probe. */
void probe_attempt(void *user);
/* Ends the probe with success, and calls its callback. */
void probe_succeed(struct probe *p);
/* Ends a network attempt; the next one follows after a pause. */
void probe_again(struct probe *p);

/* ---- xenstore.c --------------------------------------------------------- */

/* These need a store (p->all->store). The first two watch what they read, so
 * that a change triggers the next attempt. */
bool probe_frontends_connected(struct probe *p);
bool probe_store_holds(struct probe *p);
/* Loop callback: a watched key has changed. USER: all probes. */
void probe_store_event(void *user, int fd, short revents);

/* ---- console.c ---------------------------------------------------------- */

/* Path of the console log of domain NAME. The caller frees it. */
char *probe_log_path(const struct probes *all, const char *name);
/* Reads new console output. Returns whether a line matches. */
bool probe_console_matches(struct probe *p);
/* Loop callback: a log has changed. USER: all probes. */
void probe_console_event(void *user, int fd, short revents);

/* ---- address.c ---------------------------------------------------------- */

/* Gets the guest's address, from its file or from its ARP; false if it is
 * unknown. */
bool probe_find_address(struct probe *p, struct in_addr *ip_r);
/* Stops listening for the address. */
void probe_listen_off(struct probe *p);

/* ---- net.c -------------------------------------------------------------- */

/* Begin an attempt, which ends in probe_succeed or probe_again, perhaps at
 * once. */
void probe_try_tcp(struct probe *p, struct in_addr ip);
void probe_try_ping(struct probe *p, struct in_addr ip);

#endif
