#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netpacket/packet.h>
#include <net/ethernet.h>
#include <netinet/if_ether.h>

#define LINE_MAX_LEN ((size_t)4096)
#define REPLY_MAX    ((size_t)512)
/* Addresses that were seen on the bridge. */
#define SEEN_MAX 256
/* What guests cause is looked at in turns of so much, and the rest of the loop
 * goes round in between: they must not be able to keep us busy. */
#define EVENTS_TURN  64
#define CONSOLE_TURN ((size_t)64 * 1024)

struct probe {
    struct probes *all;
    unsigned int dom;
    unsigned int gen;
    bool running;
    bool resumed; /* see probe.h */
    bool due;     /* something that it watches has changed */
    struct ready ready;
    char *name;
    uint32_t domid;
    struct timer *timer;

    /* xenstore */
    struct strlist watched;
    char token[32];

    /* console */
    regex_t regex;
    bool has_regex;
    off_t offset;
    ino_t inode;
    struct buf line;

    /* network */
    char *address; /* from the file */
    struct strlist macs;
    int fd;
    struct source *source;
    bool connected;
    msec deadline;
    struct buf reply;
    uint16_t sequence;
};

/* Who was seen to use which address. */
struct seen {
    unsigned char mac[6];
    struct in_addr ip;
};

struct probes {
    struct loop *loop;
    struct store *store;
    struct source *store_source;
    char *console_dir;
    probe_ready *cb;
    void *user;
    struct probe **v;
    unsigned int n;
    int inotify;
    struct source *inotify_source;
    int arp;
    struct source *arp_source;
    struct seen seen[SEEN_MAX];
    size_t n_seen;
};

static void attempt(void *user);
static void listen_to_arp(struct probes *all);

static struct probe *get(struct probes *all, unsigned int dom)
{
    struct probe *p;

    if (dom >= all->n) {
        all->v = xrealloc(all->v, dom + 1, sizeof(struct probe *));
        while (all->n <= dom)
            all->v[all->n++] = NULL;
    }
    if (all->v[dom]) return all->v[dom];
    p = xcalloc(1, sizeof(*p));
    p->all = all;
    p->dom = dom;
    p->fd = -1;
    p->timer = loop_timer(all->loop, attempt, p);
    all->v[dom] = p;
    return p;
}

static void close_socket(struct probe *p)
{
    if (p->fd < 0) return;
    loop_remove(p->all->loop, p->source);
    close(p->fd);
    p->fd = -1;
    p->source = NULL;
    p->connected = false;
    buf_dispose(&p->reply);
}

static void stop(struct probe *p)
{
    size_t i;

    for (i = 0; i < p->watched.n; i++)
        store_unwatch(p->all->store, p->watched.v[i], p->token);
    strlist_dispose(&p->watched);
    close_socket(p);
    if (p->has_regex) regfree(&p->regex);
    p->has_regex = false;
    loop_at(p->timer, MSEC_NEVER);
    ready_dispose(&p->ready);
    free(p->name);
    p->name = NULL;
    free(p->address);
    p->address = NULL;
    strlist_dispose(&p->macs);
    buf_dispose(&p->line);
    p->running = p->due = false;
    listen_to_arp(p->all);
}

static void succeed(struct probe *p)
{
    unsigned int gen = p->gen;

    stop(p);
    p->all->cb(p->all->user, p->dom, gen);
}

static void again(struct probe *p)
{
    close_socket(p);
    loop_at(p->timer, loop_now() + PROBE_PAUSE);
}

/* ---- xenstore ----------------------------------------------------------- */

static void watch(struct probe *p, const char *path)
{
    if (strlist_has(&p->watched, path)) return;
    if (store_watch(p->all->store, path, p->token))
        strlist_add(&p->watched, path);
}

/* Reads PATH/KEY. */
static char *read_key(struct probe *p, const char *path, const char *key)
{
    char *full = xasprintf("%s/%s", path, key);
    char *value = store_read(p->all->store, full);

    free(full);
    return value;
}

/* The backend of a device is connected in xenbus state 4 (XenbusStateConnected
 * in Xen's public/io/xenbus.h); so is then its frontend. DEVICE is libxl's own
 * note of it: what stands in the domain's directory is the guest's to change,
 * and could lead us anywhere. */
static bool device_connected(struct probe *p, const char *device)
{
    char *backend = read_key(p, device, "backend");
    char *type = read_key(p, device, "device-type");
    char *state_path = NULL;
    char *state = NULL;
    bool connected = true;

    if (!backend) goto out; /* it went away again */
    /* QEMU serves a CD drive, and no guest connects to its backend. */
    if (type && !strcmp(type, "cdrom")) goto out;
    state_path = xasprintf("%s/state", backend);
    watch(p, state_path);
    state = store_read(p->all->store, state_path);
    connected = state && !strcmp(state, "4");
out:
    free(state);
    free(state_path);
    free(type);
    free(backend);
    return connected;
}

static bool frontends_connected(struct probe *p)
{
    static const char *const kinds[] = {"vbd", "vif"};
    bool all = true;
    size_t i;
    size_t k;

    for (i = 0; i < ARRAY_SIZE(kinds); i++) {
        char *dir = xasprintf("/libxl/%u/device/%s", p->domid, kinds[i]);
        struct strlist devices = {0};

        store_list(p->all->store, dir, &devices);
        for (k = 0; k < devices.n; k++) {
            char *device = xasprintf("%s/%s", dir, devices.v[k]);

            if (!device_connected(p, device)) all = false;
            free(device);
        }
        strlist_dispose(&devices);
        free(dir);
    }
    return all;
}

static char *store_path(const struct probe *p)
{
    if (*p->ready.arg == '/') return xstrdup(p->ready.arg);
    return xasprintf("/local/domain/%u/%s", p->domid, p->ready.arg);
}

static bool store_holds(struct probe *p)
{
    char *path = store_path(p);
    char *value;
    bool equal;

    watch(p, path);
    value = store_read(p->all->store, path);
    equal = value && !strcmp(value, p->ready.value);
    free(value);
    free(path);
    return equal;
}

static void store_event_cb(void *user, int fd, short revents)
{
    struct probes *all = user;
    unsigned int turn;
    unsigned int dom;
    unsigned int gen;
    char *token;

    (void)fd;
    (void)revents;
    for (turn = 0; turn < EVENTS_TURN; turn++) {
        token = store_event(all->store);
        if (!token) break;
        if (sscanf(token, "p%u.%u", &dom, &gen) == 2 && dom < all->n &&
            all->v[dom] && all->v[dom]->gen == gen)
            all->v[dom]->due = true;
        free(token);
    }
    /* One look for all that has changed. */
    for (dom = 0; dom < all->n; dom++) {
        if (!all->v[dom] || !all->v[dom]->due) continue;
        all->v[dom]->due = false;
        attempt(all->v[dom]);
    }
}

/* ---- console ------------------------------------------------------------ */

static char *log_path(const struct probes *all, const char *name)
{
    return xasprintf("%s/guest-%s.log", all->console_dir, name);
}

static bool line_matches(struct probe *p)
{
    return p->has_regex && p->line.len &&
           !regexec(&p->regex, p->line.s, 0, NULL, 0);
}

/* Feeds new text of the console, and looks at each line that has ended. */
static bool feed(struct probe *p, const char *text, size_t len)
{
    size_t i;

    for (i = 0; i < len; i++) {
        char c = text[i];

        if (c == '\n') {
            if (line_matches(p)) return true;
            buf_drop(&p->line, p->line.len);
        } else if (c && c != '\r' && p->line.len < LINE_MAX_LEN) {
            buf_add(&p->line, &c, 1);
        }
    }
    return false;
}

/* Reads on in FD, at most *LEFT_IO bytes. */
static bool read_on(struct probe *p, int fd, size_t *left_io)
{
    char chunk[4096];
    ssize_t n;

    while (*left_io) {
        size_t len = *left_io < sizeof(chunk) ? *left_io : sizeof(chunk);

        n = pread(fd, chunk, len, p->offset);
        if (n <= 0) return false;
        p->offset += n;
        *left_io -= (size_t)n;
        if (feed(p, chunk, (size_t)n)) return true;
    }
    return false;
}

static int open_log(const char *path, struct stat *st)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0) return -1;
    if (!fstat(fd, st)) return fd;
    close(fd);
    return -1;
}

/* The log may be put aside under its name with .1, and a new one begun, or be
 * cut off; nothing of it is missed. */
static bool console_matches(struct probe *p)
{
    char *path = log_path(p->all, p->name);
    char *aside = xasprintf("%s.1", path);
    size_t left = CONSOLE_TURN;
    struct stat st = {0};
    struct stat old_st;
    bool match = false;
    int fd = open_log(path, &st);
    int old = -1;

    if (p->inode && (fd < 0 || st.st_ino != p->inode)) {
        old = open_log(aside, &old_st);
        if (old >= 0 && old_st.st_ino == p->inode)
            match = read_on(p, old, &left);
    }
    if (fd >= 0 && !match && left) {
        if (st.st_ino != p->inode || st.st_size < p->offset) p->offset = 0;
        p->inode = st.st_ino;
        match = read_on(p, fd, &left);
    }
    if (!match && !left)
        loop_at(p->timer, loop_now()); /* there is more */
    else if (!match)
        match = line_matches(p); /* a prompt has no end */
    if (fd >= 0) close(fd);
    if (old >= 0) close(old);
    free(aside);
    free(path);
    return match;
}

static void inotify_event(void *user, int fd, short revents)
{
    struct probes *all = user;
    char events[4096];
    unsigned int turn;
    unsigned int i;

    (void)revents;
    for (turn = 0; turn < EVENTS_TURN; turn++) {
        if (read(fd, events, sizeof(events)) <= 0) break;
    }
    for (i = 0; i < all->n; i++) {
        if (all->v[i] && all->v[i]->running &&
            all->v[i]->ready.kind == READY_CONSOLE)
            attempt(all->v[i]);
    }
}

/* ---- addresses ---------------------------------------------------------- */

static bool parse_mac(const char *text, unsigned char mac[6])
{
    unsigned int b[6];
    size_t i;

    if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x", &b[0], &b[1], &b[2], &b[3],
               &b[4], &b[5]) != 6)
        return false;
    for (i = 0; i < 6; i++)
        mac[i] = (unsigned char)b[i];
    return true;
}

/* Whether somebody looks for the address of MAC. */
static bool is_wanted(const struct probes *all, const unsigned char mac[6])
{
    unsigned char wanted[6];
    unsigned int i;
    size_t k;

    for (i = 0; i < all->n; i++) {
        const struct probe *p = all->v[i];

        if (!p || !p->running) continue;
        for (k = 0; k < p->macs.n; k++) {
            if (parse_mac(p->macs.v[k], wanted) && !memcmp(wanted, mac, 6))
                return true;
        }
    }
    return false;
}

/* Only those that are wanted: whoever invents MAC addresses must not be able
 * to push them out. */
static void note_seen(struct probes *all, const unsigned char mac[6],
                      struct in_addr ip)
{
    size_t i;

    if (!ip.s_addr || !is_wanted(all, mac)) return;
    for (i = 0; i < all->n_seen; i++) {
        if (memcmp(all->seen[i].mac, mac, 6)) continue;
        all->seen[i].ip = ip;
        return;
    }
    if (all->n_seen == SEEN_MAX) {
        memmove(all->seen, all->seen + 1,
                (SEEN_MAX - 1) * sizeof(all->seen[0]));
        all->n_seen--;
    }
    memcpy(all->seen[all->n_seen].mac, mac, 6);
    all->seen[all->n_seen++].ip = ip;
}

/* A guest that has an address asks for somebody else's, sooner or later, and
 * says its own with it (RFC 826). */
static void arp_event(void *user, int fd, short revents)
{
    struct probes *all = user;
    struct ether_arp arp;
    unsigned int turn;
    ssize_t n;

    (void)revents;
    for (turn = 0; turn < EVENTS_TURN; turn++) {
        struct in_addr ip;

        n = recv(fd, &arp, sizeof(arp), MSG_DONTWAIT);
        if (n <= 0) break;
        if (n < (ssize_t)sizeof(arp)) continue;
        if (ntohs(arp.ea_hdr.ar_pro) != ETHERTYPE_IP) continue;
        memcpy(&ip, arp.arp_spa, sizeof(ip));
        note_seen(all, arp.arp_sha, ip);
    }
}

static bool needs_address(const struct probe *p)
{
    if (!p->running || p->address) return false;
    return p->ready.kind == READY_TCP || p->ready.kind == READY_HTTP ||
           p->ready.kind == READY_PING;
}

/* Listens as long as somebody looks for an address: a broadcast in the network
 * is no reason to wake up otherwise. */
static void listen_to_arp(struct probes *all)
{
    bool needed = false;
    unsigned int i;

    for (i = 0; i < all->n; i++) {
        if (all->v[i] && needs_address(all->v[i])) needed = true;
    }
    if (needed && all->arp < 0) {
        /* Without it, only addresses that dom0 has met are known. */
        all->arp = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
                          htons(ETH_P_ARP));
        if (all->arp >= 0)
            all->arp_source =
                loop_add(all->loop, all->arp, POLLIN, arp_event, all);
    } else if (!needed && all->arp >= 0) {
        loop_remove(all->loop, all->arp_source);
        close(all->arp);
        all->arp_source = NULL;
        all->arp = -1;
    }
}

/* dom0's own table, of those that it has spoken to. */
static void read_arp_table(struct probes *all)
{
    struct buf text = {0};
    char *save = NULL;
    char *line;

    if (!read_file("/proc/net/arp", 65536, &text)) {
        for (line = strtok_r(text.s, "\n", &save); line;
             line = strtok_r(NULL, "\n", &save)) {
            unsigned char mac[6];
            char ip_text[32];
            char mac_text[32];
            struct in_addr ip;

            if (sscanf(line, "%31s %*s 0x2 %31s", ip_text, mac_text) == 2 &&
                parse_mac(mac_text, mac) &&
                inet_pton(AF_INET, ip_text, &ip) == 1)
                note_seen(all, mac, ip);
        }
    }
    buf_dispose(&text);
}

/* The MAC addresses that the domain really has. */
static void learn_macs(struct probe *p)
{
    char *dir;
    struct strlist devices = {0};
    size_t i;

    if (p->macs.n || !p->all->store) return;
    dir = xasprintf("/libxl/%u/device/vif", p->domid);
    store_list(p->all->store, dir, &devices);
    for (i = 0; i < devices.n; i++) {
        char *path = xasprintf("%s/%s/mac", dir, devices.v[i]);
        char *mac = store_read(p->all->store, path);

        if (mac) strlist_add(&p->macs, mac);
        free(mac);
        free(path);
    }
    strlist_dispose(&devices);
    free(dir);
}

static bool find_address(struct probe *p, struct in_addr *ip_r)
{
    size_t i;
    size_t k;

    if (p->address) return inet_pton(AF_INET, p->address, ip_r) == 1;
    learn_macs(p);
    read_arp_table(p->all);
    for (i = 0; i < p->macs.n; i++) {
        unsigned char mac[6];

        if (!parse_mac(p->macs.v[i], mac)) continue;
        for (k = 0; k < p->all->n_seen; k++) {
            if (memcmp(p->all->seen[k].mac, mac, 6)) continue;
            *ip_r = p->all->seen[k].ip;
            return true;
        }
    }
    return false;
}

/* ---- tcp and http ------------------------------------------------------- */

static bool send_question(struct probe *p)
{
    char *text = xasprintf("GET %s HTTP/1.0\r\nHost: %s\r\n"
                           "User-Agent: domd\r\nConnection: close\r\n\r\n",
                           p->ready.arg, p->name);
    size_t len = strlen(text);
    /* It fits into an empty socket, or something is wrong anyway. */
    ssize_t n = send(p->fd, text, len, MSG_NOSIGNAL | MSG_DONTWAIT);

    free(text);
    return n == (ssize_t)len;
}

/* Whether the status line says 2xx or 3xx; *DONE_R: there will be no other. */
static bool good_status(const struct buf *reply, bool *done_r)
{
    unsigned int status = 0;

    *done_r = false;
    if (reply->len < 13 && !(reply->s && memchr(reply->s, '\n', reply->len)))
        return false;
    *done_r = true;
    return sscanf(reply->s, "HTTP/%*u.%*u %3u", &status) == 1 &&
           status >= 200 && status < 400;
}

static void read_answer(struct probe *p)
{
    char chunk[256];
    ssize_t n = recv(p->fd, chunk, sizeof(chunk), MSG_DONTWAIT);
    bool done;

    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) {
        again(p);
        return;
    }
    buf_add(&p->reply, chunk, (size_t)n);
    if (good_status(&p->reply, &done))
        succeed(p);
    else if (done || p->reply.len > REPLY_MAX)
        again(p);
}

static void tcp_event(void *user, int fd, short revents)
{
    struct probe *p = user;
    socklen_t len = sizeof(int);
    int error = 0;

    (void)revents;
    if (p->connected) {
        read_answer(p);
        return;
    }
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) || error) {
        again(p);
        return;
    }
    if (p->ready.kind == READY_TCP) {
        succeed(p);
        return;
    }
    p->connected = true;
    if (!send_question(p))
        again(p);
    else
        loop_events(p->source, POLLIN);
}

static void try_tcp(struct probe *p, struct in_addr ip)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    int r;

    p->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (p->fd < 0) {
        again(p);
        return;
    }
    to.sin_addr = ip;
    to.sin_port = htons((uint16_t)p->ready.port);
    r = connect(p->fd, (struct sockaddr *)&to, sizeof(to));
    if (r && errno != EINPROGRESS) {
        again(p);
        return;
    }
    p->source = loop_add(p->all->loop, p->fd, POLLOUT, tcp_event, p);
    loop_at(p->timer, loop_now() + PROBE_PATIENCE);
}

/* ---- ping --------------------------------------------------------------- */

/* RFC 1071. */
static uint16_t checksum(const void *data, size_t len)
{
    const unsigned char *b = data;
    uint32_t sum = 0;
    size_t i;

    for (i = 0; i + 1 < len; i += 2)
        sum += (uint32_t)(b[i] << 8 | b[i + 1]);
    if (len & 1) sum += (uint32_t)b[len - 1] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static void ping_event(void *user, int fd, short revents)
{
    struct probe *p = user;
    unsigned char packet[256];
    ssize_t n = recv(fd, packet, sizeof(packet), MSG_DONTWAIT);
    struct icmphdr icmp;
    size_t skip;

    (void)revents;
    if (n < (ssize_t)(sizeof(struct iphdr) + sizeof(icmp))) return;
    skip = (size_t)(packet[0] & 15) * 4;
    if (skip + sizeof(icmp) > (size_t)n) return;
    memcpy(&icmp, packet + skip, sizeof(icmp));
    if (icmp.type != ICMP_ECHOREPLY) return;
    if (ntohs(icmp.un.echo.id) != (uint16_t)(getpid() ^ p->dom)) return;
    succeed(p);
}

static void try_ping(struct probe *p, struct in_addr ip)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    struct icmphdr icmp;

    p->fd =
        socket(AF_INET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_ICMP);
    if (p->fd < 0) {
        again(p);
        return;
    }
    to.sin_addr = ip;
    /* Only what comes from there is received. */
    if (connect(p->fd, (struct sockaddr *)&to, sizeof(to))) {
        again(p);
        return;
    }
    memset(&icmp, 0, sizeof(icmp));
    icmp.type = ICMP_ECHO;
    icmp.un.echo.id = htons((uint16_t)(getpid() ^ p->dom));
    icmp.un.echo.sequence = htons(++p->sequence);
    icmp.checksum = htons(checksum(&icmp, sizeof(icmp)));
    if (send(p->fd, &icmp, sizeof(icmp), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
        again(p);
        return;
    }
    p->source = loop_add(p->all->loop, p->fd, POLLIN, ping_event, p);
    loop_at(p->timer, loop_now() + 4 * PROBE_PAUSE);
}

/* ---- all of them -------------------------------------------------------- */

/* Looks, now. Called by timers, watches and inotify. */
static void attempt(void *user)
{
    struct probe *p = user;
    struct in_addr ip;

    if (!p->running) return;
    close_socket(p);
    switch (p->ready.kind) {
    case READY_CREATED:
        succeed(p);
        break;
    case READY_FRONTENDS:
        if (p->all->store && frontends_connected(p)) succeed(p);
        break;
    case READY_XENSTORE:
        if (p->all->store && store_holds(p)) succeed(p);
        break;
    case READY_CONSOLE:
        if (console_matches(p)) succeed(p);
        break;
    case READY_TCP:
    case READY_HTTP:
        if (find_address(p, &ip))
            try_tcp(p, ip);
        else
            again(p);
        break;
    case READY_PING:
        if (find_address(p, &ip))
            try_ping(p, ip);
        else
            again(p);
        break;
    }
}

struct probes *probes_new(struct loop *loop, struct store *store,
                          const char *console_dir, probe_ready *cb, void *user)
{
    struct probes *all = xcalloc(1, sizeof(*all));

    all->loop = loop;
    all->store = store;
    all->console_dir = xstrdup(console_dir);
    all->cb = cb;
    all->user = user;
    if (store)
        all->store_source =
            loop_add(loop, store_fd(store), POLLIN, store_event_cb, all);
    all->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (all->inotify >= 0) {
        (void)inotify_add_watch(all->inotify, console_dir,
                                IN_MODIFY | IN_CREATE | IN_MOVED_TO);
        all->inotify_source =
            loop_add(loop, all->inotify, POLLIN, inotify_event, all);
    }
    all->arp = -1;
    return all;
}

void probes_free(struct probes *all)
{
    unsigned int i;

    if (!all) return;
    for (i = 0; i < all->n; i++) {
        if (!all->v[i]) continue;
        stop(all->v[i]);
        loop_timer_remove(all->loop, all->v[i]->timer);
    }
    for (i = 0; i < all->n; i++)
        free(all->v[i]);
    loop_remove(all->loop, all->store_source);
    loop_remove(all->loop, all->inotify_source);
    if (all->inotify >= 0) close(all->inotify);
    free(all->v);
    free(all->console_dir);
    free(all);
}

struct probe_mark probe_mark(struct probes *all, unsigned int dom,
                             const struct policy *policy)
{
    struct probe_mark mark = {0};
    char *path = log_path(all, policy->name);
    struct stat st;

    if (!stat(path, &st)) {
        mark.inode = (uint64_t)st.st_ino;
        mark.offset = (uint64_t)st.st_size;
    }
    free(path);
    probe_mark_set(all, dom, &mark);
    return mark;
}

void probe_mark_set(struct probes *all, unsigned int dom,
                    const struct probe_mark *mark)
{
    struct probe *p = get(all, dom);

    p->inode = (ino_t)mark->inode;
    p->offset = (off_t)mark->offset;
    p->resumed = mark->resumed;
}

/* Whether the guest says that it is ready once only, on its way up. */
static bool is_said_at_boot(const struct ready *ready)
{
    return ready->kind == READY_CONSOLE || ready->kind == READY_XENSTORE;
}

void probe_start(struct probes *all, unsigned int dom, unsigned int gen,
                 const struct policy *policy, uint32_t domid)
{
    struct probe *p = get(all, dom);
    char *text;
    size_t i;

    stop(p);
    p->gen = gen;
    p->domid = domid;
    p->running = true;
    p->name = xstrdup(policy->name);
    p->address = policy->address ? xstrdup(policy->address) : NULL;
    for (i = 0; i < policy->macs.n; i++)
        strlist_add(&p->macs, policy->macs.v[i]);
    text = ready_text(&policy->ready);
    (void)ready_parse(text, &p->ready);
    free(text);
    if (p->resumed && is_said_at_boot(&p->ready))
        p->ready.kind = READY_FRONTENDS;
    if (p->ready.kind == READY_CONSOLE &&
        !regcomp(&p->regex, p->ready.arg,
                 REG_EXTENDED | REG_NOSUB | REG_NEWLINE))
        p->has_regex = true;
    snprintf(p->token, sizeof(p->token), "p%u.%u", dom, gen);
    listen_to_arp(all);
    loop_at(p->timer, loop_now());
}

void probe_stop(struct probes *all, unsigned int dom)
{
    if (dom < all->n && all->v[dom] && all->v[dom]->running) stop(all->v[dom]);
}
