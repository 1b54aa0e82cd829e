#include "device.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "util.h"

/* What xenstored takes at most, less the path. */
#define TEXT_MAX 2048

static const char *const key_names[KEYS] = {
    [KEY_BRIDGE] = "bridge",   [KEY_FRONTEND] = "frontend",
    [KEY_IP] = "ip",           [KEY_FRONTEND_ID] = "frontend-id",
    [KEY_HANDLE] = "handle",   [KEY_MAC] = "mac",
    [KEY_MODE] = "mode",       [KEY_MTU] = "mtu",
    [KEY_NODE] = "node",       [KEY_PARAMS] = "params",
    [KEY_RATE] = "rate",       [KEY_PHYSICAL_DEVICE] = "physical-device",
    [KEY_VIFNAME] = "vifname", [KEY_VLAN] = "vlan",
};

void device_open(struct device *d, const char *path)
{
    *d = (struct device){.path = path, .xs = xs_open(0)};
}

void device_close(struct device *d)
{
    int i;

    for (i = 0; i < KEYS; i++)
        free(d->value[i]);
    if (d->xs) xs_close(d->xs);
    *d = (struct device){0};
}

/* Learns which keys there are, so that only these cost a request. */
static int list_keys(struct device *d)
{
    unsigned int n = 0;
    unsigned int i;
    int key;
    char **list;

    if (!d->xs)
        return device_fail(d, "cannot read the device's keys: xenstored "
                              "cannot be reached");
    list = xs_directory(d->xs, XBT_NULL, d->path, &n);
    if (!list && errno != ENOENT)
        return device_fail(d, "cannot list the device's keys in xenstore: %s",
                           strerror(errno));
    for (i = 0; list && i < n; i++)
        for (key = 0; key < KEYS; key++)
            if (!strcmp(list[i], key_names[key])) d->there[key] = true;
    free(list);
    d->listed = true;
    return 0;
}

/* Returns DIRECTORY/KEY in PATH, which has PATH_MAX bytes, or NULL. */
static const char *join_path(char *path, const char *directory,
                             const char *key)
{
    int r = snprintf(path, PATH_MAX, "%s/%s", directory, key);

    if (r >= 0 && r < PATH_MAX) return path;
    errno = ENAMETOOLONG;
    return NULL;
}

int device_get(struct device *d, enum device_key key, const char **value)
{
    char path[PATH_MAX];
    unsigned int len;
    int rc = d->listed ? 0 : list_keys(d);

    *value = NULL;
    if (rc) return rc;
    if (d->there[key] && !d->value[key]) {
        if (join_path(path, d->path, key_names[key]))
            d->value[key] = xs_read(d->xs, XBT_NULL, path, &len);
        /* It may have been removed since. Any other failure must not pass for
         * a missing key: the guest would be in the wrong VLAN. */
        if (!d->value[key] && errno != ENOENT)
            return device_fail(d, "cannot read %s in xenstore: %s",
                               key_names[key], strerror(errno));
        d->there[key] = d->value[key] != NULL;
    }
    *value = d->value[key];
    return 0;
}

int device_look(const struct device *d, const char *directory, const char *key,
                char **value)
{
    char path[PATH_MAX];
    unsigned int len;

    *value = NULL;
    if (!d->xs) return -ENOTCONN;
    if (!join_path(path, directory, key)) return -errno;
    *value = xs_read(d->xs, XBT_NULL, path, &len);
    return *value || errno == ENOENT ? 0 : -errno;
}

int device_list(const struct device *d, const char *directory, char ***names,
                unsigned int *n)
{
    *n = 0;
    *names = NULL;
    if (!d->xs) return -ENOTCONN;
    *names = xs_directory(d->xs, XBT_NULL, directory, n);
    if (*names) return 0;
    *n = 0;
    return errno == ENOENT ? 0 : -errno;
}

static bool write_key(const struct device *d, xs_transaction_t t,
                      const char *directory, const char *key,
                      const char *value)
{
    char path[PATH_MAX];

    return d->xs && join_path(path, directory, key) &&
           xs_write(d->xs, t, path, value, (unsigned int)strlen(value));
}

int device_write(struct device *d, const char *directory, const char *key,
                 const char *value)
{
    if (write_key(d, XBT_NULL, directory, key, value)) return 0;
    return device_fail(d, "cannot write %s/%s in xenstore: %s", directory, key,
                       strerror(errno));
}

int device_write_all(const struct device *d, const char *const (*pairs)[2],
                     size_t count)
{
    xs_transaction_t t;
    size_t i;
    bool ok;
    int r;

    if (!d->xs) return -ENOTCONN;
    do {
        t = xs_transaction_start(d->xs);
        if (t == XBT_NULL) return -errno;
        ok = true;
        for (i = 0; ok && i < count; i++)
            ok = write_key(d, t, d->path, pairs[i][0], pairs[i][1]);
        r = ok ? 0 : -errno;
        /* Somebody else wrote what this read: once more. */
        if (!xs_transaction_end(d->xs, t, !ok) && ok) r = -errno;
    } while (r == -EAGAIN);
    return r;
}

static void report(struct device *d, const char *status, const char *format,
                   va_list args)
{
    char text[TEXT_MAX];

    vsnprintf(text, sizeof(text), format, args);
    /* The reason first: libxl reads it as soon as it sees the status. */
    write_key(d, XBT_NULL, d->path, "hotplug-error", text);
    write_key(d, XBT_NULL, d->path, "hotplug-status", status);
    syslog(LOG_ERR, "%s: %s", d->path, text);
}

int device_fail(struct device *d, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    report(d, "error", format, args);
    va_end(args);
    return ERROR_FAIL;
}

int device_busy(struct device *d, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    report(d, "busy", format, args);
    va_end(args);
    return ERROR_FAIL;
}

void device_warn(const struct device *d, const char *format, ...)
{
    char text[TEXT_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    syslog(LOG_WARNING, "%s: %s", d->path, text);
}
