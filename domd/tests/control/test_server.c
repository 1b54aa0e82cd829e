/* The control socket, with well-behaved clients and others. */
#include "tests/base/harness.h"

/* The internals, to let time pass. */
#include "control/server.c"

static struct loop *loop;
static struct server *server;
static char path[] = "/tmp/test_server.XXXXXX";
static size_t answer_size;

/* "start" answers with as much as the test asks for, "events" follows. */
static void handler(void *user, struct client *client,
                    const struct request *req, struct buf *out)
{
    size_t i;

    (void)user;
    if (req->cmd == PROTO_EVENTS) server_follow(client);
    for (i = 0; i + 1 < answer_size; i++)
        buf_add(out, "x", 1);
    buf_add(out, "\n", 1);
}

static void ignore_timer(void *user)
{
    (void)user;
}

static void run_rounds(int n)
{
    struct timer *timer = loop_timer(loop, ignore_timer, NULL);

    while (n--) {
        loop_at(timer, loop_now() + 2);
        loop_round(loop);
    }
    loop_timer_remove(loop, timer);
}

static int setup(void **state)
{
    int fd;

    (void)state;
    strcpy(path + strlen(path) - 6, "XXXXXX");
    fd = mkstemp(path);
    if (fd < 0) return -1;
    close(fd);
    answer_size = 3;
    loop = loop_new();
    return server_open(&server, loop, path, (long)getgid(), handler, NULL);
}

static int teardown(void **state)
{
    (void)state;
    server_close(server);
    loop_free(loop);
    return 0;
}

static int connect_to(void)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    strcpy(addr.sun_path, path);
    assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    return fd;
}

static void send_text(int fd, const char *text)
{
    size_t len = strlen(text);

    assert_int_equal(send(fd, text, len, MSG_NOSIGNAL), len);
}

/* How much can be read; the loop runs as long as there is more. */
static size_t read_all(int fd)
{
    char chunk[65536];
    size_t total = 0;
    ssize_t n;
    int quiet = 0;

    while (quiet < 5) {
        n = recv(fd, chunk, sizeof(chunk), 0);
        if (n > 0) total += (size_t)n;
        quiet = n > 0 ? 0 : quiet + 1;
        run_rounds(1);
    }
    return total;
}

#define START  "{\"v\":1,\"cmd\":\"start\",\"names\":[\"a\"]}"
#define EVENTS "{\"v\":1,\"cmd\":\"events\"}\n"

static void lines_in_pieces(void **state)
{
    int fd = connect_to();

    (void)state;
    send_text(fd, "{\"v\":1,\"cmd\":\"sta");
    assert_int_equal(read_all(fd), 0);
    send_text(fd, "rt\",\"names\":[\"a\"]}\n" START);
    assert_int_equal(read_all(fd), 3);
    send_text(fd, "\n");
    assert_int_equal(read_all(fd), 3);
    close(fd);
    run_rounds(3);
    assert_int_equal(server_clients(server), 0);
}

/* The client asked for a large answer and reads it: it is not dropped. */
static void large_answer(void **state)
{
    int fd = connect_to();

    (void)state;
    answer_size = 4 * SERVER_BACKLOG;
    send_text(fd, START "\n");
    run_rounds(3);
    assert_int_equal(server_clients(server), 1);
    assert_int_equal(read_all(fd), answer_size);
    close(fd);
}

/* A follower that missed a line must not continue as if it had not. */
static void slow_follower(void **state)
{
    struct buf line = {0};
    int fd = connect_to();
    size_t i;

    (void)state;
    send_text(fd, EVENTS);
    assert_int_equal(read_all(fd), 3);
    for (i = 0; i < 1023; i++)
        buf_add(&line, "e", 1);
    buf_add(&line, "\n", 1);
    for (i = 0; i < 2048; i++)
        server_tell(server, &line);
    run_rounds(3);
    assert_int_equal(server_clients(server), 0);
    buf_dispose(&line);
    close(fd);
}

/* The client has read nothing for longer than SERVER_PATIENCE. */
static void let_time_pass(void)
{
    size_t i;

    for (i = 0; i < SERVER_CLIENTS; i++) {
        struct client *c = server->clients[i];

        if (c && c->stalled != MSEC_NEVER)
            c->stalled = loop_now() - SERVER_PATIENCE - 1;
    }
    drop_stalled(server);
}

/* domd itself was busy for that long: a client that had no chance to read is
 * not to blame. */
static void we_were_busy(void **state)
{
    char chunk[65536];
    int fd = connect_to();

    (void)state;
    answer_size = 4 * SERVER_BACKLOG;
    send_text(fd, START "\n");
    run_rounds(3);
    while (recv(fd, chunk, sizeof(chunk), 0) > 0)
        ;
    let_time_pass();
    assert_int_equal(server_clients(server), 1);
    assert_true(read_all(fd) > 0);
    close(fd);
}

static void one_that_stalls(void **state)
{
    int fd = connect_to();

    (void)state;
    answer_size = 4 * SERVER_BACKLOG;
    send_text(fd, START "\n");
    run_rounds(3);
    let_time_pass();
    assert_int_equal(server_clients(server), 0);
    close(fd);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(lines_in_pieces), T(large_answer),    T(slow_follower),
        T(we_were_busy),    T(one_that_stalls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
