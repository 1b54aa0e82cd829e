/*
 * Whose ARP tells the address of a guest: veths on a bridge, in a network
 * namespace, are the cards of two guests. Without the right to create the
 * namespace these tests are skipped, and say so.
 */
#include "tests/base/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/veth.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/if_ether.h>
#include <netpacket/packet.h>

#include "probe/internal.h"

/* ---- the store ---------------------------------------------------------- */

struct store {
    int fd;
};

static struct store store;
static const char *vifname; /* of guest 7's card; NULL: no card */
static const char *backend; /* of that card */

int store_fd(struct store *s)
{
    return s->fd;
}

bool store_watch(struct store *s, const char *path, const char *token)
{
    (void)s;
    (void)path;
    (void)token;
    return true;
}

void store_unwatch(struct store *s, const char *path, const char *token)
{
    (void)s;
    (void)path;
    (void)token;
}

char *store_event(struct store *s)
{
    (void)s;
    return NULL;
}

char *store_read(struct store *s, const char *path)
{
    (void)s;
    if (!strcmp(path, "/libxl/7/device/vif/0/mac"))
        return xstrdup("00:16:3e:00:00:07");
    if (!strcmp(path, "/libxl/7/device/vif/0/backend"))
        return xstrdup(backend);
    if (!strcmp(path, "/libxl/7/device/vif/0/vifname") && vifname)
        return xstrdup(vifname);
    return NULL;
}

void store_list(struct store *s, const char *path, struct strlist *names)
{
    (void)s;
    if (!strcmp(path, "/libxl/7/device/vif")) strlist_add(names, "0");
}

/* ---- the network -------------------------------------------------------- */

static int ctl = -1;

static void append_attribute(struct nlmsghdr *h, unsigned short type,
                             const void *data, size_t len)
{
    struct rtattr *a = (struct rtattr *)(void *)((char *)h + h->nlmsg_len);

    a->rta_type = type;
    a->rta_len = (unsigned short)RTA_LENGTH(len);
    if (len) memcpy(RTA_DATA(a), data, len);
    h->nlmsg_len += (uint32_t)RTA_ALIGN(RTA_LENGTH(len));
}

/* Creates the interface NAME, whose other end is PEER. */
static void make_veth(const char *name, const char *peer)
{
    union {
        struct nlmsghdr h;
        char room[1024];
    } m = {.h = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)),
                 .nlmsg_type = RTM_NEWLINK,
                 .nlmsg_flags =
                     NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK}};
    struct {
        struct ifinfomsg info;
        struct rtattr attr;
        char name[IFNAMSIZ];
    } other = {
        .attr = {.rta_type = IFLA_IFNAME, .rta_len = RTA_LENGTH(IFNAMSIZ)}};
    char kind_and_data[256];
    struct rtattr *a = (struct rtattr *)(void *)kind_and_data;
    size_t len;
    union {
        struct nlmsghdr h;
        char room[4096];
    } answer;
    int s = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    const struct nlmsgerr *error = NLMSG_DATA(&answer.h);

    append_attribute(&m.h, IFLA_IFNAME, name, strlen(name) + 1);
    snprintf(other.name, sizeof(other.name), "%s", peer);
    memset(kind_and_data, 0, sizeof(kind_and_data));
    a->rta_type = IFLA_INFO_KIND;
    a->rta_len = RTA_LENGTH(4);
    memcpy(RTA_DATA(a), "veth", 4);
    len = RTA_ALIGN(a->rta_len);
    a = (struct rtattr *)(void *)(kind_and_data + len);
    a->rta_type = IFLA_INFO_DATA;
    a->rta_len = (unsigned short)RTA_LENGTH(RTA_LENGTH(sizeof(other)));
    len += a->rta_len;
    a = RTA_DATA(a);
    a->rta_type = VETH_INFO_PEER;
    a->rta_len = RTA_LENGTH(sizeof(other));
    memcpy(RTA_DATA(a), &other, sizeof(other));
    append_attribute(&m.h, IFLA_LINKINFO, kind_and_data, len);
    assert_int_equal(send(s, &m, m.h.nlmsg_len, 0), m.h.nlmsg_len);
    assert_true(recv(s, &answer, sizeof(answer), 0) > 0);
    assert_int_equal(answer.h.nlmsg_type, NLMSG_ERROR);
    assert_int_equal(error->error, 0);
    close(s);
}

static void control(unsigned long request, struct ifreq *r, const char *name)
{
    snprintf(r->ifr_name, sizeof(r->ifr_name), "%s", name);
    if (ioctl(ctl, request, r)) fail_msg("%s: %s", name, strerror(errno));
}

static void bring_up(const char *name)
{
    struct ifreq r = {.ifr_flags = IFF_UP};

    control(SIOCSIFFLAGS, &r, name);
}

/* Creates a guest's card: NAME is on the bridge, PEER in the guest. */
static void make_card(const char *name, const char *peer)
{
    struct ifreq r = {0};

    make_veth(name, peer);
    bring_up(name);
    bring_up(peer);
    r.ifr_ifindex = (int)if_nametoindex(name);
    control(SIOCBRADDIF, &r, "xenbr0");
}

static void set_address(const char *name, const char *address)
{
    struct ifreq r = {0};
    struct sockaddr_in *in = (struct sockaddr_in *)(void *)&r.ifr_addr;

    in->sin_family = AF_INET;
    assert_int_equal(inet_pton(AF_INET, address, &in->sin_addr), 1);
    control(SIOCSIFADDR, &r, name);
    assert_int_equal(inet_pton(AF_INET, "255.255.255.0", &in->sin_addr), 1);
    control(SIOCSIFNETMASK, &r, name);
}

/* Announces on INTERFACE that MAC has ADDRESS. */
static void claim(const char *interface, const char *mac, const char *address)
{
    struct ether_arp arp = {.ea_hdr = {.ar_hrd = htons(ARPHRD_ETHER),
                                       .ar_pro = htons(ETHERTYPE_IP),
                                       .ar_hln = 6,
                                       .ar_pln = 4,
                                       .ar_op = htons(ARPOP_REQUEST)}};
    struct sockaddr_ll to = {.sll_family = AF_PACKET,
                             .sll_protocol = htons(ETH_P_ARP),
                             .sll_ifindex = (int)if_nametoindex(interface),
                             .sll_halen = 6,
                             .sll_addr = {255, 255, 255, 255, 255, 255}};
    int s = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    unsigned int b[6];
    size_t i;

    assert_int_equal(sscanf(mac, "%2x:%2x:%2x:%2x:%2x:%2x", &b[0], &b[1],
                            &b[2], &b[3], &b[4], &b[5]),
                     6);
    for (i = 0; i < 6; i++)
        arp.arp_sha[i] = (unsigned char)b[i];
    assert_int_equal(inet_pton(AF_INET, address, arp.arp_spa), 1);
    assert_int_equal(inet_pton(AF_INET, "10.9.8.250", arp.arp_tpa), 1);
    assert_int_equal(
        sendto(s, &arp, sizeof(arp), 0, (struct sockaddr *)&to, sizeof(to)),
        sizeof(arp));
    close(s);
}

#define OURS   "00:16:3e:00:00:07"
#define OTHERS "00:16:3e:00:00:08"

static int make_network(void **state)
{
    (void)state;
    /* /sys shows the network of the process that mounted it. */
    if (unshare(CLONE_NEWNET | CLONE_NEWNS) ||
        mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
        mount("sysfs", "/sys", "sysfs", 0, NULL))
        return 0;
    ctl = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(ioctl(ctl, SIOCBRADDBR, "xenbr0"), 0);
    bring_up("xenbr0");
    set_address("xenbr0", "10.9.8.1");
    make_card("vif7.0", "guest7");
    make_card("vif7.0-emu", "emulated7");
    make_card("web", "renamed7");
    make_card("vif8.0", "guest8");
    bring_up("lo");
    return 0;
}

/* ---- the tests ---------------------------------------------------------- */

static struct loop *loop;
static struct probes *probes;
static struct policy *policy;

static void is_ready(void *user, unsigned int dom, unsigned int gen)
{
    (void)user;
    (void)dom;
    (void)gen;
}

static int setup(void **state)
{
    (void)state;
    vifname = NULL;
    backend = "/local/domain/0/backend/vif/7/0";
    loop = loop_new();
    store.fd = eventfd(0, EFD_CLOEXEC);
    probes = probes_new(loop, &store, "/nowhere", is_ready, NULL);
    policy = policy_new("web", "web.cfg");
    policy->ready.kind = READY_TCP;
    policy->ready.port = 9;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    probes_free(probes);
    policy_free(policy);
    loop_free(loop);
    close(store.fd);
    return 0;
}

/* Starts to probe guest 7. */
static void begin(void)
{
    if (ctl < 0) {
        print_message("no network of our own: not tried\n");
        skip();
    }
    probe_start(probes, 0, 1, policy, 7);
    run_loop(loop, 100);
}

static void assert_known(const char *address)
{
    char text[INET_ADDRSTRLEN] = "none";
    struct in_addr ip;

    run_loop(loop, 300);
    if (probe_find_address(probes->v[0], &ip))
        assert_non_null(inet_ntop(AF_INET, &ip, text, sizeof(text)));
    assert_string_equal(text, address);
}

static void its_own_card(void **state)
{
    (void)state;
    begin();
    assert_known("none");
    claim("guest7", OURS, "10.9.8.7");
    assert_known("10.9.8.7");
    /* The address changes. */
    claim("guest7", OURS, "10.9.8.77");
    assert_known("10.9.8.77");
}

static void its_card_of_qemu(void **state)
{
    (void)state;
    begin();
    claim("emulated7", OURS, "10.9.8.7");
    assert_known("10.9.8.7");
}

static void its_card_by_another_name(void **state)
{
    (void)state;
    vifname = "web";
    begin();
    claim("guest7", OURS, "10.9.8.8");
    assert_known("none");
    claim("renamed7", OURS, "10.9.8.7");
    assert_known("10.9.8.7");
}

/* Packets of others leave by its card, too. */
static void another_guest_claims_its_card(void **state)
{
    (void)state;
    begin();
    claim("guest8", OURS, "10.9.8.8");
    assert_known("none");
    claim("guest7", OURS, "10.9.8.7");
    claim("guest8", OURS, "10.9.8.8");
    assert_known("10.9.8.7");
}

/* The guest may be a bridge for others. */
static void another_card_behind_it(void **state)
{
    (void)state;
    begin();
    claim("guest7", OTHERS, "10.9.8.8");
    assert_known("none");
}

/* dom0 probes only neighbours. */
static void addresses_that_no_guest_has(void **state)
{
    static const char *const addresses[] = {
        "127.0.0.1", "0.0.0.0",    "224.0.0.1", "255.255.255.255", "10.9.8.1",
        "10.9.8.0",  "10.9.8.255", "192.0.2.1", "169.254.1.1",
    };
    size_t i;

    (void)state;
    begin();
    for (i = 0; i < ARRAY_SIZE(addresses); i++) {
        claim("guest7", OURS, addresses[i]);
        assert_known("none");
    }
    claim("guest7", OURS, "10.9.8.7");
    for (i = 0; i < ARRAY_SIZE(addresses); i++)
        claim("guest7", OURS, addresses[i]);
    assert_known("10.9.8.7");
}

/* Any guest can get into dom0's ARP table. */
static void the_table_of_dom0(void **state)
{
    struct arpreq r = {.arp_flags = ATF_COM};
    struct sockaddr_in *in = (struct sockaddr_in *)(void *)&r.arp_pa;

    (void)state;
    if (ctl >= 0) {
        in->sin_family = AF_INET;
        assert_int_equal(inet_pton(AF_INET, "10.9.8.8", &in->sin_addr), 1);
        r.arp_ha.sa_family = ARPHRD_ETHER;
        memcpy(r.arp_ha.sa_data, "\x00\x16\x3e\x00\x00\x07", 6);
        snprintf(r.arp_dev, sizeof(r.arp_dev), "xenbr0");
        assert_int_equal(ioctl(ctl, SIOCSARP, &r), 0);
    }
    begin();
    assert_known("none");
    assert_int_equal(ioctl(ctl, SIOCDARP, &r), 0);
}

/* dom0 may get its address after the guest. */
static void before_the_bridge_has_an_address(void **state)
{
    (void)state;
    begin();
    set_address("xenbr0", "192.0.2.1");
    claim("guest7", OURS, "10.9.8.7");
    assert_known("none");
    set_address("xenbr0", "10.9.8.1");
    assert_known("10.9.8.7");
}

static void served_by_another_domain(void **state)
{
    (void)state;
    backend = "/local/domain/3/backend/vif/7/0";
    begin();
    claim("guest7", OURS, "10.9.8.7");
    assert_known("none");
}

static void in_its_file(void **state)
{
    (void)state;
    policy->address = xstrdup("192.0.2.9");
    begin();
    claim("guest7", OURS, "10.9.8.7");
    assert_known("192.0.2.9");
}

static void one_instance_after_the_other(void **state)
{
    (void)state;
    begin();
    claim("guest7", OURS, "10.9.8.7");
    assert_known("10.9.8.7");
    probe_stop(probes, 0);
    claim("guest7", OURS, "10.9.8.7");
    run_loop(loop, 100);
    begin();
    assert_known("none");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(its_own_card),
        T(its_card_of_qemu),
        T(its_card_by_another_name),
        T(another_guest_claims_its_card),
        T(another_card_behind_it),
        T(addresses_that_no_guest_has),
        T(the_table_of_dom0),
        T(before_the_bridge_has_an_address),
        T(served_by_another_domain),
        T(in_its_file),
        T(one_instance_after_the_other),
    };

    return cmocka_run_group_tests(tests, make_network, NULL);
}
