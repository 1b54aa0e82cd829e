#include "helper.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util.h"

#define DIRECTORY "/usr/lib/xenith/network"
#define WORDS_MAX 8

/* In the child: becomes the shell script that has the functions. */
static void run_script(int output, const char *const *words)
{
    const char *directory = getenv("HOTPLUG_NET"); /* only tests set it */
    char script[PATH_MAX];
    const char *args[WORDS_MAX + 1] = {script};
    size_t n;

    snprintf(script, sizeof(script), "%s/hotplug",
             directory ? directory : DIRECTORY);
    for (n = 0; words[n] && n + 1 < WORDS_MAX; n++)
        args[n + 1] = words[n];
    if (dup2(output, STDOUT_FILENO) < 0 || dup2(output, STDERR_FILENO) < 0)
        _exit(127);
    execv(script, (char *const *)args);
    dprintf(STDERR_FILENO, "cannot run %s: %s", script, strerror(errno));
    _exit(127);
}

/* Reads all that comes from FD, keeps what OUTPUT has room for, and removes
 * the ends of lines behind it. */
static void read_output(int fd, char *output)
{
    char rest[256];
    size_t len = 0;
    ssize_t n;

    for (;;) {
        size_t room = HELPER_OUTPUT - 1 - len;

        if (room)
            n = read(fd, output + len, room);
        else
            n = read(fd, rest, sizeof(rest));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        if (room) len += (size_t)n;
    }
    while (len && output[len - 1] == '\n')
        len--;
    output[len] = '\0';
}

/* Waits for the child; returns whether it succeeded. */
static int wait_for(pid_t child)
{
    int status;
    pid_t pid;

    do
        pid = waitpid(child, &status, 0);
    while (pid < 0 && errno == EINTR);
    return pid == child && WIFEXITED(status) && !WEXITSTATUS(status)
               ? 0
               : ERROR_FAIL;
}

int helper_run(char *output, const char *const *words)
{
    int ends[2] = {-1, -1};
    int rc = ERROR_FAIL;
    pid_t child;

    *output = '\0';
    if (pipe2(ends, O_CLOEXEC)) goto out;
    child = fork();
    if (child < 0) goto out;
    if (!child) run_script(ends[1], words);
    close(ends[1]);
    ends[1] = -1;
    read_output(ends[0], output);
    rc = wait_for(child);
    errno = 0;
out:
    if (rc && !*output)
        snprintf(output, HELPER_OUTPUT, "%s",
                 errno ? strerror(errno) : "no reason given");
    if (ends[0] >= 0) close(ends[0]);
    if (ends[1] >= 0) close(ends[1]);
    return rc;
}
