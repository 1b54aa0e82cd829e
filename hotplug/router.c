#include "router.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "link.h"
#include "util.h"

#define SETTINGS "/proc/sys/net/"

/* Room for an address with its prefix length. */
#define PREFIX_TEXT (INET6_ADDRSTRLEN + 4)

static const char *show_prefix(const struct prefix *prefix, char *text)
{
    char address[INET6_ADDRSTRLEN];

    if (!inet_ntop(prefix->family, prefix->bytes, address, sizeof(address)))
        *address = '\0';
    snprintf(text, PREFIX_TEXT, "%s/%u", address, prefix->bits);
    return text;
}

int router_start(struct vif *v, const struct prefix *own)
{
    char text[PREFIX_TEXT];
    int r = address_add(&v->netlink, v->index, own);

    if (r)
        return device_fail(&v->device, "cannot give %s the address %s: %s",
                           v->name, show_prefix(own, text), v->netlink.reason);
    r = link_up(&v->netlink, v->index);
    if (r)
        return device_fail(&v->device, "cannot start %s: %s", v->name,
                           v->netlink.reason);
    return 0;
}

int router_route(struct vif *v, const struct prefix *to,
                 const struct prefix *own)
{
    char text[PREFIX_TEXT];
    /* The tap's route is the better one, until the guest unplugs it. */
    unsigned int metric = v->tap ? 1 : 2;
    int r = route_add(&v->netlink, v->index, to, own, metric);

    if (!r) return 0;
    return device_fail(&v->device, "cannot route %s to %s: %s",
                       show_prefix(to, text), v->name, v->netlink.reason);
}

int router_allow(struct vif *v, const char *family, const char *interface,
                 const char *setting)
{
    char path[PATH_MAX];
    ssize_t n = -1;
    int fd;

    if (interface)
        snprintf(path, sizeof(path), SETTINGS "%s/conf/%s/%s", family,
                 interface, setting);
    else
        snprintf(path, sizeof(path), SETTINGS "%s/%s", family, setting);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd >= 0) n = write(fd, "1\n", 2);
    if (n == 2) {
        close(fd);
        return 0;
    }
    device_fail(&v->device, "cannot enable %s: %s", path + strlen(SETTINGS),
                strerror(errno));
    if (fd >= 0) close(fd);
    return ERROR_FAIL;
}
