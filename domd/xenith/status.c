/* Shows domd's state, events and metrics. */
#include "xenith/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/client.h"
#include "xenith/show.h"
#include "xenith/slots.h"

/* Adds what the last update of the host leaves to say. */
static void add_note(struct buf *out)
{
    struct slots slots;

    slots_read(&slots, "");
    slots_note(&slots, out);
    slots_dispose(&slots);
}

/* Reads a file that a service of the host keeps beside domd's socket. Returns
 * whether there is one. */
static bool read_beside(const struct options *o, const char *name,
                        struct buf *text)
{
    const char *slash = strrchr(o->socket, '/');
    char *path = xasprintf("%.*s%s", slash ? (int)(slash + 1 - o->socket) : 0,
                           o->socket, name);
    bool found = !read_file(path, 4096, text);

    free(path);
    return found;
}

/* The watchdog's service says what is armed. */
static void add_watchdog(const struct options *o, struct buf *out)
{
    struct buf state = {0};

    if (read_beside(o, "watchdog", &state) && state.len)
        buf_addf(out, "\nwatchdog: %s", state.s);
    buf_dispose(&state);
}

/* The service `mirror` keeps what it has reported: an empty line if both disks
 * are in use. A host that is not mirrored has no such file. */
static void add_mirror_metric(const struct options *o, struct buf *out)
{
    struct buf reported = {0};

    if (read_beside(o, "degraded", &reported))
        buf_addf(out,
                 "# HELP xenith_host_mirror_degraded Whether the mirror lacks "
                 "a disk.\n# TYPE xenith_host_mirror_degraded gauge\n"
                 "xenith_host_mirror_degraded %d\n",
                 reported.len > 1);
    buf_dispose(&reported);
}

/* Options of Xen and Linux that differ from host.conf's. */
static void add_pending(struct buf *out)
{
    struct buf text = {0};
    struct buf err = {0};

    (void)xenith_script("boot-pending", &text, &err);
    if (text.len) buf_addf(out, "\n%s", text.s);
    buf_dispose(&err);
    buf_dispose(&text);
}

/* Adds why a host that is mirrored on two disks has only one. Returns whether
 * it has. */
static bool add_degraded(struct buf *out)
{
    struct buf text = {0};
    struct buf err = {0};
    bool degraded;

    (void)xenith_script("degraded", &text, &err);
    degraded = text.len;
    if (degraded) buf_addf(out, "\nThe mirror is degraded: %s", text.s);
    buf_dispose(&err);
    buf_dispose(&text);
    return degraded;
}

static int print_status(struct conn *c, const struct options *o,
                        char *const *names)
{
    struct buf out = {0};
    struct buf mirror = {0};
    yajl_val answer = conn_ask(c, "status", names);
    bool degraded;

    if (!answer) return EXIT_WRONG;
    degraded = add_degraded(&mirror);
    if (o->json)
        buf_addf(&out, "%s\n", conn_text(c));
    else
        show_status(answer, &out);
    if (!o->json && !*names) {
        add_watchdog(o, &out);
        if (degraded) buf_add(&out, mirror.s, mirror.len);
        add_note(&out);
        add_pending(&out);
    }
    xenith_print(&out);
    buf_dispose(&mirror);
    buf_dispose(&out);
    yajl_tree_free(answer);
    return degraded ? EXIT_DEGRADED : EXIT_OK;
}

/* Prints after each change. One connection follows, one asks. */
static int watch_status(struct conn *c, const struct options *o,
                        char *const *names)
{
    struct conn *events = conn_open(o->socket, o->patience, true);
    yajl_val v = events ? conn_ask(events, "events", NULL) : NULL;
    int rc = EXIT_WRONG;
    bool eof = false;

    if (!v) goto out;
    do {
        yajl_tree_free(v);
        if (!o->json && isatty(STDOUT_FILENO)) printf("\033[H\033[2J");
        rc = print_status(c, o, names);
        if (rc && rc != EXIT_DEGRADED) goto out;
        /* At least once a second, for the times. */
        v = conn_read(events, 1000, &eof);
        while (v) {
            yajl_tree_free(v);
            v = conn_read(events, 50, &eof);
        }
    } while (!eof);
    fprintf(stderr, "xenith: domd closed the connection\n");
    rc = EXIT_WRONG;
out:
    conn_close(events);
    return rc;
}

int cmd_status(const struct options *o, char *const *args)
{
    struct conn *c = conn_open(o->socket, o->patience, true);
    int rc;

    if (!c) return EXIT_WRONG;
    rc = o->watch ? watch_status(c, o, args) : print_status(c, o, args);
    conn_close(c);
    return rc;
}

int cmd_events(const struct options *o, char *const *args)
{
    struct conn *c = conn_open(o->socket, o->patience, true);
    yajl_val v = c ? conn_ask(c, "events", NULL) : NULL;
    bool eof = false;

    (void)args;
    if (!v) {
        conn_close(c);
        return EXIT_WRONG;
    }
    yajl_tree_free(v);
    /* Without --follow: the events of the next second. */
    while ((v = conn_read(c, o->watch ? -1 : 1000, &eof))) {
        struct buf out = {0};

        if (o->json)
            buf_addf(&out, "%s\n", conn_text(c));
        else
            show_event(v, &out);
        xenith_print(&out);
        buf_dispose(&out);
        yajl_tree_free(v);
    }
    conn_close(c);
    if (eof) fprintf(stderr, "xenith: domd closed the connection\n");
    return eof ? EXIT_WRONG : EXIT_OK;
}

int cmd_metrics(const struct options *o, char *const *args)
{
    struct conn *c = conn_open(o->socket, o->patience, true);
    yajl_val answer = c ? conn_ask(c, "metrics", NULL) : NULL;
    struct buf out = {0};
    int rc = answer ? EXIT_OK : EXIT_WRONG;

    (void)args;
    if (answer) {
        show_metrics(answer, &out);
        add_mirror_metric(o, &out);
    }
    xenith_print(&out);
    buf_dispose(&out);
    yajl_tree_free(answer);
    conn_close(c);
    return rc;
}
