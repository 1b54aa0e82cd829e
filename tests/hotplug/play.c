/* The machine that a test of disks plays, as files below $FAKE: xenstore (as
 * the tools in fake/ have it: a directory for each node, with its value in the
 * file "="), block devices (a line in "devices" for each), loop devices
 * (directories of the played sysfs). */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include <xenstore.h>

#include "log.h"
#include "loop.h"

#define PATH_SIZE 4096

int __real_stat(const char *path, struct stat *st);
int __wrap_stat(const char *path, struct stat *st);
int __wrap_loop_free(char *path);
int __wrap_loop_attach(const char *path, int fd, bool reads_only);
int __wrap_loop_detach(const char *path);

static void fake_path(char *path, const char *directory, const char *name)
{
    snprintf(path, PATH_SIZE, "%s/%s%s", getenv("FAKE"), directory, name);
}

static bool fake_exists(const char *name)
{
    char path[PATH_SIZE];

    fake_path(path, "", name);
    return !access(path, F_OK);
}

/* Appends a line to a file of the test. */
static void note(const char *name, const char *line)
{
    FILE *f = open_file(name);

    fprintf(f, "%s\n", line);
    fclose(f);
}

static bool write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "we");

    if (!f) return false;
    fputs(text, f);
    return !fclose(f);
}

/* --- xenstored */

struct xs_handle *xs_open(unsigned long flags)
{
    (void)flags;
    return (struct xs_handle *)1;
}

void xs_close(struct xs_handle *xs)
{
    (void)xs;
}

/* A relative path is one of dom0's. */
static void node(char *path, const char *name)
{
    fake_path(path, *name == '/' ? "store" : "store/local/domain/0/", name);
}

/* Whether xenstored answers: "no-answer" has what the paths end with, or are
 * below, that it does not. */
static bool answers(const char *name)
{
    char path[PATH_SIZE];
    char line[PATH_SIZE] = "";
    FILE *f;

    note("asked", name);
    fake_path(path, "", "no-answer");
    f = fopen(path, "re");
    if (!f) return true;
    if (fgets(line, sizeof(line), f)) line[strcspn(line, "\n")] = '\0';
    fclose(f);
    errno = EIO;
    return !strstr(name, line);
}

void *xs_read(struct xs_handle *xs, xs_transaction_t t, const char *name,
              unsigned int *len)
{
    char path[PATH_SIZE];
    char *text;
    size_t n;
    FILE *f;

    (void)xs;
    (void)t;
    if (!answers(name)) return NULL;
    node(path, name);
    strcat(path, "/=");
    f = fopen(path, "re");
    if (!f) return NULL;
    text = calloc(1, PATH_SIZE);
    n = fread(text, 1, PATH_SIZE - 1, f);
    fclose(f);
    *len = (unsigned int)n;
    return text;
}

/* As libxenstore: one allocation with the pointers and the names. */
char **xs_directory(struct xs_handle *xs, xs_transaction_t t, const char *name,
                    unsigned int *n)
{
    char path[PATH_SIZE];
    struct dirent *entry;
    char **list;
    char *at;
    DIR *directory;

    (void)xs;
    (void)t;
    if (!answers(name)) return NULL;
    node(path, name);
    directory = opendir(path);
    if (!directory) return NULL;
    list = calloc(1, 256 * (sizeof(char *) + 256));
    at = (char *)(list + 256);
    *n = 0;
    while ((entry = readdir(directory)))
        if (*entry->d_name != '.' && *entry->d_name != '=' && *n < 256) {
            list[(*n)++] = at;
            at = stpcpy(at, entry->d_name) + 1;
        }
    closedir(directory);
    return list;
}

static bool make_directories(char *path)
{
    char *slash;

    for (slash = strchr(path + 1, '/'); slash;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, 0755) && errno != EEXIST) return false;
        *slash = '/';
    }
    return true;
}

bool xs_write(struct xs_handle *xs, xs_transaction_t t, const char *name,
              const void *data, unsigned int len)
{
    char new[PATH_SIZE + 16];
    char path[PATH_SIZE];

    (void)xs;
    (void)t;
    if (strlen(data) != len) abort();
    if (fake_exists("store-is-broken")) {
        errno = EIO;
        return false;
    }
    node(path, name);
    strcat(path, "/=");
    snprintf(new, sizeof(new), "%s.%d", path, (int)getpid());
    return make_directories(new) && write_file(new, data) &&
           !rename(new, path);
}

xs_transaction_t xs_transaction_start(struct xs_handle *xs)
{
    (void)xs;
    return 1;
}

/* The first one of a test with "conflict" has to be done again. */
bool xs_transaction_end(struct xs_handle *xs, xs_transaction_t t, bool abort)
{
    char path[PATH_SIZE];

    (void)xs;
    (void)t;
    (void)abort;
    fake_path(path, "", "conflict");
    if (unlink(path)) return true;
    errno = EAGAIN;
    return false;
}

/* --- The kernel */

/* The number of a device that a test has listed. */
static bool find_device(const char *wanted, dev_t *number)
{
    char path[PATH_SIZE];
    char line[PATH_SIZE];
    bool found = false;
    size_t len = strlen(wanted);
    FILE *f;

    if (!strncmp(wanted, "/dev/loop", 9)) {
        *number = makedev(7, (unsigned int)atoi(wanted + 9));
        return true;
    }
    fake_path(path, "", "devices");
    f = fopen(path, "re");
    if (!f) return false;
    while (!found && fgets(line, sizeof(line), f))
        found = !strncmp(line, wanted, len) && line[len] == ' ' &&
                number_parse(line + len + 1, 16, number);
    fclose(f);
    return found;
}

int __wrap_stat(const char *path, struct stat *st)
{
    dev_t number;

    note("stat.log", path);
    if (!find_device(path, &number)) return __real_stat(path, st);
    *st = (struct stat){.st_mode = S_IFBLK, .st_rdev = number};
    return 0;
}

/* The played sysfs' file of a loop device. */
static void loop_file(char *path, const char *loop, const char *name)
{
    char directory[64];

    snprintf(directory, sizeof(directory), "sys/block/%s", loop + 5);
    fake_path(path, directory, name);
}

/* Between the question for a free one and the answer lies a moment. */
int __wrap_loop_free(char *loop)
{
    char path[PATH_SIZE];
    int n;

    for (n = 0;; n++) {
        snprintf(loop, LOOP_PATH, "/dev/loop%d", n);
        loop_file(path, loop, "/loop/backing_file");
        if (access(path, F_OK)) break;
    }
    usleep(50000);
    return 0;
}

static bool make_loop(const char *loop, const char *backing)
{
    char path[PATH_SIZE];
    char line[PATH_SIZE];
    bool made;

    loop_file(path, loop, "/loop/backing_file");
    if (!make_directories(path)) return false;
    made = access(path, F_OK) && write_file(path, backing);
    snprintf(line, sizeof(line), "7:%s\n", loop + 9);
    loop_file(path, loop, "/dev");
    return made && write_file(path, line);
}

int __wrap_loop_attach(const char *loop, int fd, bool reads_only)
{
    char link[64];
    char line[PATH_SIZE] = "";
    char path[PATH_SIZE];

    snprintf(line, sizeof(line), "%s%s", reads_only ? "-r " : "", loop);
    note("losetup.log", line);
    if (fake_exists("loop-is-stolen")) {
        fake_path(path, "", "loop-is-stolen");
        unlink(path);
        make_loop(loop, "/somebody/elses\n");
    }
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    memset(line, 0, sizeof(line));
    if (readlink(link, line, sizeof(line) - 2) < 0) return -errno;
    strcat(line, "\n");
    return make_loop(loop, line) ? 0 : -EBUSY;
}

int __wrap_loop_detach(const char *loop)
{
    char path[PATH_SIZE];

    loop_file(path, loop, "/loop/backing_file");
    if (unlink(path)) return -errno;
    loop_file(path, loop, "/loop");
    return rmdir(path) ? -errno : 0;
}
