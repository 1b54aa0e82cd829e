/* Commands without domd: console, log, versions, shutdown. */
#include "xenith/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/visible.h"
#include "policy/read.h"
#include "xenith/release.h"

/* ---- the console and its log -------------------------------------------- */

static bool check_name(const char *cmd, const char *name)
{
    if (name && policy_name_ok(name)) return true;
    if (name)
        fprintf(stderr, "xenith: %s: \"%s\" is not a domain name\n", cmd,
                name);
    else
        fprintf(stderr, "xenith: %s: missing domain name\n", cmd);
    return false;
}

int cmd_console(const struct options *o, char *const *args)
{
    (void)o;
    if (!check_name("console", *args)) return EXIT_USAGE;
    execl("/usr/sbin/xl", "xl", "console", *args, (char *)NULL);
    fprintf(stderr, "xenith: cannot start /usr/sbin/xl: %s\n",
            strerror(errno));
    return EXIT_WRONG;
}

/* Prints guest output for a terminal, which must not obey it. REST is the
 * unprinted rest; MORE: this is not the end. */
static void print_rest(struct buf *rest, bool more)
{
    struct buf shown = {0};
    size_t used = 0;

    if (rest->len) used = visible_lines(&shown, rest->s, rest->len, more);
    buf_drop(rest, used);
    if (shown.len) fwrite(shown.s, 1, shown.len, stdout);
    buf_dispose(&shown);
}

/* Copies FD to standard output. REST: NULL if that is no terminal, and gets
 * the log as it is. */
static void copy_rest(int fd, struct buf *rest)
{
    char chunk[8192];
    ssize_t n;

    while ((n = read(fd, chunk, sizeof(chunk))) > 0) {
        if (rest) {
            buf_add(rest, chunk, (size_t)n);
            print_rest(rest, true);
        } else {
            fwrite(chunk, 1, (size_t)n, stdout);
        }
    }
    fflush(stdout);
}

/* Continues the log at PATH, read so far from FD (-1: none). It may be rotated
 * or truncated. Returns the descriptor to go on with. */
static int follow_log(const char *path, int fd, struct buf *rest)
{
    struct stat there;
    struct stat ours;
    int next;

    if (fd >= 0) copy_rest(fd, rest);
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
        copy_rest(fd, rest); /* the last of it */
        close(fd);
    }
    return next;
}

int cmd_log(const struct options *o, char *const *args)
{
    struct buf left_over = {0};
    struct buf *rest = isatty(STDOUT_FILENO) ? &left_over : NULL;
    char *path;
    char *before;
    int fd;
    int rc = EXIT_OK;

    if (!check_name("log", *args)) return EXIT_USAGE;
    path = xasprintf("%s/guest-%s.log", o->console_dir, *args);
    before = xasprintf("%s.1", path);
    fd = open(before, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) copy_rest(fd, rest);
    if (access(path, R_OK) && (fd < 0 || errno != ENOENT)) {
        fprintf(stderr, "xenith: cannot read %s: %s\n", path, strerror(errno));
        rc = EXIT_WRONG;
    }
    /* NAME.1 is read to its end; the log follows. */
    while (!rc) {
        fd = follow_log(path, fd, rest);
        if (!o->watch) break;
        usleep(200000);
    }
    if (fd >= 0) {
        if (!rc) copy_rest(fd, rest);
        close(fd);
    }
    print_rest(&left_over, false);
    buf_dispose(&left_over);
    free(path);
    free(before);
    return rc;
}

/* ---- the versions ------------------------------------------------------- */

int cmd_version(const struct options *o, char *const *args)
{
    struct release r;
    struct buf out = {0};

    (void)args;
    release_read(&r, "");
    if (o->json)
        release_json(&r, &out);
    else
        release_text(&r, &out);
    xenith_print(&out);
    buf_dispose(&out);
    release_dispose(&r);
    return EXIT_OK;
}

/* ---- the way down ------------------------------------------------------- */

/* init shuts the host down, and stops the domains. */
int cmd_poweroff(const struct options *o, char *const *args)
{
    (void)o;
    (void)args;
    execlp("poweroff", "poweroff", (char *)NULL);
    fprintf(stderr, "xenith: cannot start poweroff: %s\n", strerror(errno));
    return EXIT_WRONG;
}
