/*
 * What xenstored and the kernel answer. The input is text: the script and the
 * action, a line for each key, and after an empty line the kernel's answers,
 * each behind a byte with its length; when these run out, it answers well.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_bridge.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "facts.h"
#include "helper.h"
#include "link.h"
#include "lock.h"
#include "router.h"
#include "util.h"
#include "vif.h"

#define KEYS_MAX 32
#define PATH     "backend/vif/3/0"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int __wrap_netlink_open(struct netlink *nl);
int __wrap_netlink_talk(struct netlink *nl, struct message *request,
                        struct answer *answer);

static struct {
    char *keys[KEYS_MAX]; /* "KEY=VALUE" */
    size_t n_keys;
    const uint8_t *kernel; /* its answers */
    size_t kernel_len;
    char choice; /* bits: which failures there are */
    bool guarded;
    bool joined; /* frames may pass */
    bool error;
    bool connected;
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
    size_t size = sizeof(char *) * (world.n_keys + 1);
    size_t at = size;
    char **list;
    size_t i;

    (void)xs;
    (void)t;
    if (strcmp(path, PATH)) abort();
    if (world.choice & 2) {
        errno = world.choice & 1 ? EIO : ENOENT;
        return NULL;
    }
    for (i = 0; i < world.n_keys; i++)
        size += strcspn(world.keys[i], "=") + 1;
    list = malloc(size);
    for (i = 0; i < world.n_keys; i++) {
        size_t len = strcspn(world.keys[i], "=");

        list[i] = (char *)list + at;
        memcpy(list[i], world.keys[i], len);
        list[i][len] = '\0';
        at += len + 1;
    }
    *n = (unsigned int)world.n_keys;
    return list;
}

void *xs_read(struct xs_handle *xs, xs_transaction_t t, const char *path,
              unsigned int *len)
{
    const char *key = path + strlen(PATH "/");
    size_t i;

    (void)xs;
    (void)t;
    if (strncmp(path, PATH "/", strlen(PATH "/"))) abort();
    for (i = 0; i < world.n_keys; i++) {
        size_t key_len = strcspn(world.keys[i], "=");

        if (strlen(key) != key_len || memcmp(key, world.keys[i], key_len))
            continue;
        if (!world.keys[i][key_len]) break;
        *len = (unsigned int)strlen(world.keys[i] + key_len + 1);
        return strdup(world.keys[i] + key_len + 1);
    }
    errno = world.choice & 4 ? EIO : ENOENT;
    return NULL;
}

bool xs_write(struct xs_handle *xs, xs_transaction_t t, const char *path,
              const void *data, unsigned int len)
{
    (void)xs;
    (void)t;
    if (strlen(data) != len) abort();
    if (!strcmp(path, PATH "/hotplug-status")) {
        world.error = !strcmp(data, "error");
        world.connected = !strcmp(data, "connected");
        if (world.error == world.connected) abort();
    } else if (strcmp(path, PATH "/hotplug-error") &&
               strcmp(path + strlen(path) - 4, "/mtu")) {
        abort();
    }
    errno = EACCES;
    return !(world.choice & 8) || world.error;
}

/* Only disks have these. */
xs_transaction_t xs_transaction_start(struct xs_handle *xs)
{
    (void)xs;
    abort();
}

bool xs_transaction_end(struct xs_handle *xs, xs_transaction_t t, bool cancel)
{
    (void)xs;
    (void)t;
    (void)cancel;
    abort();
}

/* --- The kernel */

int __wrap_netlink_open(struct netlink *nl)
{
    *nl = (struct netlink){.fd = -1};
    return 0;
}

/* Independent of the code under test: the attributes fill the message, and
 * only a VLAN is added. */
static void check_attributes(const char *at, size_t len, bool vlans)
{
    while (len) {
        const struct rtattr *attribute = (const struct rtattr *)at;
        size_t step;

        if (len < sizeof(*attribute) || attribute->rta_len > len ||
            attribute->rta_len < sizeof(*attribute))
            abort();
        if (vlans && attribute->rta_type == IFLA_AF_SPEC)
            check_attributes(RTA_DATA(attribute), RTA_PAYLOAD(attribute),
                             true);
        else if (vlans) {
            struct bridge_vlan_info info;

            memcpy(&info, RTA_DATA(attribute), sizeof(info));
            if (!info.vid || info.vid > 4094) abort();
        }
        step = RTA_ALIGN(attribute->rta_len);
        if (step > len) step = len;
        at += step;
        len -= step;
    }
}

static void check_request(const struct message *m)
{
    size_t fixed[] = {[RTM_NEWLINK] = sizeof(struct ifinfomsg),
                      [RTM_GETLINK] = sizeof(struct ifinfomsg),
                      [RTM_SETLINK] = sizeof(struct ifinfomsg),
                      [RTM_DELLINK] = sizeof(struct ifinfomsg),
                      [RTM_NEWADDR] = sizeof(struct ifaddrmsg),
                      [RTM_NEWROUTE] = sizeof(struct rtmsg),
                      [RTM_NEWNEIGH] = sizeof(struct ndmsg),
                      [RTM_DELNEIGH] = sizeof(struct ndmsg)};
    const struct ifinfomsg *link = NLMSG_DATA(&m->header);
    const struct rtmsg *route = NLMSG_DATA(&m->header);
    size_t start;

    if (m->header.nlmsg_type >= ARRAY_SIZE(fixed) ||
        !fixed[m->header.nlmsg_type] || m->header.nlmsg_len > sizeof(*m))
        abort();
    start = NLMSG_ALIGN(NLMSG_LENGTH(fixed[m->header.nlmsg_type]));
    check_attributes((const char *)m + start, m->header.nlmsg_len - start,
                     m->header.nlmsg_type == RTM_SETLINK);
    if (m->header.nlmsg_type == RTM_NEWROUTE &&
        route->rtm_dst_len > (route->rtm_family == AF_INET ? 32 : 128))
        abort();
    if (m->header.nlmsg_type == RTM_NEWLINK && link->ifi_flags)
        world.joined = true;
}

/* A bridge with VLANs, under the name that was asked for. */
static void answer_well(const struct message *request, struct answer *answer)
{
    struct ifinfomsg fixed = {.ifi_index = 7};
    const struct rtattr *name =
        (const struct rtattr *)((const char *)request +
                                NLMSG_LENGTH(sizeof(fixed)));
    static const uint8_t on = 1;
    struct message m;
    struct rtattr *info;
    struct rtattr *data;

    message_begin(&m, RTM_NEWLINK, 0, &fixed, sizeof(fixed));
    message_add_string(&m, IFLA_IFNAME, RTA_DATA(name));
    message_add_u32(&m, IFLA_MTU, 1500);
    info = message_nest(&m, IFLA_LINKINFO);
    message_add_string(&m, IFLA_INFO_KIND, "bridge");
    data = message_nest(&m, IFLA_INFO_DATA);
    message_add(&m, IFLA_BR_VLAN_FILTERING, &on, sizeof(on));
    message_nest_end(&m, data);
    message_nest_end(&m, info);
    m.header.nlmsg_seq = request->header.nlmsg_seq;
    answer->len = m.header.nlmsg_len;
    memcpy(answer->data, &m, answer->len);
}

int __wrap_netlink_talk(struct netlink *nl, struct message *request,
                        struct answer *answer)
{
    struct nlmsghdr header = {0};
    size_t len;

    request->header.nlmsg_seq = ++nl->sequence;
    check_request(request);
    if (!world.kernel_len) {
        if (request->header.nlmsg_type != RTM_GETLINK) return 0;
        answer_well(request, answer);
        return netlink_result(nl, answer, nl->sequence);
    }
    len = *world.kernel++ * 4u;
    world.kernel_len--;
    if (len > world.kernel_len) len = world.kernel_len;
    /* What is behind the answer is not one. */
    memset(answer->data, 0xa5, sizeof(answer->data));
    memcpy(answer->data, world.kernel, len);
    world.kernel += len;
    world.kernel_len -= len;
    answer->len = len;
    if (len >= sizeof(header)) {
        memcpy(&header, answer->data, sizeof(header));
        header.nlmsg_seq = nl->sequence;
        memcpy(answer->data, &header, sizeof(header));
    }
    return netlink_result(nl, answer, nl->sequence);
}

/* --- The rest of the machine */

bool __wrap_facts_guard_bridge(const char *bridge);
int __wrap_helper_run(char *output, const char *const *words);
int __wrap_lock_take(const char *name);
int __wrap_route_default(char *name);
int __wrap_address_get(const char *interface, struct prefix *prefix);
int __wrap_router_allow(struct vif *v, const char *family,
                        const char *interface, const char *setting);

bool __wrap_facts_guard_bridge(const char *bridge)
{
    if (!*bridge || strlen(bridge) >= IFNAMSIZ) abort();
    return world.choice & 16;
}

int __wrap_helper_run(char *output, const char *const *words)
{
    strcpy(output, "played");
    if (!strcmp(words[0], "frames_filter")) {
        size_t len = strlen(words[1]);

        if (!len || len >= IFNAMSIZ || !words[2] || !words[3]) abort();
        world.guarded = true;
    }
    return world.choice & 32 ? ERROR_FAIL : 0;
}

int __wrap_lock_take(const char *name)
{
    (void)name;
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

int __wrap_route_default(char *name)
{
    strcpy(name, "eth0");
    return world.choice & 64 ? ERROR_FAIL : 0;
}

int __wrap_address_get(const char *interface, struct prefix *prefix)
{
    (void)interface;
    return prefix_parse("10.0.2.15", 9, prefix);
}

int __wrap_router_allow(struct vif *v, const char *family,
                        const char *interface, const char *setting)
{
    (void)v;
    (void)family;
    (void)interface;
    return *setting ? 0 : ERROR_FAIL;
}

/* --- */

/* Of the input's size exactly, so that ASan sees a step too far. */
static void read_attributes(const uint8_t *data, size_t size)
{
    void *copy = malloc(size);
    uint16_t type;
    size_t found;

    memcpy(copy, data, size);
    for (type = 0; type < 4; type++) {
        const char *at = attribute_find(copy, size, type, 2, &found);

        if (at && (at + found > (char *)copy + size || found < 2)) abort();
        attribute_u32(copy, size, type, 0);
        attribute_u16(copy, size, type, 0);
        attribute_u8(copy, size, type, 0);
    }
    free(copy);
}

/* Reads the input; returns its copy, in which the keys are. */
static char *read_world(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    char *line;
    char *next;

    memcpy(text, data, size);
    text[size] = '\0';
    for (line = text; (next = strchr(line, '\n')); line = next + 1) {
        *next = '\0';
        if (!*line) {
            world.kernel = data + (next + 1 - text);
            world.kernel_len = size - (size_t)(next + 1 - text);
            break;
        }
        if (world.n_keys < KEYS_MAX) world.keys[world.n_keys++] = line;
    }
    return text;
}

typedef int script_fn(struct vif *v);

static int run(struct vif *v, unsigned int script)
{
    static script_fn *const scripts[] = {vif_bridge, vif_bridge, vif_route,
                                         vif_nat};
    int rc = vif_open(v, v->tap ? "vif3.0-emu" : "vif3.0");

    if (!rc) rc = scripts[script](v);
    if (strlen(v->name) >= IFNAMSIZ) abort();
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vif v = {.up = false};
    unsigned int script;
    char *text;
    int rc;

    if (size < 4) return 0;
    memset(&world, 0, sizeof(world));
    read_attributes(data, size);
    script = data[0] % 4;
    v.up = data[1] & 1;
    v.tap = data[1] & 2;
    v.guarded = script == 1;
    /* So that letters give all, and a space no failure. */
    world.choice = (char)(data[2] == ' ' ? 0 : data[2]);
    text = read_world(data + 4, size - 4);
    device_open(&v.device, PATH);
    rc = run(&v, script);
    if (!v.up && (rc || world.connected)) abort();
    if (v.up && !rc && (world.error || world.connected == v.tap)) abort();
    if (v.up && rc && v.device.xs && !world.error) abort();
    /* No frame passes before the filter is there. */
    if (script && world.joined && !world.guarded) abort();
    device_close(&v.device);
    free(text);
    return 0;
}
