/*
 * vif-nat: gives a guest a private network with dom0, which routes and
 * masquerades its traffic.
 *
 * Keys: ip (the guest's address, A.B.C.D or A.B.C.D/N; default 10.X.Y.Z from
 * the domain's and the card's number), frontend-id, handle, mac, rate,
 * vifname. The router is the guest's address plus 127 in the last byte; the
 * guest needs a static configuration. What the guest sends from another
 * address is dropped.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "helper.h"
#include "link.h"
#include "lock.h"
#include "router.h"
#include "util.h"

/* Room for what the domain file has in the place of an address. */
#define GUEST_TEXT 64

/* Writes the guest's address into GUEST, of GUEST_TEXT; nothing if its keys
 * are gone. */
static int get_guest(struct vif *v, char *guest)
{
    const char *frontend = NULL;
    const char *handle = NULL;
    unsigned long domid;
    const char *ip;
    int rc = device_get(&v->device, KEY_IP, &ip);

    *guest = '\0';
    if (!rc && ip)
        snprintf(guest, GUEST_TEXT, "%.*s", (int)strcspn(ip, "/ "), ip);
    if (rc || ip) return rc;
    rc = device_get(&v->device, KEY_FRONTEND_ID, &frontend);
    if (!rc) rc = device_get(&v->device, KEY_HANDLE, &handle);
    if (rc || !frontend) return rc;
    domid = strtoul(frontend, NULL, 10);
    snprintf(guest, GUEST_TEXT, "10.%lu.%lu.%lu", domid / 256, domid % 256,
             handle ? strtoul(handle, NULL, 10) + 1 : 1);
    return 0;
}

static int run_helper(struct vif *v, const char *function, const char *guest)
{
    char output[HELPER_OUTPUT];

    if (!helper_run(output, (const char *const[]){function, guest, NULL}))
        return 0;
    return device_fail(&v->device, "cannot masquerade %s: %s", guest, output);
}

/* Two at once would both find no chain, and make two. */
static int masquerade(struct vif *v, const char *guest)
{
    int fd = lock_take("vif-nat");
    int rc;

    if (fd < 0)
        return device_fail(&v->device, "cannot lock the rules of vif-nat: %s",
                           strerror(-fd));
    rc = run_helper(v, "guest_masquerade", guest);
    close(fd);
    return rc;
}

/* An HVM guest's emulated card goes first; the vif still needs the rules. */
static int disconnect(struct vif *v)
{
    char output[HELPER_OUTPUT];
    char guest[GUEST_TEXT];

    if (!v->tap && !get_guest(v, guest) && *guest)
        helper_run(output, (const char *const[]){"guest_forget", guest, NULL});
    if (v->index) link_down(&v->netlink, v->index, false);
    return 0;
}

int vif_nat(struct vif *v)
{
    char text[GUEST_TEXT];
    struct prefix guest;
    struct prefix router;
    int rc;

    if (!v->up) return disconnect(v);
    rc = get_guest(v, text);
    if (rc) return rc;
    rc = prefix_parse(text, strlen(text), &guest);
    if (rc || guest.family != AF_INET || guest.bytes[3] >= 128)
        return device_fail(&v->device,
                           "cannot connect %s: ip=%s is invalid for vif-nat; "
                           "use a last byte below 128",
                           v->name, text);
    router = guest;
    router.bytes[3] = (unsigned char)(router.bytes[3] + 127);
    rc = vif_guard(v, text, true);
    if (!rc) rc = vif_limit(v);
    if (!rc) rc = router_start(v, &router);
    if (!rc) rc = router_route(v, &guest, &router);
    if (!rc) rc = router_allow(v, "ipv4", v->name, "proxy_arp");
    if (!rc) rc = router_allow(v, "ipv4", NULL, "ip_forward");
    if (!rc) rc = masquerade(v, text);
    return rc ? rc : vif_connected(v, NULL);
}
