#include "block.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "lock.h"
#include "loop.h"
#include "sharing.h"
#include "util.h"

/* So often another program may take the free loop device first. */
#define ATTEMPTS 5

/* What is to be attached. */
struct disk {
    struct device *device;
    enum mode mode;
    char path[PATH_MAX];
    struct stat st;
};

static int get(struct device *d, enum device_key key, const char *name,
               const char **value)
{
    int rc = device_get(d, key, value);

    if (rc || *value) return rc;
    return device_fail(d, "cannot attach the disk: xenstore has no %s for it",
                       name);
}

/* Reads the mode and *PARAMS. */
static int read_keys(struct disk *k, const char **params)
{
    const char *mode;
    int rc = get(k->device, KEY_MODE, "mode", &mode);

    if (!rc) rc = get(k->device, KEY_PARAMS, "params", params);
    if (!rc) k->mode = mode_parse(mode);
    return rc;
}

/* Takes PATH, below /dev if it is relative, and looks at it. */
static int look_at(struct disk *k, const char *path)
{
    int r = snprintf(k->path, sizeof(k->path), "%s%s",
                     *path == '/' ? "" : "/dev/", path);

    if (r < 0 || (size_t)r >= sizeof(k->path))
        return device_fail(k->device, "cannot attach the disk: its path has "
                                      "too many characters");
    if (!stat(k->path, &k->st)) return 0;
    if (errno == ENOENT || errno == ENOTDIR)
        return device_fail(
            k->device, "cannot attach the disk: %s does not exist", k->path);
    return device_fail(k->device, "cannot attach the disk: %s: %s", k->path,
                       strerror(errno));
}

static int take_lock(struct device *d, const char *what, int *fd)
{
    *fd = lock_take("block");
    if (*fd >= 0) return 0;
    return device_fail(d,
                       "cannot attach %s: cannot take the lock of disks: %s",
                       what, strerror(-*fd));
}

/* Checks the disk's device, or its file and the loop devices on that. */
static int check(struct disk *k)
{
    struct numbers devices = {0};
    bool is_device = S_ISBLK(k->st.st_mode);
    int rc;

    if (is_device)
        numbers_add(&devices, k->st.st_rdev);
    else
        loops_of(&devices, &k->st);
    rc = sharing_check(k->device, k->path, k->mode, &devices,
                       is_device ? NULL : &k->st);
    numbers_free(&devices);
    return rc;
}

/* Tells the back end the device of that number and its path; NODE is a loop
 * device, or NULL. */
static int connected(struct disk *k, dev_t number, const char *path,
                     const char *node)
{
    char text[NUMBER_TEXT];
    const char *pairs[4][2] = {{"physical-device", text},
                               {"physical-device-path", path},
                               {"hotplug-status", "connected"},
                               {"node", node}};
    int rc = sharing_note(k->device, k->path, number);
    int r;

    if (rc) return rc;
    number_print(number, text);
    r = device_write_all(k->device, pairs, node ? 4 : 3);
    if (!r) return 0;
    return device_fail(k->device,
                       "cannot attach %s: xenstore cannot be written: %s",
                       k->path, strerror(-r));
}

/* Fails if libxl gave up meanwhile: it would not call `remove` for a device
 * set up now. */
static int still_wanted(struct disk *k)
{
    char *state = NULL;
    int rc = 0;
    int r = device_look(k->device, k->device->path, "state", &state);

    if (r || !state || strcmp(state, "2"))
        rc = device_fail(k->device,
                         "cannot attach %s: libxl gave up on the device while "
                         "this script waited (state %s)",
                         k->path, state ? state : "gone");
    free(state);
    return rc;
}

/* ---- block -------------------------------------------------------------- */

static int add_device(struct disk *k)
{
    int fd;
    int rc = take_lock(k->device, k->path, &fd);

    if (rc) return rc;
    rc = check(k);
    if (!rc) rc = connected(k, k->st.st_rdev, k->path, NULL);
    close(fd);
    return rc;
}

/* Puts the open file on a loop device, whose path is LOOP. */
static int attach(struct disk *k, int file, char *loop)
{
    int attempt;
    int r = 0;

    for (attempt = 1; attempt <= ATTEMPTS; attempt++) {
        r = loop_free(loop);
        if (r)
            return device_fail(k->device,
                               "cannot attach %s: there is no free loop "
                               "device: %s",
                               k->path, strerror(-r));
        r = loop_attach(loop, file, k->mode == MODE_READ);
        if (!r) return 0;
        syslog(LOG_NOTICE, "%s: attempt %d: %s: %s", k->device->path, attempt,
               loop, strerror(-r));
    }
    return device_fail(k->device,
                       "cannot attach %s: no loop device accepts it: %s",
                       k->path, strerror(-r));
}

static void detach(struct device *d, const char *loop)
{
    int r = loop_detach(loop);

    if (r)
        device_warn(d, "cannot detach the loop device %s: %s", loop,
                    strerror(-r));
}

/* With the lock held. */
static int add_open_file(struct disk *k, int file)
{
    char loop[LOOP_PATH];
    struct stat st;
    int rc = still_wanted(k);

    if (!rc) rc = check(k);
    if (!rc) rc = attach(k, file, loop);
    if (rc) return rc;
    if (stat(loop, &st))
        rc = device_fail(k->device, "cannot attach %s: %s: %s", k->path, loop,
                         strerror(errno));
    else
        rc = connected(k, st.st_rdev, loop, loop);
    if (rc) detach(k->device, loop);
    return rc;
}

static int add_file(struct disk *k)
{
    int flags = k->mode == MODE_READ ? O_RDONLY : O_RDWR;
    int file = open(k->path, flags | O_CLOEXEC);
    int lock;
    int rc;

    if (file < 0 && flags == O_RDWR && (errno == EROFS || errno == EACCES))
        return device_busy(k->device,
                           "cannot attach %s for writing: the file is "
                           "read-only; attach it read-only",
                           k->path);
    if (file < 0)
        return device_fail(k->device, "cannot attach %s: %s", k->path,
                           strerror(errno));
    rc = take_lock(k->device, k->path, &lock);
    if (!rc) {
        rc = add_open_file(k, file);
        close(lock);
    }
    close(file);
    return rc;
}

static int add(struct device *d)
{
    struct disk k = {.device = d};
    const char *value;
    int rc = device_get(d, KEY_PHYSICAL_DEVICE, &value);

    /* A second call for the same device has nothing to do. */
    if (rc || value) return rc;
    rc = read_keys(&k, &value);
    if (rc) return rc;
    /* An empty CD drive. */
    if (!*value)
        return device_write(d, d->path, "hotplug-status", "connected");
    rc = look_at(&k, value);
    if (rc) return rc;
    if (S_ISBLK(k.st.st_mode)) return add_device(&k);
    if (S_ISREG(k.st.st_mode)) return add_file(&k);
    return device_fail(d,
                       "cannot attach %s: it is neither a block device nor a "
                       "file",
                       k.path);
}

/* Uses what `add` recorded; the file may be gone by now. */
static int take_away(struct device *d)
{
    const char *node;
    int fd;
    int rc = device_get(d, KEY_NODE, &node);

    if (rc || !node) return rc;
    rc = take_lock(d, node, &fd);
    if (rc) return rc;
    detach(d, node);
    close(fd);
    return 0;
}

static int unknown_action(struct device *d, const char *script,
                          const char *action)
{
    return device_fail(d, "%s: unknown action '%s'", script,
                       action ? action : "");
}

int block(struct device *d, char *const *words)
{
    if (words[0] && !strcmp(words[0], "add")) return add(d);
    if (words[0] && !strcmp(words[0], "remove")) return take_away(d);
    return unknown_action(d, "block", words[0]);
}

/* ---- block-qemu --------------------------------------------------------- */

int block_qemu(struct device *d, char *const *words)
{
    struct disk k = {.device = d};
    const char *params;
    const char *path;
    int fd;
    int rc;

    if (!words[0] || strcmp(words[0], "add"))
        return unknown_action(d, "block-qemu", words[0]);
    rc = read_keys(&k, &params);
    if (rc) return rc;
    path = strchr(params, ':');
    path = path ? path + 1 : params;
    /* An empty CD drive, or one of QEMU's own network protocols. */
    if (*path != '/')
        return device_write(d, d->path, "hotplug-status", "connected");
    rc = look_at(&k, path);
    if (!rc) rc = take_lock(d, k.path, &fd);
    if (rc) return rc;
    rc = check(&k);
    if (!rc) rc = device_write(d, d->path, "hotplug-status", "connected");
    close(fd);
    return rc;
}

/* ---- block-use ---------------------------------------------------------- */

static int invalid_number(struct device *d, const char *what, const char *text)
{
    return device_fail(d, "cannot attach %s: %s is no MAJOR:MINOR", what,
                       text);
}

/* Reads the numbers of TEXT, which it splits. */
static int read_numbers(struct device *d, const char *what, char *text,
                        struct numbers *set)
{
    dev_t number;
    char *word;

    while ((word = strsep(&text, " "))) {
        if (!*word) continue;
        if (!number_parse(word, 16, &number))
            return invalid_number(d, what, word);
        numbers_add(set, number);
    }
    return 0;
}

static int check_for_script(struct device *d, const char *mode,
                            const char *what, char *text)
{
    struct numbers devices = {0};
    int rc = read_numbers(d, what, text, &devices);

    if (!rc) rc = sharing_check(d, what, mode_parse(mode), &devices, NULL);
    numbers_free(&devices);
    return rc;
}

int block_use(struct device *d, char *const *words)
{
    size_t n = 0;
    dev_t number;

    while (words[n])
        n++;
    if (n == 4 && !strcmp(words[0], "check"))
        return check_for_script(d, words[1], words[2], words[3]);
    if (n == 3 && !strcmp(words[0], "note")) {
        if (!number_parse(words[2], 16, &number))
            return invalid_number(d, words[1], words[2]);
        return sharing_note(d, words[1], number);
    }
    return unknown_action(d, "block-use", words[0]);
}
