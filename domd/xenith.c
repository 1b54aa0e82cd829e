/* xenith: the command that talks to domd. See xenith(1). */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <libxl.h>

#include "check.h"
#include "client.h"
#include "graph.h"
#include "host_xl.h"
#include "machine.h"
#include "show.h"

#define CONFIG_DIR  "/config/domains"
#define CONSOLE_DIR "/var/log/xen/console"
#define SCRIPT_DIR  "/usr/lib/xenith"

/* Exit status, as in the manual page. */
enum {
    EXIT_OK = 0,
    EXIT_WRONG = 1, /* it could not be done, or something is wrong */
    EXIT_USAGE = 2,
    EXIT_HANGS = 3, /* domd is there, and does nothing */
};

struct options {
    const char *socket;
    const char *console_dir;
    int patience; /* in ms */
    bool json;
    bool watch; /* --watch, --follow */
    bool wait;
    bool created; /* wait: only until they are created */
    bool dot;
};

static void print(const struct buf *text)
{
    if (text->len) fwrite(text->s, 1, text->len, stdout);
    fflush(stdout);
}

/* ---- what domd answers -------------------------------------------------- */

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
    print(&out);
    buf_dispose(&out);
    yajl_tree_free(answer);
    return EXIT_OK;
}

/* Prints again after each change. Two connections: one follows, one asks. */
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
        /* Once a second at least: times go on. */
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

static int cmd_status(const struct options *o, char *const *args)
{
    struct conn *c = conn_open(o->socket, o->patience, true);
    int rc;

    if (!c) return EXIT_WRONG;
    rc = o->watch ? watch_status(c, o, args) : print_status(c, o, args);
    conn_close(c);
    return rc;
}

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
    buf_addf(list, "xenith: %s is %s%s%s\n", name, state,
             reason && *reason ? ": " : "", reason ? reason : "");
}

static bool ended_badly(int state)
{
    return state == MC_FAILED || state == MC_HELD || state == MC_BLOCKED ||
           state == MC_KEPT || state == MC_STUCK || state == MC_LATE;
}

/* Sorts NAMES (NULL or empty: all domains) into those that are on their way
 * and those that ended badly. One that is not there any more is at rest. */
static void sort_out(yajl_val answer, const struct options *o,
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
        int state = text ? mc_state_find(text) : -1;

        if (state < 0 || !name || !is_named(names, name)) continue;
        if (o->created ? state == MC_CREATING || state == MC_ABORTING
                       : !mc_at_rest((enum mc_state)state))
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
    NO_DOMD, /* it could not be asked, or has ended */
};

/* Waits until all of NAMES are at rest, or until END. */
static enum verdict wait_on(const struct options *o, char *const *names,
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
    /* What it says may be late: it has to be asked once at least. */
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
        sort_out(v, o, names, moving, bad);
        yajl_tree_free(v);
        verdict = moving->len ? TIME_OVER : AT_REST;
        if (verdict == AT_REST || now_ms() >= end) goto out;
        yajl_tree_free(conn_read(events, 1000, &eof));
    }
    verdict = NO_DOMD;
out:
    conn_close(c);
    conn_close(events);
    return verdict;
}

/* Waits until nothing is on its way any more, SECONDS at most (-1: no limit).
 * Whoever gave a limit waits for domd, too: it may just be starting. */
static int wait_rest(const struct options *o, char *const *names, long seconds)
{
    int64_t end = seconds < 0 ? INT64_MAX : now_ms() + seconds * 1000;
    enum verdict verdict;
    struct buf moving = {0};
    struct buf bad = {0};
    bool last;

    do {
        last = seconds < 0 || now_ms() >= end;
        verdict = wait_on(o, names, end, last, &moving, &bad);
        if (verdict == NO_DOMD && !last) usleep(200000);
    } while (verdict == NO_DOMD && !last);
    if (verdict == TIME_OVER)
        fprintf(stderr, "xenith: not at rest within %ld s\n%s", seconds,
                moving.s);
    if (verdict != NO_DOMD && bad.len) fputs(bad.s, stderr);
    last = verdict == AT_REST && !bad.len;
    buf_dispose(&moving);
    buf_dispose(&bad);
    return last ? EXIT_OK : EXIT_WRONG;
}

static int cmd_wait(const struct options *o, char *const *args)
{
    long seconds = -1;

    if (*args && !parse_long(*args, 0, 86400, &seconds)) {
        fprintf(stderr, "xenith: wait: \"%s\" is not a number of seconds\n",
                *args);
        return EXIT_USAGE;
    }
    return wait_rest(o, NULL, seconds);
}

static int simple(const struct options *o, const char *cmd, char *const *args)
{
    struct conn *c;
    yajl_val answer;

    if (!*args) {
        fprintf(stderr, "xenith: %s: which domain?\n", cmd);
        return EXIT_USAGE;
    }
    c = conn_open(o->socket, o->patience, true);
    answer = c ? conn_ask(c, cmd, args) : NULL;
    conn_close(c);
    if (!answer) return EXIT_WRONG;
    yajl_tree_free(answer);
    return o->wait ? wait_rest(o, args, -1) : EXIT_OK;
}

static int cmd_start(const struct options *o, char *const *args)
{
    return simple(o, "start", args);
}

static int cmd_stop(const struct options *o, char *const *args)
{
    return simple(o, "stop", args);
}

static int cmd_restart(const struct options *o, char *const *args)
{
    return simple(o, "restart", args);
}

static int cmd_enable(const struct options *o, char *const *args)
{
    int rc = simple(o, "enable", args);

    if (!rc)
        printf("enabled until the next boot; to keep it, write autostart = "
               "\"yes\" into the file\n");
    return rc;
}

static int cmd_disable(const struct options *o, char *const *args)
{
    int rc = simple(o, "disable", args);

    if (!rc)
        printf("disabled until the next boot; to keep it, write autostart = "
               "\"no\" into the file\n");
    return rc;
}

static int cmd_reload(const struct options *o, char *const *args)
{
    struct conn *c = conn_open(o->socket, o->patience, true);
    yajl_val answer = c ? conn_ask(c, "reload", NULL) : NULL;
    yajl_val problems = answer ? json_get_array(answer, "problems") : NULL;
    int rc = answer ? EXIT_OK : EXIT_WRONG;
    size_t i;

    (void)args;
    for (i = 0; problems && i < json_len(problems); i++) {
        fprintf(stderr, "%s\n", YAJL_GET_STRING(json_at(problems, i)));
        rc = EXIT_WRONG;
    }
    yajl_tree_free(answer);
    conn_close(c);
    return rc;
}

static int cmd_events(const struct options *o, char *const *args)
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
    /* Without --follow: what comes in the next second. */
    while ((v = conn_read(c, o->watch ? -1 : 1000, &eof))) {
        struct buf out = {0};

        if (o->json)
            buf_addf(&out, "%s\n", conn_text(c));
        else
            show_event(v, &out);
        print(&out);
        buf_dispose(&out);
        yajl_tree_free(v);
    }
    conn_close(c);
    if (eof) fprintf(stderr, "xenith: domd has hung up\n");
    return eof ? EXIT_WRONG : EXIT_OK;
}

static int cmd_metrics(const struct options *o, char *const *args)
{
    struct conn *c = conn_open(o->socket, o->patience, true);
    yajl_val answer = c ? conn_ask(c, "metrics", NULL) : NULL;
    struct buf out = {0};
    int rc = answer ? EXIT_OK : EXIT_WRONG;

    (void)args;
    if (answer) show_metrics(answer, &out);
    print(&out);
    buf_dispose(&out);
    yajl_tree_free(answer);
    conn_close(c);
    return rc;
}

/* Whether domd answers anybody. */
static bool answers(const struct options *o)
{
    struct conn *c = conn_open(o->socket, o->patience, false);
    yajl_val answer = NULL;
    bool eof;

    if (c && conn_send(c, "status", NULL))
        answer = conn_read(c, o->patience, &eof);
    yajl_tree_free(answer);
    conn_close(c);
    return answer != NULL;
}

/* Stops all domains, and returns when the last is down. What the host's way
 * down calls before it unmounts anything: only the answer that all are down is
 * success. Each domain has its timeout, so that the end comes by itself;
 * unless domd hangs, and then the host must be able to go down without it. */
static int cmd_shutdown(const struct options *o, char *const *args)
{
    struct conn *c = conn_open(o->socket, o->patience, true);
    yajl_val answer = NULL;
    bool eof = true;
    int rc = EXIT_WRONG;

    (void)args;
    if (!c || !conn_send(c, "shutdown", NULL)) goto out;
    do {
        answer = conn_read(c, o->patience, &eof);
    } while (!answer && !eof && answers(o));
    if (answer && json_get_bool(answer, "ok", false) &&
        json_get_bool(answer, "down", false)) {
        rc = EXIT_OK;
    } else if (answer) {
        const char *error = json_get_string(answer, "error");

        fprintf(stderr, "xenith: shutdown: %s\n",
                error ? error : "domd does not say that all are down");
    } else if (eof) {
        fprintf(stderr, "xenith: domd has hung up\n");
    } else {
        fprintf(stderr, "xenith: domd has not answered within %d s\n",
                o->patience / 1000);
        rc = EXIT_HANGS;
    }
out:
    yajl_tree_free(answer);
    conn_close(c);
    return rc;
}

/* ---- what needs no domd ------------------------------------------------- */

/* The facts of this host, if it is one. */
static void read_host(struct host *host)
{
    xentoollog_logger_stdiostream *log =
        xtl_createlogger_stdiostream(stderr, XTL_CRITICAL, 0);
    libxl_ctx *ctx = NULL;

    memset(host, 0, sizeof(*host));
    host->unknown = true;
    if (!access("/proc/xen/capabilities", R_OK) &&
        !libxl_ctx_alloc(&ctx, LIBXL_VERSION, 0, (xentoollog_logger *)log)) {
        host_facts(ctx, host);
        libxl_ctx_free(ctx);
    }
    if (log) xtl_logger_destroy((xentoollog_logger *)log);
}

static void say_problems(const struct config *c, FILE *to)
{
    size_t i;

    for (i = 0; i < c->problems.n; i++) {
        char *text = problem_text(&c->problems.v[i]);

        fprintf(to, "%s\n", text);
        free(text);
    }
}

/* The directory of the domain files. A host without one has no domains; one
 * that somebody names has to be there. NULL: it is not, and that was said. */
static const char *config_dir(const char *cmd, char *const *args)
{
    if (!*args) return CONFIG_DIR;
    if (!access(*args, R_OK | X_OK)) return *args;
    fprintf(stderr, "xenith: %s: cannot read %s: %s\n", cmd, *args,
            strerror(errno));
    return NULL;
}

static int cmd_check(const struct options *o, char *const *args)
{
    struct config c;
    struct host host;
    const char *dir = config_dir("check", args);
    int rc;

    (void)o;
    if (!dir) return EXIT_WRONG;
    read_host(&host);
    config_read(&c, dir, &host);
    say_problems(&c, stdout);
    rc = c.problems.n ? EXIT_WRONG : EXIT_OK;
    config_dispose(&c);
    host_dispose(&host);
    return rc;
}

static int cmd_graph(const struct options *o, char *const *args)
{
    struct host host = {.unknown = true};
    struct config c;
    struct buf out = {0};
    const char *dir = config_dir("graph", args);
    int rc;

    if (!dir) return EXIT_WRONG;
    config_read(&c, dir, &host);
    rc = c.problems.n && !c.n ? EXIT_WRONG : EXIT_OK;
    if (rc) say_problems(&c, stderr);
    if (o->dot)
        graph_dot(c.v, c.n, &out);
    else
        graph_text(c.v, c.n, &out);
    print(&out);
    buf_dispose(&out);
    config_dispose(&c);
    return rc;
}

static bool is_name(const char *cmd, const char *name)
{
    if (name && policy_name_ok(name)) return true;
    if (name)
        fprintf(stderr, "xenith: %s: \"%s\" is not the name of a domain\n",
                cmd, name);
    else
        fprintf(stderr, "xenith: %s: which domain?\n", cmd);
    return false;
}

static int cmd_console(const struct options *o, char *const *args)
{
    (void)o;
    if (!is_name("console", *args)) return EXIT_USAGE;
    execl("/usr/sbin/xl", "xl", "console", *args, (char *)NULL);
    fprintf(stderr, "xenith: cannot start /usr/sbin/xl: %s\n",
            strerror(errno));
    return EXIT_WRONG;
}

/* Copies what there is to read in FD to standard output. */
static void copy_rest(int fd)
{
    char chunk[8192];
    ssize_t n;

    while ((n = read(fd, chunk, sizeof(chunk))) > 0)
        fwrite(chunk, 1, (size_t)n, stdout);
    fflush(stdout);
}

/* Goes on with the log at PATH, of which FD has been read so far (-1: none).
 * It may be put aside, and a new one begun, or be cut off. Returns the
 * descriptor to go on with. */
static int follow_log(const char *path, int fd)
{
    struct stat there;
    struct stat ours;
    int next;

    if (fd >= 0) copy_rest(fd);
    if (stat(path, &there)) return fd;
    if (fd >= 0 && !fstat(fd, &ours)) {
        if (ours.st_size < lseek(fd, 0, SEEK_CUR))
            (void)lseek(fd, 0, SEEK_SET);
        if (ours.st_ino == there.st_ino && ours.st_dev == there.st_dev)
            return fd;
    }
    next = open(path, O_RDONLY | O_CLOEXEC);
    if (next < 0) return fd;
    if (fd >= 0) {
        copy_rest(fd); /* the last of it */
        close(fd);
    }
    return next;
}

static int cmd_log(const struct options *o, char *const *args)
{
    char *path;
    char *before;
    int fd;
    int rc = EXIT_OK;

    if (!is_name("log", *args)) return EXIT_USAGE;
    path = xasprintf("%s/guest-%s.log", o->console_dir, *args);
    before = xasprintf("%s.1", path);
    fd = open(before, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) copy_rest(fd);
    if (access(path, R_OK) && (fd < 0 || errno != ENOENT)) {
        fprintf(stderr, "xenith: cannot read %s: %s\n", path, strerror(errno));
        rc = EXIT_WRONG;
    }
    /* Read to its end already: what is found next is the one after it. */
    while (!rc) {
        fd = follow_log(path, fd);
        if (!o->watch) break;
        usleep(200000);
    }
    if (fd >= 0) {
        if (!rc) copy_rest(fd);
        close(fd);
    }
    free(path);
    free(before);
    return rc;
}

/* init runs the way down, which stops the domains. */
static int to_init(const char *program)
{
    execlp(program, program, (char *)NULL);
    fprintf(stderr, "xenith: cannot start %s: %s\n", program, strerror(errno));
    return EXIT_WRONG;
}

/* Scripts, because what they do is done by other programs. */
static int to_script(char **words)
{
    char *path = xasprintf(SCRIPT_DIR "/%s", words[0]);

    execv(path, words);
    fprintf(stderr, "xenith: cannot start %s: %s\n", path, strerror(errno));
    free(path);
    return EXIT_WRONG;
}

/* Never called: their options are their own, so main does not get that far. */
static int cmd_script(const struct options *o, char *const *args)
{
    (void)o;
    (void)args;
    return EXIT_USAGE;
}

static int cmd_poweroff(const struct options *o, char *const *args)
{
    (void)o;
    (void)args;
    return to_init("poweroff");
}

static int cmd_reboot(const struct options *o, char *const *args)
{
    (void)o;
    (void)args;
    return to_init("reboot");
}

/* ---- the command line --------------------------------------------------- */

static const struct {
    const char *name;
    int (*run)(const struct options *o, char *const *args);
    const char *args;
    const char *help;
    int max; /* so many arguments; -1: any number */
} commands[] = {
    {"status", cmd_status, "[--json] [--watch] [NAME...]",
     "the states of the domains", -1},
    {"create", cmd_script, "NAME [--from WHAT]...",
     "make a domain; see create --help", -1},
    {"remove", cmd_script, "NAME [--yes]", "and take it away", -1},
    {"start", cmd_start, "[--wait] NAME...",
     "start them, and what they require", -1},
    {"stop", cmd_stop, "[--wait] NAME...", "stop them, and what requires them",
     -1},
    {"restart", cmd_restart, "[--wait] NAME...", "stop and start them", -1},
    {"reload", cmd_reload, "", "read the domain files again", 0},
    {"enable", cmd_enable, "NAME...", "start them at boot", -1},
    {"disable", cmd_disable, "NAME...", "do not", -1},
    {"console", cmd_console, "NAME", "its console; Ctrl-] leaves", 1},
    {"log", cmd_log, "[--follow] NAME", "what it printed there", 1},
    {"graph", cmd_graph, "[--dot] [DIR]", "the order of start", 1},
    {"check", cmd_check, "[DIR]", "look for mistakes in the domain files", 1},
    {"events", cmd_events, "[--json] [--follow]", "what happens", 0},
    {"metrics", cmd_metrics, "", "figures for Prometheus", 0},
    {"wait", cmd_wait, "[--created] [SECONDS]", "until nothing is on its way",
     1},
    {"shutdown", cmd_shutdown, "", "stop all domains, and wait", 0},
    {"poweroff", cmd_poweroff, "", "stop all, and switch the host off", 0},
    {"reboot", cmd_reboot, "", "stop all, and restart the host", 0},
};

/* Somebody who writes "xenith poweroff web" means the domain, not the host. */
static bool too_many(size_t cmd, char *const *args)
{
    int n = 0;

    while (args[n])
        n++;
    if (commands[cmd].max < 0 || n <= commands[cmd].max) return false;
    fprintf(stderr, "xenith: %s: \"%s\" is too much: it takes %s\n",
            commands[cmd].name, args[commands[cmd].max],
            *commands[cmd].args ? commands[cmd].args : "no argument");
    return true;
}

/* ---- completion --------------------------------------------------------- */

static void offer(const char *word, const char *begin)
{
    if (!strncmp(word, begin, strlen(begin))) printf("%s\n", word);
}

/* The names of the domains, if domd says them at once. */
static void offer_names(const struct options *o, const char *begin)
{
    struct conn *c = conn_open(o->socket, o->patience, false);
    yajl_val v = NULL;
    bool eof;
    size_t i;

    if (c && conn_send(c, "status", NULL)) v = conn_read(c, 1000, &eof);
    for (i = 0; v && i < json_len(json_get_array(v, "domains")); i++) {
        const char *name =
            json_get_string(json_at(json_get_array(v, "domains"), i), "name");

        if (name) offer(name, begin);
    }
    yajl_tree_free(v);
    conn_close(c);
}

/* What a shell asks: WORDS are those behind "xenith" so far, the last of which
 * is to be completed. What a command takes stands in its line of help. */
static int complete(const struct options *o, char *const *words)
{
    const char *begin = "";
    const char *at;
    size_t i;
    size_t n = 0;

    while (words[n])
        begin = words[n++];
    for (i = 0; i < ARRAY_SIZE(commands); i++) {
        if (n <= 1) {
            offer(commands[i].name, begin);
            continue;
        }
        if (strcmp(words[0], commands[i].name)) continue;
        for (at = commands[i].args; (at = strstr(at, "--")); at += 2) {
            char *option = xstrndup(at, strcspn(at, "] "));

            offer(option, begin);
            free(option);
        }
        if (strstr(commands[i].args, "NAME")) offer_names(o, begin);
    }
    return EXIT_OK;
}

static void usage(FILE *to)
{
    size_t i;

    fputs("usage: xenith [-s SOCKET] [-l DIR] [-t SECONDS] COMMAND "
          "[ARGUMENT...]\n",
          to);
    for (i = 0; i < ARRAY_SIZE(commands); i++)
        fprintf(to, "  %-9s %-29s %s\n", commands[i].name, commands[i].args,
                commands[i].help);
}

int main(int argc, char **argv)
{
    static const struct option longs[] = {
        {"json", no_argument, NULL, 'J'},    {"watch", no_argument, NULL, 'w'},
        {"follow", no_argument, NULL, 'f'},  {"wait", no_argument, NULL, 'W'},
        {"created", no_argument, NULL, 'C'}, {"dot", no_argument, NULL, 'D'},
        {"help", no_argument, NULL, 'h'},    {NULL, 0, NULL, 0},
    };
    struct options o = {
        .socket = DOMD_SOCKET,
        .console_dir = CONSOLE_DIR,
        .patience = CONN_PATIENCE,
    };
    long seconds;
    size_t i;
    int opt;

    /* The words to complete may look like options, and are not ours. */
    for (opt = 1; opt + 1 < argc && !strcmp(argv[opt], "-s"); opt += 2)
        o.socket = argv[opt + 1];
    if (opt < argc && !strcmp(argv[opt], "complete"))
        return complete(&o, argv + opt + 1);
    for (i = 0; opt < argc && i < ARRAY_SIZE(commands); i++) {
        if (commands[i].run == cmd_script &&
            !strcmp(argv[opt], commands[i].name))
            return to_script(argv + opt);
    }
    while ((opt = getopt_long(argc, argv, "s:l:t:fh", longs, NULL)) != -1) {
        switch (opt) {
        case 's':
            o.socket = optarg;
            break;
        case 'l':
            o.console_dir = optarg;
            break;
        case 't':
            if (!parse_long(optarg, 1, 86400, &seconds)) {
                fprintf(stderr,
                        "xenith: -t: \"%s\" is not a number of seconds\n",
                        optarg);
                return EXIT_USAGE;
            }
            o.patience = (int)seconds * 1000;
            break;
        case 'J':
            o.json = true;
            break;
        case 'w':
        case 'f':
            o.watch = true;
            break;
        case 'W':
            o.wait = true;
            break;
        case 'C':
            o.created = true;
            break;
        case 'D':
            o.dot = true;
            break;
        case 'h':
            usage(stdout);
            return EXIT_OK;
        default:
            usage(stderr);
            return EXIT_USAGE;
        }
    }
    for (i = 0; optind < argc && i < ARRAY_SIZE(commands); i++) {
        if (strcmp(argv[optind], commands[i].name)) continue;
        if (too_many(i, argv + optind + 1)) return EXIT_USAGE;
        return commands[i].run(&o, argv + optind + 1);
    }
    if (optind < argc)
        fprintf(stderr, "xenith: there is no command %s\n", argv[optind]);
    usage(stderr);
    return EXIT_USAGE;
}
