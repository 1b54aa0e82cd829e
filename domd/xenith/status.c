/* Shows domd's state, events and metrics. */
#include "xenith/internal.h"

#include <stdio.h>
#include <unistd.h>

#include "control/client.h"
#include "xenith/show.h"

static int print_status(struct conn *c, const struct options *o,
                        char *const *names)
{
    struct buf out = {0};
    yajl_val answer = conn_ask(c, "status", names);

    if (!answer) return EXIT_WRONG;
    if (o->json)
        buf_addf(&out, "%s\n", conn_text(c));
    else
        show_status(answer, &out);
    xenith_print(&out);
    buf_dispose(&out);
    yajl_tree_free(answer);
    return EXIT_OK;
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
        if (rc) goto out;
        /* At least once a second, for the times. */
        v = conn_read(events, 1000, &eof);
        while (v) {
            yajl_tree_free(v);
            v = conn_read(events, 50, &eof);
        }
    } while (!eof);
    fprintf(stderr, "xenith: domd has hung up\n");
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
    if (eof) fprintf(stderr, "xenith: domd has hung up\n");
    return eof ? EXIT_WRONG : EXIT_OK;
}

int cmd_metrics(const struct options *o, char *const *args)
{
    struct conn *c = conn_open(o->socket, o->patience, true);
    yajl_val answer = c ? conn_ask(c, "metrics", NULL) : NULL;
    struct buf out = {0};
    int rc = answer ? EXIT_OK : EXIT_WRONG;

    (void)args;
    if (answer) show_metrics(answer, &out);
    xenith_print(&out);
    buf_dispose(&out);
    yajl_tree_free(answer);
    conn_close(c);
    return rc;
}
