/*
 * The device in xenstore: its keys in the back end's directory, and what libxl
 * and the system log hear of it.
 */
#ifndef HOTPLUG_DEVICE_H
#define HOTPLUG_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <xenstore.h>

/* The keys that the scripts use. Each is one request, if it is there. */
enum device_key {
    KEY_BRIDGE,
    KEY_FRONTEND,
    KEY_FRONTEND_ID,
    KEY_HANDLE,
    KEY_IP,
    KEY_MAC,
    KEY_MODE,
    KEY_MTU,
    KEY_NODE,
    KEY_PARAMS,
    KEY_PHYSICAL_DEVICE,
    KEY_RATE,
    KEY_VIFNAME,
    KEY_VLAN,
    KEYS
};

struct device {
    struct xs_handle *xs; /* NULL: xenstored cannot be reached */
    const char *path;     /* of the back end's directory; the caller's */
    bool listed;          /* `there` is known */
    bool there[KEYS];
    char *value[KEYS]; /* as read so far */
};

/* Connects to xenstored. A failure is reported by the first device_get. PATH
 * must outlive *D. */
void device_open(struct device *d, const char *path);
void device_close(struct device *d);

/* Reads a key: *VALUE is the device's, or NULL if there is no such key. It
 * fails, and has reported that, if xenstored does not say. */
int device_get(struct device *d, enum device_key key, const char **value);

/* Reads DIRECTORY/KEY of any device or domain: *VALUE, which the caller frees,
 * is NULL if there is none. Returns a negative errno if xenstored does not
 * say, and reports nothing. */
int device_look(const struct device *d, const char *directory, const char *key,
                char **value);

/* The names below DIRECTORY, *N of them, in an allocation that the caller
 * frees; NULL and 0 if there are none. As device_look otherwise. */
int device_list(const struct device *d, const char *directory, char ***names,
                unsigned int *n);

/* Writes VALUE to DIRECTORY/KEY. */
int device_write(struct device *d, const char *directory, const char *key,
                 const char *value);

/* Writes the COUNT PAIRS of key and value below the device in one transaction,
 * so that no reader sees half of it. Returns 0 or a negative errno, and
 * reports nothing. */
int device_write_all(const struct device *d, const char *const (*pairs)[2],
                     size_t count);

/* Reports why there is no device: in hotplug-error, which libxl shows to the
 * user, and in the log. Returns ERROR_FAIL. */
int device_fail(struct device *d, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* As device_fail, where the reason is that something else is using it. */
int device_busy(struct device *d, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Logs a warning. */
void device_warn(const struct device *d, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
