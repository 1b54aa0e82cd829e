/*
 * What xenstored, and the files that the kernel and this program write, say of
 * disks. The input is text: a byte for the script and one for failures, lines
 * PATH=VALUE of the store, after an empty line the lines of `uses`, and after
 * another those of mountinfo.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "block.h"
#include "lock.h"
#include "loop.h"
#include "util.h"

#define NODES_MAX 64
#define PATH      "backend/vbd/3/51712"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
FILE *__real_fopen(const char *path, const char *how);
int __real_rename(const char *from, const char *to);
int __real_stat(const char *path, struct stat *st);
int __real_open(const char *path, int flags, ...);
FILE *__wrap_fopen(const char *path, const char *how);
int __wrap_rename(const char *from, const char *to);
int __wrap_stat(const char *path, struct stat *st);
int __wrap_open(const char *path, int flags, ...);
int __wrap_glob(const char *pattern, int flags,
                int (*failed)(const char *, int), glob_t *matches);
int __wrap_lock_take(const char *name);
int __wrap_loop_free(char *path);
int __wrap_loop_attach(const char *path, int fd, bool reads_only);
int __wrap_loop_detach(const char *path);

static struct {
    bool running;           /* not the fuzzer itself, which has files, too */
    char *nodes[NODES_MAX]; /* "PATH=VALUE" */
    size_t n_nodes;
    char *uses;
    char *mounts;
    char choice; /* bits: which failures there are */
    bool refused;
    bool connected;
    bool physical; /* physical-device has been written */
    int loops;     /* that are attached */
} world;

/* --- xenstored */

struct xs_handle *xs_open(unsigned long flags)
{
    (void)flags;
    return world.choice & 1 ? NULL : (struct xs_handle *)&world;
}

/* As libxenstore: one allocation with the pointers and the names. */
char **xs_directory(struct xs_handle *xs, xs_transaction_t t, const char *path,
                    unsigned int *n)
{
    size_t len = strlen(path);
    char **list;
    char *at;
    size_t i;

    (void)xs;
    (void)t;
    if (world.choice & 2) {
        errno = EIO;
        return NULL;
    }
    list = calloc(1, NODES_MAX * (sizeof(char *) + 4096));
    at = (char *)(list + NODES_MAX);
    *n = 0;
    for (i = 0; i < world.n_nodes; i++) {
        const char *rest = world.nodes[i] + len + 1;

        if (strncmp(world.nodes[i], path, len) || world.nodes[i][len] != '/')
            continue;
        list[(*n)++] = at;
        at = (char *)mempcpy(at, rest, strcspn(rest, "/=")) + 1;
    }
    if (*n) return list;
    free(list);
    errno = ENOENT;
    return NULL;
}

void *xs_read(struct xs_handle *xs, xs_transaction_t t, const char *path,
              unsigned int *len)
{
    size_t path_len = strlen(path);
    size_t i;

    (void)xs;
    (void)t;
    for (i = 0; i < world.n_nodes; i++) {
        const char *node = world.nodes[i];

        if (strncmp(node, path, path_len) || node[path_len] != '=') continue;
        *len = (unsigned int)strlen(node + path_len + 1);
        return strdup(node + path_len + 1);
    }
    errno = world.choice & 4 ? EIO : ENOENT;
    return NULL;
}

bool xs_write(struct xs_handle *xs, xs_transaction_t t, const char *path,
              const void *data, unsigned int len)
{
    unsigned int numbers[2];

    (void)xs;
    (void)t;
    if (strlen(data) != len || strncmp(path, PATH "/", strlen(PATH "/")))
        abort();
    if (!strcmp(path, PATH "/hotplug-status")) {
        world.refused = !strcmp(data, "error") || !strcmp(data, "busy");
        world.connected = !strcmp(data, "connected");
        if (world.refused == world.connected) abort();
    }
    if (!strcmp(path, PATH "/physical-device")) {
        if (sscanf(data, "%x:%x", &numbers[0], &numbers[1]) != 2) abort();
        world.physical = true;
    }
    errno = EACCES;
    return !(world.choice & 8) || world.refused;
}

xs_transaction_t xs_transaction_start(struct xs_handle *xs)
{
    (void)xs;
    return 1;
}

bool xs_transaction_end(struct xs_handle *xs, xs_transaction_t t, bool cancel)
{
    (void)xs;
    (void)t;
    (void)cancel;
    return true;
}

/* --- The kernel */

static FILE *open_text(char *text)
{
    return *text ? fmemopen(text, strlen(text), "r")
                 : __real_fopen("/dev/null", "re");
}

FILE *__wrap_fopen(const char *path, const char *how)
{
    if (!world.running) return __real_fopen(path, how);
    if (*how == 'w') return __real_fopen("/dev/null", how);
    if (strstr(path, "/uses")) return open_text(world.uses);
    if (strstr(path, "mountinfo")) return open_text(world.mounts);
    errno = ENOENT;
    return NULL;
}

int __wrap_rename(const char *from, const char *to)
{
    if (!world.running) return __real_rename(from, to);
    errno = EIO;
    return world.choice & 16 ? -1 : 0;
}

/* Devices are below /dev, and files elsewhere, except those called "no". */
int __wrap_stat(const char *path, struct stat *st)
{
    if (!world.running) return __real_stat(path, st);
    memset(st, 0, sizeof(*st));
    if (!strncmp(path, "/dev/", 5)) {
        st->st_mode = S_IFBLK;
        st->st_rdev = makedev(0xfd, path[5]);
        return 0;
    }
    st->st_mode = path[1] == 'd' ? S_IFDIR : S_IFREG;
    st->st_ino = (ino_t)path[1];
    errno = ENOENT;
    return strcmp(path, "/no") ? 0 : -1;
}

int __wrap_open(const char *path, int flags, ...)
{
    va_list args;
    mode_t mode;

    va_start(args, flags);
    mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    if (!world.running) return __real_open(path, flags, mode);
    errno = EROFS;
    return world.choice & 32 && (flags & O_ACCMODE) == O_RDWR ? -1 : 1000;
}

int __wrap_glob(const char *pattern, int flags,
                int (*failed)(const char *, int), glob_t *matches)
{
    (void)pattern;
    (void)flags;
    (void)failed;
    (void)matches;
    return GLOB_NOMATCH;
}

int __wrap_lock_take(const char *name)
{
    if (strcmp(name, "block")) abort();
    return 1001;
}

int __wrap_loop_free(char *path)
{
    strcpy(path, "/dev/loop0");
    return 0;
}

int __wrap_loop_attach(const char *path, int fd, bool reads_only)
{
    (void)path;
    (void)reads_only;
    if (fd != 1000) abort();
    if (world.choice & 64) return -EBUSY;
    world.loops++;
    return 0;
}

int __wrap_loop_detach(const char *path)
{
    (void)path;
    world.loops--;
    return 0;
}

/* --- */

/* Reads the lines up to an empty one into the store; returns what follows. */
static char *read_nodes(char *text)
{
    char *next;

    for (; (next = strchr(text, '\n')); text = next + 1) {
        *next = '\0';
        if (!*text) return next + 1;
        if (world.n_nodes < NODES_MAX && strchr(text, '=') &&
            strlen(text) < 4096)
            world.nodes[world.n_nodes++] = text;
    }
    return text + strlen(text);
}

static int run(struct device *d, unsigned int script)
{
    static char numbers[64];
    char *const add[] = {"add", NULL};
    char *const leave[] = {"remove", NULL};
    char *const check[] = {"check", "w", "/dev/x", numbers, NULL};
    char *const take[] = {"note", "/dev/x", numbers, NULL};

    snprintf(numbers, sizeof(numbers), "%.32s", world.uses);
    switch (script) {
    case 0:
        return block_qemu(d, add);
    case 1:
        return block(d, leave);
    case 2:
        return block_use(d, check);
    case 3:
        return block_use(d, take);
    default:
        return block(d, add);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct device d;
    unsigned int script;
    char *text;
    char *parts;
    int rc;

    if (size < 3) return 0;
    memset(&world, 0, sizeof(world));
    script = data[0] % 8;
    /* So that letters give all, and a space no failure. */
    world.choice = (char)(data[1] == ' ' ? 0 : data[1]);
    text = malloc(size - 1);
    memcpy(text, data + 2, size - 2);
    text[size - 2] = '\0';
    world.uses = read_nodes(text);
    parts = strstr(world.uses, "\n\n");
    world.mounts = world.uses + strlen(world.uses);
    if (parts) {
        parts[1] = '\0';
        world.mounts = parts + 2;
    }
    device_open(&d, PATH);
    world.running = true;
    rc = run(&d, script);
    world.running = false;
    if (rc && d.xs && (!world.refused || world.connected)) abort();
    if (!rc && world.refused) abort();
    /* A loop device that nobody would take away again. */
    if (script > 3 && world.loops != (world.connected && world.loops)) abort();
    if (world.physical && script < 4) abort();
    device_close(&d);
    free(text);
    return 0;
}
