/* xenith: the command that talks to domd. See xenith(1). */
#include "xenith/internal.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/visible.h"
#include "control/client.h"

#define CONSOLE_DIR "/var/log/xen/console"

void xenith_print(const struct buf *text)
{
    struct buf shown = {0};

    if (text->len) visible_lines(&shown, text->s, text->len, false);
    if (shown.len) fwrite(shown.s, 1, shown.len, stdout);
    fflush(stdout);
    buf_dispose(&shown);
}

/* Runs a command that is a script, because it runs other programs. One of
 * several programs is a directory, in which `main` is the command. */
static int exec_script(char **words)
{
    char *path = xasprintf(SCRIPT_DIR "/%s", words[0]);
    char *main_path = xasprintf("%s/main", path);

    execv(access(main_path, X_OK) ? path : main_path, words);
    fprintf(stderr, "xenith: cannot start %s: %s\n", path, strerror(errno));
    free(main_path);
    free(path);
    return EXIT_WRONG;
}

/* Scripts parse their own options, so main starts them before getopt; only an
 * option before the command leads here. ARGS follow the name of the command.
 */
static int cmd_script(const struct options *o, char *const *args)
{
    (void)o;
    fprintf(stderr,
            "xenith: write the options of %s after the command; see xenith "
            "%s --help\n",
            args[-1], args[-1]);
    return EXIT_USAGE;
}

/* ---- the command line --------------------------------------------------- */

static const struct {
    const char *name;
    command *run;
    const char *args;
    const char *help;
    int max; /* maximum of arguments; -1: any */
} commands[] = {
    {"status", cmd_status, "[--json] [--watch] [NAME...]",
     "the states of the domains", -1},
    {"create", cmd_script, "NAME [OPTION...]",
     "create a domain; see create --help", -1},
    {"remove", cmd_script, "NAME [OPTION...]",
     "remove a domain; see remove --help", -1},
    {"edit", cmd_script, "[-m TEXT] NAME",
     "edit a file of the configuration, and save it", -1},
    {"diff", cmd_script, "[GENERATION]", "show what is not saved", -1},
    {"save", cmd_script, "[-m TEXT] [FILE...]",
     "save the configuration on the drive XENITH-CFG", -1},
    {"history", cmd_script, "", "list what was saved", -1},
    {"rollback", cmd_script, "config [GENERATION]",
     "return to a saved configuration; see rollback --help", -1},
    {"config", cmd_script, "export|import FILE|-",
     "the whole configuration as one file; see config --help", -1},
    {"preset", cmd_script, "list|show PRESET|diff A B",
     "sets of options for Xen and dom0's kernel", -1},
    {"network", cmd_script, "status|show|apply|confirm|revert",
     "the host's networks; see network --help", -1},
    {"start", cmd_start, "[--wait] NAME...",
     "start them, and what they require", -1},
    {"stop", cmd_stop, "[--wait] NAME...", "stop them, and what requires them",
     -1},
    {"restart", cmd_restart, "[--wait] NAME...", "stop and start them", -1},
    {"reload", cmd_reload, "", "read the configuration again", 0},
    {"enable", cmd_enable, "NAME...", "start them at boot", -1},
    {"disable", cmd_disable, "NAME...", "do not start them at boot", -1},
    {"console", cmd_console, "NAME", "attach to its console; Ctrl-] detaches",
     1},
    {"log", cmd_log, "[--follow] NAME", "print the log of its console", 1},
    {"graph", cmd_graph, "[--dot] [DIR]", "print the start order", 1},
    {"check", cmd_check, "[--config DIR] [DIR]", "check the configuration", 1},
    {"events", cmd_events, "[--json] [--follow]", "print state changes", 0},
    {"metrics", cmd_metrics, "", "metrics for Prometheus", 0},
    {"wait", cmd_wait, "[--created] [SECONDS]",
     "wait until no domain changes state", 1},
    {"install", cmd_script, "[DISK] [OPTION...]",
     "install this live system on a disk; see install --help", -1},
    {"update", cmd_script, "FILE|URL [OPTION...]",
     "a new version of the host; see update --help", -1},
    {"version", cmd_version, "[--json]", "versions, and open advisories", 0},
    {"shutdown", cmd_shutdown, "[--limit]", "stop all domains, and wait", 0},
    {"poweroff", cmd_poweroff, "", "stop all, and switch the host off", 0},
    {"reboot", cmd_script, "[--menu]", "stop all, and restart the host", -1},
    /* For create and remove; without help, so in no list. */
    {"file-facts", cmd_file_facts, "FILE", NULL, 1},
    {"file-named", cmd_file_named, "DOMAIN DIR", NULL, 2},
    {"file-clone", cmd_file_clone, "FILE WHAT=VALUE...", NULL, -1},
};

/* "xenith poweroff web" means the domain, not the host. */
static bool has_extra_argument(size_t cmd, char *const *args)
{
    int n = 0;

    while (args[n])
        n++;
    if (commands[cmd].max < 0 || n <= commands[cmd].max) return false;
    fprintf(stderr, "xenith: %s: unexpected argument \"%s\"; it takes %s\n",
            commands[cmd].name, args[commands[cmd].max],
            *commands[cmd].args ? commands[cmd].args : "no argument");
    return true;
}

static void print_usage(FILE *to)
{
    size_t i;

    fputs("usage: xenith [-s SOCKET] [-l DIR] [-t SECONDS] COMMAND "
          "[ARGUMENT...]\n",
          to);
    for (i = 0; i < ARRAY_SIZE(commands) && commands[i].help; i++)
        fprintf(to, "  %-9s %-29s %s\n", commands[i].name, commands[i].args,
                commands[i].help);
}

/* ---- completion --------------------------------------------------------- */

static void offer_word(const char *word, const char *begin)
{
    if (!strncmp(word, begin, strlen(begin))) printf("%s\n", word);
}

/* Offers the domains' names, if domd answers at once. */
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

        if (name) offer_word(name, begin);
    }
    yajl_tree_free(v);
    conn_close(c);
}

/* Completes the last of WORDS, those behind "xenith", for a shell. The help
 * line of a command lists what it takes. */
static int complete_words(const struct options *o, char *const *words)
{
    const char *begin = "";
    const char *at;
    size_t i;
    size_t n = 0;

    while (words[n])
        begin = words[n++];
    for (i = 0; i < ARRAY_SIZE(commands) && commands[i].help; i++) {
        if (n <= 1) {
            offer_word(commands[i].name, begin);
            continue;
        }
        if (strcmp(words[0], commands[i].name)) continue;
        for (at = commands[i].args; (at = strstr(at, "--")); at += 2) {
            char *option = xstrndup(at, strcspn(at, "] "));

            offer_word(option, begin);
            free(option);
        }
        if (strstr(commands[i].args, "NAME")) offer_names(o, begin);
    }
    return EXIT_OK;
}

/* Parses the options into *O. Returns -1 to go on with the command at
 * `optind`, or the exit status after printing the reason. */
static int parse_options(struct options *o, int argc, char **argv)
{
    static const struct option longs[] = {
        {"json", no_argument, NULL, 'J'},
        {"watch", no_argument, NULL, 'w'},
        {"follow", no_argument, NULL, 'f'},
        {"wait", no_argument, NULL, 'W'},
        {"created", no_argument, NULL, 'C'},
        {"dot", no_argument, NULL, 'D'},
        {"limit", no_argument, NULL, 'L'},
        {"help", no_argument, NULL, 'h'},
        {"config", required_argument, NULL, 'c'},
        {NULL, 0, NULL, 0},
    };
    long seconds;
    int opt;

    while ((opt = getopt_long(argc, argv, "s:l:t:fh", longs, NULL)) != -1) {
        switch (opt) {
        case 's':
            o->socket = optarg;
            break;
        case 'l':
            o->console_dir = optarg;
            break;
        case 't':
            if (!parse_long(optarg, 1, 86400, &seconds)) {
                fprintf(stderr,
                        "xenith: -t: \"%s\" is not a number of seconds\n",
                        optarg);
                return EXIT_USAGE;
            }
            o->patience = (int)seconds * 1000;
            break;
        case 'J':
            o->json = true;
            break;
        case 'w':
        case 'f':
            o->watch = true;
            break;
        case 'W':
            o->wait = true;
            break;
        case 'C':
            o->created = true;
            break;
        case 'D':
            o->dot = true;
            break;
        case 'L':
            o->limit = true;
            break;
        case 'c':
            o->config = optarg;
            break;
        case 'h':
            print_usage(stdout);
            return EXIT_OK;
        default:
            print_usage(stderr);
            return EXIT_USAGE;
        }
    }
    return -1;
}

int main(int argc, char **argv)
{
    struct options o = {
        .socket = DOMD_SOCKET,
        .console_dir = CONSOLE_DIR,
        .patience = CONN_PATIENCE,
    };
    int status;
    size_t i;
    int at;

    /* The words to complete may look like options, but are not. */
    for (at = 1; at + 1 < argc && !strcmp(argv[at], "-s"); at += 2)
        o.socket = argv[at + 1];
    if (at < argc && !strcmp(argv[at], "complete"))
        return complete_words(&o, argv + at + 1);
    for (i = 0; at < argc && i < ARRAY_SIZE(commands); i++) {
        if (commands[i].run == cmd_script &&
            !strcmp(argv[at], commands[i].name))
            return exec_script(argv + at);
    }
    status = parse_options(&o, argc, argv);
    if (status >= 0) return status;
    for (i = 0; optind < argc && i < ARRAY_SIZE(commands); i++) {
        if (strcmp(argv[optind], commands[i].name)) continue;
        if (has_extra_argument(i, argv + optind + 1)) return EXIT_USAGE;
        return commands[i].run(&o, argv + optind + 1);
    }
    if (optind < argc)
        fprintf(stderr, "xenith: unknown command \"%s\"\n", argv[optind]);
    print_usage(stderr);
    return EXIT_USAGE;
}
