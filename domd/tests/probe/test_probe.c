/* Tests of the xenstore probes, with a store in memory, and of the console
 * probes, with logs in a directory. The network probes are tested with the
 * whole daemon. */
#include "tests/base/harness.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probe/probe.h"

/* ---- the store ---------------------------------------------------------- */

struct pair {
    char *path;
    char *text;
};

struct store {
    int fd;
    struct pair values[32];
    struct pair watches[32];
    struct strlist events;
    unsigned int flood; /* number of further events with this token */
    unsigned int reads;
};

static struct store store;
#define FLOOD_TOKEN "p0.1"

static void signal_event(const char *token)
{
    strlist_add(&store.events, token);
    assert_int_equal(eventfd_write(store.fd, 1), 0);
}

static struct pair *find_pair(struct pair *pairs, const char *path)
{
    size_t i;

    for (i = 0; i < 32; i++) {
        if (pairs[i].path && !strcmp(pairs[i].path, path)) return &pairs[i];
    }
    return NULL;
}

static void put_pair(struct pair *pairs, const char *path, const char *text)
{
    struct pair *p = find_pair(pairs, path);
    size_t i;

    for (i = 0; !p && i < 32; i++) {
        if (!pairs[i].path) p = &pairs[i];
    }
    assert_non_null(p);
    free(p->path);
    free(p->text);
    p->path = text ? xstrdup(path) : NULL;
    p->text = text ? xstrdup(text) : NULL;
}

static void set_key(const char *path, const char *text)
{
    struct pair *w = find_pair(store.watches, path);

    put_pair(store.values, path, text);
    if (w) signal_event(w->text);
}

int store_fd(struct store *s)
{
    return s->fd;
}

bool store_watch(struct store *s, const char *path, const char *token)
{
    put_pair(s->watches, path, token);
    signal_event(token);
    return true;
}

void store_unwatch(struct store *s, const char *path, const char *token)
{
    (void)token;
    put_pair(s->watches, path, NULL);
}

char *store_event(struct store *s)
{
    eventfd_t count;
    char *token;
    size_t i;

    if (!s->events.n && s->flood) {
        s->flood--;
        return xstrdup(FLOOD_TOKEN);
    }
    if (!s->events.n) {
        (void)eventfd_read(s->fd, &count);
        return NULL;
    }
    token = s->events.v[0];
    for (i = 1; i < s->events.n; i++)
        s->events.v[i - 1] = s->events.v[i];
    s->events.n--;
    return token;
}

char *store_read(struct store *s, const char *path)
{
    struct pair *p = find_pair(s->values, path);

    s->reads++;
    return p ? xstrdup(p->text) : NULL;
}

void store_list(struct store *s, const char *path, struct strlist *names)
{
    size_t len = strlen(path);
    size_t i;

    s->reads++;
    for (i = 0; i < 32; i++) {
        const char *p = s->values[i].path;
        char *name;

        if (!p || strncmp(p, path, len) || p[len] != '/') continue;
        name = xstrndup(p + len + 1, strcspn(p + len + 1, "/"));
        if (!strlist_has(names, name)) strlist_add(names, name);
        free(name);
    }
}

struct store *store_open(void)
{
    return &store;
}

void store_close(struct store *s)
{
    (void)s;
}

/* ---- the tests ---------------------------------------------------------- */

static struct loop *loop;
static struct probes *probes;
static unsigned int ready_dom;
static unsigned int ready_gen;
static int calls;
static char logs[] = "/tmp/test_probe.XXXXXX";

static void on_ready(void *user, unsigned int dom, unsigned int gen)
{
    (void)user;
    ready_dom = dom;
    ready_gen = gen;
    calls++;
}

/* Runs the loop for a moment. */
static void settle(void)
{
    run_loop(loop, 30);
}

static int setup(void **state)
{
    (void)state;
    memset(&store, 0, sizeof(store));
    store.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    loop = loop_new();
    strcpy(logs + strlen(logs) - 6, "XXXXXX");
    if (!mkdtemp(logs)) return -1;
    probes = probes_new(loop, &store, logs, on_ready, NULL);
    calls = 0;
    return 0;
}

static char *log_name(const char *suffix)
{
    return xasprintf("%s/guest-a.log%s", logs, suffix);
}

static void remove_log(const char *suffix)
{
    char *path = log_name(suffix);

    (void)unlink(path);
    free(path);
}

static void print_log(const char *text)
{
    char *path = log_name("");
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    size_t len = strlen(text);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), len);
    close(fd);
    free(path);
}

/* Rotates the log as the log service does. */
static void rotate_log(void)
{
    char *path = log_name("");
    char *aside = log_name(".1");

    assert_int_equal(rename(path, aside), 0);
    free(path);
    free(aside);
}

static int teardown(void **state)
{
    size_t i;

    (void)state;
    probes_free(probes);
    loop_free(loop);
    remove_log("");
    remove_log(".1");
    rmdir(logs);
    for (i = 0; i < 32; i++) {
        free(store.values[i].path);
        free(store.values[i].text);
        free(store.watches[i].path);
        free(store.watches[i].text);
    }
    strlist_dispose(&store.events);
    close(store.fd);
    return 0;
}

static void start(const char *ready, unsigned int dom, unsigned int gen)
{
    struct policy *p = policy_new("a", "a.cfg");

    ready_dispose(&p->ready);
    assert_null(ready_parse(ready, &p->ready));
    probe_start(probes, dom, gen, p, 5);
    policy_free(p);
    settle();
}

static void devices(void)
{
    set_key("/libxl/5/device/vif/0/backend", "/b/vif");
    set_key("/libxl/5/device/vbd/51712/backend", "/b/vbd");
    set_key("/b/vif/state", "2");
    set_key("/b/vbd/state", "2");
}

static void created(void **state)
{
    (void)state;
    start("created", 3, 7);
    assert_int_equal(calls, 1);
    assert_int_equal(ready_dom, 3);
    assert_int_equal(ready_gen, 7);
}

static void frontends(void **state)
{
    (void)state;
    devices();
    start("frontends", 0, 1);
    assert_int_equal(calls, 0);
    set_key("/b/vif/state", "4");
    settle();
    assert_int_equal(calls, 0);
    set_key("/b/vbd/state", "4");
    settle();
    assert_int_equal(calls, 1);
    /* All watches are gone, and success is reported once. */
    assert_null(find_pair(store.watches, "/b/vif/state"));
    set_key("/b/vbd/state", "4");
    settle();
    assert_int_equal(calls, 1);
}

static void no_devices_at_all(void **state)
{
    (void)state;
    start("frontends", 0, 1);
    assert_int_equal(calls, 1);
}

static void xenstore_value(void **state)
{
    (void)state;
    start("xenstore:data/up=yes", 0, 1);
    assert_int_equal(calls, 0);
    set_key("/local/domain/5/data/up", "no");
    settle();
    assert_int_equal(calls, 0);
    set_key("/local/domain/5/data/up", "yes");
    settle();
    assert_int_equal(calls, 1);
}

static void stopped_in_between(void **state)
{
    (void)state;
    devices();
    start("frontends", 0, 1);
    set_key("/b/vif/state", "4");
    set_key("/b/vbd/state", "4");
    probe_stop(probes, 0);
    settle();
    assert_int_equal(calls, 0);
}

/* An old instance's watch fires for the next one. */
static void events_of_an_earlier_instance(void **state)
{
    (void)state;
    devices();
    start("frontends", 0, 1);
    start("xenstore:x=1", 0, 2);
    signal_event("p0.1");
    signal_event("nonsense");
    signal_event("p99.1");
    settle();
    assert_int_equal(calls, 0);
}

/* A guest can write to its own directory: do not follow it. */
static void guest_points_elsewhere(void **state)
{
    (void)state;
    devices();
    set_key("/local/domain/5/device/vif/0/backend", "/evil");
    set_key("/evil/state", "4");
    start("frontends", 0, 1);
    assert_int_equal(calls, 0);
    assert_null(find_pair(store.watches, "/evil/state"));
}

/* A drive without PV drivers never connects: do not wait for it. */
static void cd_drives(void **state)
{
    (void)state;
    set_key("/libxl/5/device/vbd/5632/backend", "/b/cd");
    set_key("/libxl/5/device/vbd/5632/device-type", "cdrom");
    set_key("/b/cd/state", "2");
    start("frontends", 0, 1);
    assert_int_equal(calls, 1);
}

/* A guest can write to a key without end; the loop goes on, with one attempt
 * for all events. */
static void flood_of_events(void **state)
{
    unsigned int reads;

    (void)state;
    start("xenstore:data/up=yes", 0, 1);
    reads = store.reads;
    store.flood = 100000;
    assert_int_equal(eventfd_write(store.fd, 1), 0);
    loop_round(loop);
    assert_true(store.flood > 90000);
    assert_int_equal(store.reads, reads + 1);
    store.flood = 0;
}

static void mark_and_start(const char *ready)
{
    struct policy *p = policy_new("a", "a.cfg");

    probe_mark(probes, 0, p);
    policy_free(p);
    start(ready, 0, 1);
}

/* A restored guest reported it in its earlier life. */
static void resumed(void **state)
{
    struct probe_mark mark = {.resumed = true};

    (void)state;
    devices();
    probe_mark_set(probes, 0, &mark);
    start("console:^up$", 0, 1);
    assert_int_equal(calls, 0);
    set_key("/b/vif/state", "4");
    set_key("/b/vbd/state", "4");
    settle();
    assert_int_equal(calls, 1);
}

static void console(void **state)
{
    (void)state;
    print_log("up\n");
    mark_and_start("console:^up$");
    assert_int_equal(calls, 0); /* from an earlier life */
    print_log("wake up\nu");
    settle();
    assert_int_equal(calls, 0);
    print_log("p\n");
    settle();
    assert_int_equal(calls, 1);
}

static void console_put_aside(void **state)
{
    (void)state;
    print_log("old\n");
    mark_and_start("console:^up$");
    print_log("booting\nu");
    settle();
    print_log("p\n");
    rotate_log();
    print_log("more\n");
    settle();
    assert_int_equal(calls, 1);
}

/* The new log is missing for a moment; its first lines count. */
static void console_put_aside_and_on(void **state)
{
    (void)state;
    print_log("old\n");
    mark_and_start("console:^up$");
    rotate_log();
    settle();
    assert_int_equal(calls, 0);
    print_log("up\n");
    settle();
    assert_int_equal(calls, 1);
}

static void console_truncated(void **state)
{
    char *path = log_name("");

    (void)state;
    print_log("a long line of an earlier life\n");
    mark_and_start("console:^up$");
    assert_int_equal(truncate(path, 0), 0);
    settle();
    print_log("up\n");
    settle();
    assert_int_equal(calls, 1);
    free(path);
}

/* A guest can print without end, too: one round does not read all of it. */
static void console_flood(void **state)
{
    char *noise = xcalloc(1, 1024 * 1024 + 1);
    int i;

    (void)state;
    memset(noise, 'x', 1024 * 1024);
    print_log("");
    mark_and_start("console:^up$");
    print_log(noise);
    print_log("\nup\n");
    loop_round(loop);
    assert_int_equal(calls, 0);
    for (i = 0; i < 100 && !calls; i++)
        settle();
    assert_int_equal(calls, 1);
    free(noise);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(created),
        T(frontends),
        T(no_devices_at_all),
        T(xenstore_value),
        T(stopped_in_between),
        T(events_of_an_earlier_instance),
        T(guest_points_elsewhere),
        T(cd_drives),
        T(flood_of_events),
        T(resumed),
        T(console),
        T(console_put_aside),
        T(console_put_aside_and_on),
        T(console_truncated),
        T(console_flood),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
