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

static const char *const names[KEYS] = {
    [KEY_BRIDGE] = "bridge",   [KEY_FRONTEND] = "frontend",
    [KEY_IP] = "ip",           [KEY_FRONTEND_ID] = "frontend-id",
    [KEY_HANDLE] = "handle",   [KEY_MAC] = "mac",
    [KEY_MTU] = "mtu",         [KEY_RATE] = "rate",
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
            if (!strcmp(list[i], names[key])) d->there[key] = true;
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
        if (join_path(path, d->path, names[key]))
            d->value[key] = xs_read(d->xs, XBT_NULL, path, &len);
        /* It may have been removed since. Any other failure must not pass for
         * a missing key: the guest would be in the wrong VLAN. */
        if (!d->value[key] && errno != ENOENT)
            return device_fail(d, "cannot read %s in xenstore: %s", names[key],
                               strerror(errno));
        d->there[key] = d->value[key] != NULL;
    }
    *value = d->value[key];
    return 0;
}

static bool write_key(struct device *d, const char *directory, const char *key,
                      const char *value)
{
    char path[PATH_MAX];

    return d->xs && join_path(path, directory, key) &&
           xs_write(d->xs, XBT_NULL, path, value, (unsigned int)strlen(value));
}

int device_write(struct device *d, const char *directory, const char *key,
                 const char *value)
{
    if (write_key(d, directory, key, value)) return 0;
    return device_fail(d, "cannot write %s/%s in xenstore: %s", directory, key,
                       strerror(errno));
}

int device_fail(struct device *d, const char *format, ...)
{
    char text[TEXT_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    /* The reason first: libxl reads it as soon as it sees the status. */
    write_key(d, d->path, "hotplug-error", text);
    write_key(d, d->path, "hotplug-status", "error");
    syslog(LOG_ERR, "%s: %s", d->path, text);
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
