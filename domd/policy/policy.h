/*
 * What the configuration says about one domain's life: the keys of
 * xenith-domain(5), and the few facts of xl.cfg(5) that concern more than one
 * domain. read.h fills it in from a file.
 */
#ifndef DOMD_POLICY_POLICY_H
#define DOMD_POLICY_POLICY_H

#include "base/util.h"

enum restart_mode {
    RESTART_NO,
    RESTART_ON_FAILURE,
    RESTART_ALWAYS,
};

enum stop_mode {
    STOP_SHUTDOWN,
    STOP_SAVE,
    STOP_DESTROY,
};

enum ready_kind {
    READY_CREATED,
    READY_FRONTENDS,
    READY_CONSOLE,  /* arg: regular expression */
    READY_XENSTORE, /* arg: path, value: what it must hold */
    READY_TCP,      /* port */
    READY_HTTP,     /* port, arg: path */
    READY_PING,
};

struct ready {
    enum ready_kind kind;
    int port;
    char *arg;
    char *value;
};

/* Something of the host that it cannot do without; preflight/ looks for it. */
enum want_kind {
    WANT_FILE,
    WANT_KERNEL, /* a file that Xen can load */
    WANT_QCOW2,  /* a disk image, whole, with those that it is based on */
    WANT_NEED,   /* a path of `needs`: without it the domain is skipped */
    WANT_SAVED,  /* save_to: nothing need be there, but it has to answer */
    WANT_BRIDGE,
    WANT_PCI,
};

struct want {
    enum want_kind kind;
    char *what; /* an absolute path, the bridge's name, the device's number */
    char *key;  /* that says so, */
    int line;   /* and where */
    bool written;    /* FILE, QCOW2: also stands in `writes` */
    bool by_default; /* BRIDGE: the file names none */
    bool seize;      /* PCI: it may be taken from a driver of dom0's */
};

struct policy {
    char *name;
    char *file;     /* NULL: somebody started it by hand */
    uint64_t stamp; /* of the file's text: another one, another text */

    bool autostart;
    struct strlist after;
    struct strlist requires;
    struct ready ready;
    msec start_timeout;
    msec stop_timeout;
    msec start_delay;
    enum restart_mode restart;
    msec restart_delay;
    msec restart_window;
    unsigned int restart_limit;
    enum stop_mode on_stop;
    char *save_to; /* directory; NULL if none was declared */
    int priority;
    struct strlist needs;
    char *address; /* of the guest, for probes; NULL: learn it */

    /* Facts of the domain file. */
    long memory_mb;
    struct strlist writes; /* disks that it writes; after the preflight, by
                            * their real path */
    char *uuid;            /* NULL: xl makes one up */
    struct want *wants;
    size_t n_wants;

    /* Why it must not start (owned), and whether that is a fact of the host
     * that it asked about (`needs`) rather than a mistake. */
    char *bar;
    bool bar_is_skip;
    /* Why it must not start for now (owned): a path that it wants does not
     * answer. That passes by itself. */
    char *hold;
};

/* A policy with all the defaults. NAME and FILE (which may be NULL) are
 * copied. The caller owns it. */
struct policy *policy_new(const char *name, const char *file);
void policy_free(struct policy *p);

/* Sets the reason for which it must not start, if there is none yet. */
void policy_bar(struct policy *p, bool skip, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Adds something that it wants, with all flags false. The strings are copied;
 * what is returned lasts until the next call. */
struct want *policy_want(struct policy *p, enum want_kind kind,
                         const char *what, const char *key, int line);

/* Parses the value of `ready`. Returns NULL, or what is wrong with it (a
 * static string); *ready_r is unchanged then. The caller disposes. */
const char *ready_parse(const char *text, struct ready *ready_r);
void ready_dispose(struct ready *ready);
/* The text that ready_parse understands; the caller frees it. */
char *ready_text(const struct ready *ready);

const char *restart_name(enum restart_mode mode);
const char *stop_name(enum stop_mode mode);

#endif
