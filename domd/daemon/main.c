/* domd: owns the life of the configured domains. See domd(8). */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "control/proto.h"

static void on_term(int sig)
{
    (void)sig;
    daemon_quit();
}

/* A creation spends half its time waiting, for devices and images. */
static unsigned int parallel_auto(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);

    return n > 0 ? 2 * (unsigned int)n : 2;
}

static void print_usage(FILE *to)
{
    fputs("usage: domd [-a yes|no|NAME,...] [-c DIR] [-r DIR] [-s SOCKET]\n"
          "            [-l DIR] [-j N|auto] [-t SECONDS] [-q]\n"
          "  -a  which domains start at boot (yes: those whose files say so)\n"
          "  -c  the directory of the domain files (/config/domains)\n"
          "  -r  where its journal and the timeline are (/run/xenith)\n"
          "  -s  the control socket (" DOMD_SOCKET ")\n"
          "  -l  where guests' consoles are logged (/var/log/xen/console)\n"
          "  -j  how many domains are created at a time (auto: two for each "
          "CPU)\n"
          "  -t  how long domains that were started by hand may take to shut\n"
          "      down with the host (60)\n"
          "  -q  writes nothing to the kernel's consoles\n",
          to);
}

/* Parses the command line. Returns -1 to go on, or the exit status after
 * printing the reason. */
static int parse_options(struct daemon_options *opts, int argc, char **argv)
{
    long n;
    int opt;

    while ((opt = getopt(argc, argv, "a:c:r:s:l:j:t:qh")) != -1) {
        switch (opt) {
        case 'a':
            opts->autostart = optarg;
            break;
        case 'c':
            opts->config_dir = optarg;
            break;
        case 'r':
            opts->run_dir = optarg;
            break;
        case 's':
            opts->socket = optarg;
            break;
        case 'l':
            opts->console_dir = optarg;
            break;
        case 'j':
            if (!strcmp(optarg, "auto")) {
                opts->parallel = parallel_auto();
                break;
            }
            if (!parse_long(optarg, 1, 1000, &n)) {
                fprintf(stderr,
                        "domd: -j: \"%s\" is not auto or a number from 1 to "
                        "1000\n",
                        optarg);
                return 2;
            }
            opts->parallel = (unsigned int)n;
            break;
        case 't':
            if (!parse_long(optarg, 0, 86400, &n)) {
                fprintf(stderr,
                        "domd: -t: \"%s\" is not a number of seconds\n",
                        optarg);
                return 2;
            }
            opts->hand_timeout = (msec)n * 1000;
            break;
        case 'q':
            opts->consoles = false;
            break;
        case 'h':
            print_usage(stdout);
            return 0;
        default:
            print_usage(stderr);
            return 2;
        }
    }
    if (optind == argc) return -1;
    print_usage(stderr);
    return 2;
}

int main(int argc, char **argv)
{
    struct daemon_options opts = {
        .config_dir = "/config/domains",
        .run_dir = "/run/xenith",
        .socket = DOMD_SOCKET,
        .console_dir = "/var/log/xen/console",
        .group = "xenith",
        .autostart = "yes",
        .parallel = parallel_auto(),
        .hand_timeout = 60000,
        .consoles = true,
    };
    struct sigaction sa = {.sa_handler = on_term};
    struct daemon *daemon = NULL;
    int status = parse_options(&opts, argc, argv);

    if (status >= 0) return status;
    openlog("domd", LOG_PID, LOG_DAEMON);
    sigemptyset(&sa.sa_mask);
    sigaction(SIGTERM, &sa, NULL);
    sigaction(SIGINT, &sa, NULL);
    signal(SIGPIPE, SIG_IGN);
    if (daemon_open(&daemon, &opts)) return 1;
    daemon_run(daemon);
    daemon_close(daemon);
    return 0;
}
