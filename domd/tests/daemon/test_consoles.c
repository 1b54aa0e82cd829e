/* Terminals that take lines, that do not, and that others write to. */
#include "tests/base/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "daemon/consoles.h"

static struct loop *loop;
static struct consoles *consoles;
static char *active;
static struct terminal {
    int master;
    int slave;
    struct buf said; /* what was read from it */
} terminals[2];

static int setup(void **state)
{
    struct buf names = {0};
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_SIZE(terminals); i++) {
        struct terminal *t = &terminals[i];
        struct termios raw;

        if (openpty(&t->master, &t->slave, NULL, NULL, NULL)) return -1;
        tcgetattr(t->slave, &raw);
        cfmakeraw(&raw);
        tcsetattr(t->slave, TCSANOW, &raw);
        fcntl(t->master, F_SETFL, O_NONBLOCK);
        buf_addf(&names, "%s%s", i ? " " : "",
                 ttyname(t->slave) + strlen("/dev/"));
    }
    active = xasprintf("%s/active", scratch);
    buf_add(&names, "\n", 1);
    if (write_file(active, names.s, names.len, 0644)) return -1;
    buf_dispose(&names);
    loop = loop_new();
    consoles = consoles_open(loop, active);
    return 0;
}

static int teardown(void **state)
{
    size_t i;

    (void)state;
    consoles_close(consoles);
    loop_free(loop);
    for (i = 0; i < ARRAY_SIZE(terminals); i++) {
        close(terminals[i].master);
        close(terminals[i].slave);
        buf_dispose(&terminals[i].said);
    }
    (void)unlink(active);
    free(active);
    return 0;
}

/* Fills the terminal, which nobody reads. */
static void fill_terminal(struct terminal *t)
{
    char noise[256];

    memset(noise, 'x', sizeof(noise));
    fcntl(t->slave, F_SETFL, O_NONBLOCK);
    while (write(t->slave, noise, sizeof(noise)) > 0)
        ;
    fcntl(t->slave, F_SETFL, 0);
}

static void read_terminal(struct terminal *t)
{
    char data[4096];
    ssize_t r;

    while ((r = read(t->master, data, sizeof(data))) > 0)
        buf_add(&t->said, data, (size_t)r);
    buf_add(&t->said, "", 0);
}

/* Runs the loop until the output ends with TEXT. */
static void ends_with(struct terminal *t, const char *text)
{
    size_t len = strlen(text);
    bool there = false;
    int i;

    for (i = 0; i < 1000 && !there; i++) {
        if (i) run_loop(loop, 10);
        read_terminal(t);
        there =
            t->said.len >= len && !strcmp(t->said.s + t->said.len - len, text);
    }
    if (!there) fail_msg("\"%s\" never came, but \"%s\"", text, t->said.s);
}

static void all_get_it(void **state)
{
    (void)state;
    consoles_write(consoles, "one\n");
    consoles_write(consoles, "two\n");
    ends_with(&terminals[0], "one\ntwo\n");
    ends_with(&terminals[1], "one\ntwo\n");
    assert_int_equal(terminals[0].said.len, strlen("one\ntwo\n"));
}

static void one_that_takes_nothing(void **state)
{
    (void)state;
    fill_terminal(&terminals[0]);
    consoles_write(consoles, "one\n");
    consoles_write(consoles, "two\n");
    ends_with(&terminals[1], "one\ntwo\n");
    run_loop(loop, 20);
    ends_with(&terminals[0], "xone\ntwo\n");
    consoles_write(consoles, "three\n");
    ends_with(&terminals[0], "two\nthree\n");
}

static void *writes_much(void *fd)
{
    static char noise[262144];
    ssize_t r;

    memset(noise, 'x', sizeof(noise));
    r = write(*(int *)fd, noise, sizeof(noise));
    (void)r;
    return NULL;
}

/* Meanwhile the other writer holds the terminal. */
static void somebody_else_writes(void **state)
{
    pthread_t thread;
    int waiting = 0;

    (void)state;
    assert_int_equal(
        pthread_create(&thread, NULL, writes_much, &terminals[0].slave), 0);
    while (!waiting)
        assert_int_equal(ioctl(terminals[0].master, FIONREAD, &waiting), 0);
    consoles_write(consoles, "one\n");
    ends_with(&terminals[0], "xone\n");
    assert_int_equal(pthread_join(thread, NULL), 0);
}

/* The kernel's own buffer size is not tested. */
static void one_that_never_takes_anything(void **state)
{
    struct terminal *t = &terminals[0];
    unsigned long last = 0;
    unsigned long number;
    unsigned int i;
    char line[16];
    char *p;

    (void)state;
    fill_terminal(t);
    for (i = 1; i <= 10000; i++) {
        snprintf(line, sizeof(line), "%08u\n", i);
        consoles_write(consoles, line);
        assert_true(consoles_left(consoles) <= 2 * CONSOLES_REST);
        if (i % 100 == 0) ends_with(&terminals[1], line);
    }
    assert_int_equal(terminals[1].said.len, 10000 * strlen(line));
    for (i = 0; i < 1000 && consoles_left(consoles); i++) {
        read_terminal(t);
        run_loop(loop, 10);
    }
    consoles_write(consoles, "on\n");
    ends_with(t, "on\n");
    p = strstr(t->said.s, "00000001\n");
    assert_non_null(p);
    for (i = 0; strcmp(p, "on\n"); i++) {
        number = strtoul(p, &p, 10);
        assert_true(*p == '\n' && number > last && number <= 10000);
        last = number;
        p++;
    }
    assert_in_range(i, CONSOLES_REST / strlen(line), 9999);
}

static void one_that_is_gone(void **state)
{
    (void)state;
    assert_int_equal(write_file(active, "no/such/console\n", 16, 0644), 0);
    consoles_write(consoles, "one\n");
    read_terminal(&terminals[0]);
    assert_string_equal(terminals[0].said.s, "");
}

static void what_is_left_at_the_end(void **state)
{
    (void)state;
    fill_terminal(&terminals[0]);
    consoles_write(consoles, "one\n");
    read_terminal(&terminals[0]);
    consoles_close(consoles);
    consoles = NULL;
    ends_with(&terminals[0], "xone\n");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(all_get_it),           T(one_that_takes_nothing),
        T(somebody_else_writes), T(one_that_never_takes_anything),
        T(one_that_is_gone),     T(what_is_left_at_the_end),
    };

    return cmocka_run_group_tests(tests, scratch_make, scratch_drop);
}
