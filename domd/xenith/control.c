/* Commands for domd, and waiting for their end. */
#include "xenith/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/visible.h"
#include "control/client.h"
#include "machine/machine.h"

/* ---- waiting ------------------------------------------------------------ */

static bool is_named(char *const *names, const char *name)
{
    if (!names || !*names) return true;
    for (; *names; names++) {
        if (!strcmp(*names, name)) return true;
    }
    return false;
}

static void add_name(struct buf *list, const char *name, const char *state,
                     const char *reason)
{
    char *shown_name = visible(name, SIZE_MAX);
    char *shown = visible(reason ? reason : "", SIZE_MAX);

    buf_addf(list, "xenith: %s is %s%s%s\n", shown_name, state,
             *shown ? ": " : "", shown);
    free(shown);
    free(shown_name);
}

static bool ended_badly(int state)
{
    return state == MACHINE_FAILED || state == MACHINE_HELD ||
           state == MACHINE_BLOCKED || state == MACHINE_KEPT ||
           state == MACHINE_STUCK || state == MACHINE_LATE;
}

/* Sorts NAMES (NULL or empty: all domains) into those in transition and those
 * that ended badly. A domain that is gone is at rest. */
static void sort_names(yajl_val answer, const struct options *o,
                       char *const *names, struct buf *moving, struct buf *bad)
{
    yajl_val doms = json_get_array(answer, "domains");
    size_t i;

    buf_drop(moving, moving->len);
    buf_drop(bad, bad->len);
    for (i = 0; doms && i < json_len(doms); i++) {
        yajl_val d = json_at(doms, i);
        const char *name = json_get_string(d, "name");
        const char *text = json_get_string(d, "state");
        int state = text ? machine_state_find(text) : -1;

        if (state < 0 || !name || !is_named(names, name)) continue;
        if (o->created ? state == MACHINE_CREATING || state == MACHINE_ABORTING
                       : !machine_at_rest((enum machine_state)state))
            add_name(moving, name, text, json_get_string(d, "reason"));
        else if (ended_badly(state))
            add_name(bad, name, text, json_get_string(d, "reason"));
    }
}

static int64_t now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

enum verdict {
    AT_REST,
    TIME_OVER,
    NO_DOMD, /* it is unreachable, or has ended */
};

/* Waits until all of NAMES are at rest, or until END. */
static enum verdict wait_connected(const struct options *o, char *const *names,
                                   int64_t end, bool say, struct buf *moving,
                                   struct buf *bad)
{
    struct conn *events = conn_open(o->socket, o->patience, say);
    struct conn *c = events ? conn_open(o->socket, o->patience, say) : NULL;
    enum verdict verdict = NO_DOMD;
    int64_t left = end - now_ms();
    bool eof = false;
    yajl_val v;

    if (!c) goto out;
    /* domd may answer late: ask it once at least. */
    if (left < 300000) {
        conn_patience(events, left < 5000 ? 5000 : (int)left);
        conn_patience(c, left < 5000 ? 5000 : (int)left);
    }
    v = conn_ask(events, "events", NULL);
    if (!v) goto out;
    yajl_tree_free(v);
    while (!eof) {
        v = conn_ask(c, "status", NULL);
        if (!v) goto out;
        sort_names(v, o, names, moving, bad);
        yajl_tree_free(v);
        verdict = moving->len ? TIME_OVER : AT_REST;
        if (verdict == AT_REST || now_ms() >= end) goto out;
        yajl_tree_free(conn_read(events, 1000, &eof));
    }
    verdict = NO_DOMD;
    if (say)
        fprintf(stderr,
                "xenith: domd closed the connection; \"xenith wait 60\" "
                "waits until it is back\n");
out:
    conn_close(c);
    conn_close(events);
    return verdict;
}

/* Waits until all are at rest, at most SECONDS (-1: no limit). With a limit,
 * also waits for domd, which may be starting. */
static int wait_rest(const struct options *o, char *const *names, long seconds)
{
    int64_t end = seconds < 0 ? INT64_MAX : now_ms() + seconds * 1000;
    enum verdict verdict;
    struct buf moving = {0};
    struct buf bad = {0};
    bool last;

    do {
        last = seconds < 0 || now_ms() >= end;
        verdict = wait_connected(o, names, end, last, &moving, &bad);
        if (verdict == NO_DOMD && !last) usleep(200000);
    } while (verdict == NO_DOMD && !last);
    if (verdict == TIME_OVER)
        fprintf(stderr, "xenith: still changing state after %ld s\n%s",
                seconds, moving.s);
    if (verdict != NO_DOMD && bad.len) fputs(bad.s, stderr);
    last = verdict == AT_REST && !bad.len;
    buf_dispose(&moving);
    buf_dispose(&bad);
    return last ? EXIT_OK : EXIT_WRONG;
}

int cmd_wait(const struct options *o, char *const *args)
{
    long seconds = -1;

    if (*args && !parse_long(*args, 0, 86400, &seconds)) {
        fprintf(stderr, "xenith: wait: \"%s\" is not a number of seconds\n",
                *args);
        return EXIT_USAGE;
    }
    return wait_rest(o, NULL, seconds);
}

/* ---- commands for domains ----------------------------------------------- */

static int run_command(const struct options *o, const char *cmd,
                       char *const *args)
{
    struct conn *c;
    yajl_val answer;

    if (!*args) {
        fprintf(stderr, "xenith: %s: missing domain name\n", cmd);
        return EXIT_USAGE;
    }
    c = conn_open(o->socket, o->patience, true);
    answer = c ? conn_ask(c, cmd, args) : NULL;
    conn_close(c);
    if (!answer) return EXIT_WRONG;
    yajl_tree_free(answer);
    return o->wait ? wait_rest(o, args, -1) : EXIT_OK;
}

int cmd_start(const struct options *o, char *const *args)
{
    return run_command(o, "start", args);
}

int cmd_stop(const struct options *o, char *const *args)
{
    return run_command(o, "stop", args);
}

int cmd_restart(const struct options *o, char *const *args)
{
    return run_command(o, "restart", args);
}

int cmd_enable(const struct options *o, char *const *args)
{
    int rc = run_command(o, "enable", args);

    if (!rc)
        printf("enabled until the next boot; to make it permanent, set "
               "autostart = \"yes\" in the domain file\n");
    return rc;
}

int cmd_disable(const struct options *o, char *const *args)
{
    int rc = run_command(o, "disable", args);

    if (!rc)
        printf("disabled until the next boot; to make it permanent, set "
               "autostart = \"no\" in the domain file\n");
    return rc;
}

/* Applies the host's own settings, if the user has the rights. Returns false
 * if there are errors in them. */
static bool apply_host(void)
{
    struct buf out = {0};
    struct buf err = {0};
    bool ok = xenith_script("apply-host", &out, &err);

    if (err.len) fprintf(stderr, "%s", err.s);
    xenith_print(&out);
    buf_dispose(&err);
    buf_dispose(&out);
    return ok;
}

int cmd_reload(const struct options *o, char *const *args)
{
    struct conn *c = conn_open(o->socket, o->patience, true);
    yajl_val answer = c ? conn_ask(c, "reload", NULL) : NULL;
    yajl_val problems = answer ? json_get_array(answer, "problems") : NULL;
    int rc = EXIT_WRONG;
    size_t i;

    (void)args;
    for (i = 0; problems && i < json_len(problems); i++) {
        char *text = visible(YAJL_GET_STRING(json_at(problems, i)), SIZE_MAX);

        fprintf(stderr, "%s\n", text);
        free(text);
    }
    if (answer && !json_get_int(answer, "errors", (int64_t)i)) rc = EXIT_OK;
    if (answer && !apply_host()) rc = EXIT_WRONG;
    yajl_tree_free(answer);
    conn_close(c);
    return rc;
}

/* ---- the host goes down ------------------------------------------------- */

/* The status of all domains, or NULL; prints no errors. */
static yajl_val ask_status(const struct options *o)
{
    struct conn *c = conn_open(o->socket, o->patience, false);
    yajl_val answer = NULL;
    bool eof;

    if (c && conn_send(c, "status", NULL))
        answer = conn_read(c, o->patience, &eof);
    conn_close(c);
    return answer;
}

/* Prints the remaining domains. Returns whether there are any. */
static bool print_remaining(yajl_val status)
{
    yajl_val doms = json_get_array(status, "domains");
    struct buf left = {0};
    bool any;
    size_t i;

    for (i = 0; doms && i < json_len(doms); i++) {
        yajl_val d = json_at(doms, i);
        const char *name = json_get_string(d, "name");
        const char *text = json_get_string(d, "state");
        int state = text ? machine_state_find(text) : -1;

        if (state >= 0 && name &&
            machine_has_instance((enum machine_state)state))
            add_name(&left, name, text, json_get_string(d, "reason"));
    }
    any = left.len > 0;
    if (any) fputs(left.s, stderr);
    buf_dispose(&left);
    return any;
}

/* Waits for the answer to a shutdown while domd answers other requests and the
 * domains have time. Returns NULL with *EOF_R: domd has hung up; with *LEFT_R,
 * which the caller frees: time is over; else: domd hangs. */
static yajl_val await_down(const struct options *o, struct conn *c,
                           bool *eof_r, yajl_val *left_r)
{
    int64_t end = INT64_MAX;
    int patience = o->patience;

    for (;;) {
        yajl_val answer = conn_read(c, patience, eof_r);
        yajl_val status = answer || *eof_r ? NULL : ask_status(o);
        int64_t left;

        if (!status) return answer;
        if (end == INT64_MAX)
            end = now_ms() + json_get_int(status, "down_limit_ms", 0);
        left = end - now_ms();
        if (left <= 0) {
            *left_r = status;
            return NULL;
        }
        yajl_tree_free(status);
        patience = left < o->patience ? (int)left : o->patience;
    }
}

/* Prints the seconds that a shutdown takes at most unless libxl hangs. */
static int print_down_limit(const struct options *o)
{
    struct conn *c = conn_open(o->socket, o->patience, true);
    yajl_val answer = c ? conn_ask(c, "status", NULL) : NULL;
    int64_t ms = json_get_int(answer, "down_ms", -1);

    if (ms >= 0) printf("%lld\n", (long long)(ms + 999) / 1000);
    yajl_tree_free(answer);
    conn_close(c);
    return ms >= 0 ? EXIT_OK : EXIT_WRONG;
}

/* Stops all domains, and returns when the last is down. The host's shutdown
 * calls this before it unmounts anything, so only the answer that all are down
 * is success. Each domain has its timeouts, so the wait ends; but the host
 * must also go down if domd hangs or exceeds all timeouts together. */
int cmd_shutdown(const struct options *o, char *const *args)
{
    struct conn *c;
    yajl_val answer = NULL;
    yajl_val left = NULL;
    bool eof = true;
    int rc = EXIT_WRONG;

    (void)args;
    if (o->limit) return print_down_limit(o);
    c = conn_open(o->socket, o->patience, true);
    if (!c || !conn_send(c, "shutdown", NULL)) goto out;
    answer = await_down(o, c, &eof, &left);
    if (left) {
        fprintf(stderr, "xenith: shutdown: some domains are still running "
                        "after their time limits\n");
        (void)print_remaining(left);
    } else if (answer && json_get_bool(answer, "ok", false) &&
               json_get_bool(answer, "down", false)) {
        left = ask_status(o);
        if (!left || !print_remaining(left)) rc = EXIT_OK;
    } else if (answer) {
        char *error = conn_error(
            answer, "domd did not confirm that all domains are down");

        fprintf(stderr, "xenith: shutdown: %s\n", error);
        free(error);
    } else if (eof) {
        fprintf(stderr, "xenith: domd closed the connection\n");
    } else {
        fprintf(stderr, "xenith: no answer from domd within %d s\n",
                o->patience / 1000);
        rc = EXIT_HANGS;
    }
out:
    yajl_tree_free(left);
    yajl_tree_free(answer);
    conn_close(c);
    return rc;
}
