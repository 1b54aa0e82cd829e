/*
 * The policy for one domain's life: the keys of xenith-domain(5), and the few
 * facts of xl.cfg(5) that concern more than one domain. read.h fills it in
 * from a file.
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
    READY_XENSTORE, /* arg: path, value: expected content */
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

/* A requirement on the host; preflight/ checks it. */
enum want_kind {
    WANT_FILE,
    WANT_KERNEL,     /* a file that libxl can boot */
    WANT_HVM_KERNEL, /* a file that QEMU can boot */
    WANT_QCOW2,      /* a disk image and its backing files */
    WANT_NEED,       /* a path of `needs`: if missing, the domain is skipped */
    WANT_SAVED,      /* save_to: may be missing, but must answer */
    WANT_BRIDGE,
    WANT_PCI,
};

struct want {
    enum want_kind kind;
    char *what; /* an absolute path, the bridge's name, the device's number */
    char *key;  /* the key that names it, and */
    int line;   /* its line */
    bool written;    /* FILE, QCOW2: also in `writes` */
    bool by_default; /* BRIDGE: the file names none */
    bool seize;      /* may be unbound from its dom0 driver */
};

struct policy {
    char *name;
    char *file;     /* NULL: started by hand */
    uint64_t stamp; /* hash of the file's text */

    bool autostart;
    struct strlist after;
    struct strlist requires;
    struct ready ready;
    msec start_timeout;
    msec stop_timeout;
    msec start_delay;
    bool prebuild; /* created while its dependencies boot */
    enum restart_mode restart;
    msec restart_delay;
    msec restart_window;
    unsigned int restart_limit;
    enum stop_mode on_stop;
    char *save_to; /* directory; NULL if none was declared */
    int priority;
    struct strlist needs;
    char *address; /* of the guest, for probes; NULL: detected */

    /* Facts of the domain file. */
    long memory_mb;
    struct strlist writes; /* writable disks; after the preflight, by their
                            * real path */
    char *uuid;            /* NULL: xl generates one */
    struct want *wants;
    size_t n_wants;

    /* Why it must not start (owned), and whether the reason is a missing
     * feature of the host (`needs`) rather than an error. */
    char *bar;
    bool bar_is_skip;
    /* Why it cannot start for now (owned): a path that it wants does not
     * answer. The hold clears without user action. */
    char *hold;
};

/* A policy with all defaults. NAME and FILE (may be NULL) are copied. The
 * caller owns the result. */
struct policy *policy_new(const char *name, const char *file);
void policy_free(struct policy *p);

/* Bars the policy, unless it is barred already. */
void policy_bar(struct policy *p, bool skip, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Adds a want, with all flags false. The strings are copied; the result is
 * valid until the next call. */
struct want *policy_want(struct policy *p, enum want_kind kind,
                         const char *what, const char *key, int line);

/* Parses the value of `ready`. Returns NULL, or a static error text; *ready_r
 * is then unchanged. The caller disposes. */
const char *ready_parse(const char *text, struct ready *ready_r);
void ready_dispose(struct ready *ready);
/* The text that ready_parse accepts; the caller frees it. */
char *ready_text(const struct ready *ready);

const char *restart_name(enum restart_mode mode);
const char *stop_name(enum stop_mode mode);

#endif
