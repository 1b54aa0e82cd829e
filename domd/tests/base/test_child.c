/* Child processes, with a shell in place of xl. */
#include "tests/base/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"

static struct loop *loop;
static struct child *run;
static int status;
static struct buf out;
static struct buf err;
static int ends;

static void record_end(void *user, int how, const struct buf *o,
                       const struct buf *e)
{
    (void)user;
    status = how;
    buf_add(&out, o->s, o->len);
    buf_add(&err, e->s, e->len);
    ends++;
}

static void fail_late(void *user)
{
    (void)user;
    fail_msg("its end was not noticed");
}

static int setup(void **state)
{
    (void)state;
    loop = loop_new();
    run = NULL;
    ends = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    loop_free(loop);
    buf_dispose(&out);
    buf_dispose(&err);
    return 0;
}

static void start_shell(const char *script)
{
    char *argv[] = {"/bin/sh", "-c", (char *)(uintptr_t)script, NULL};

    assert_int_equal(child_start(&run, loop, argv, record_end, NULL), 0);
}

static void run_until_end(void)
{
    struct timer *timer = loop_timer(loop, fail_late, NULL);

    loop_at(timer, loop_now() + 20000);
    while (!ends)
        loop_round(loop);
    loop_timer_remove(loop, timer);
    /* The process is reaped. */
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static void what_it_prints(void **state)
{
    (void)state;
    start_shell("echo one; echo two >&2; exit 3");
    run_until_end();
    assert_int_equal(ends, 1);
    assert_int_equal(WEXITSTATUS(status), 3);
    assert_string_equal(out.s, "one\n");
    assert_string_equal(err.s, "two\n");
}

/* More than a pipe holds: the child would block for ever if nobody read. */
static void a_lot(void **state)
{
    (void)state;
    start_shell("head -c 300000 /dev/zero | tr '\\0' x");
    run_until_end();
    assert_true(WIFEXITED(status) && !WEXITSTATUS(status));
    assert_int_equal(out.len, 300000);
}

static void killed(void **state)
{
    (void)state;
    start_shell("exec sleep 60");
    child_kill(run);
    run_until_end();
    assert_true(WIFSIGNALED(status));
}

static void that_is_not_there(void **state)
{
    char *argv[] = {"/nowhere/xl", NULL};

    (void)state;
    assert_int_equal(child_start(&run, loop, argv, record_end, NULL), ENOENT);
    assert_null(run);
}

/* domd ignores SIGPIPE; a child that writes to a closed pipe must end. */
static void signals_are_plain(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    start_shell("kill -PIPE $$; echo lives");
    signal(SIGPIPE, SIG_DFL);
    run_until_end();
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGPIPE);
}

static void print_descriptors(const void *arg)
{
    ssize_t r = write(1, arg, strlen(arg));
    int fd;

    (void)r;
    for (fd = 0; fd < 100; fd++) {
        char digits[] = {(char)('0' + fd / 10), (char)('0' + fd % 10), ' '};

        if (fcntl(fd, F_GETFD) >= 0) r = write(1, digits, sizeof(digits));
    }
}

/* The child may hang for ever, and must not keep our descriptors open. */
static void a_copy_has_no_descriptors_of_ours(void **state)
{
    int lock = open("/dev/null", O_RDONLY);

    (void)state;
    assert_int_equal(
        child_fork(&run, loop, print_descriptors, "here: ", record_end, NULL),
        0);
    run_until_end();
    assert_true(WIFEXITED(status) && !WEXITSTATUS(status));
    assert_string_equal(out.s, "here: 00 01 02 ");
    close(lock);
}

static void waited_for(void **state)
{
    msec began = loop_now();

    (void)state;
    start_shell("echo begun; exec sleep 60");
    assert_false(child_wait(run, began + 500));
    assert_true(loop_now() - began >= 500);
    assert_string_equal(child_output(run)->s, "begun\n");
    assert_int_equal(ends, 0);
    child_kill(run);
    assert_true(child_wait(run, loop_now() + 20000));
    assert_int_equal(ends, 1);
    assert_string_equal(out.s, "begun\n");
}

/* A child that closed its output may still run. */
static void waited_for_in_silence(void **state)
{
    (void)state;
    start_shell("exec >&- 2>&-; sleep 1; exit 4");
    assert_true(child_wait(run, loop_now() + 20000));
    assert_int_equal(WEXITSTATUS(status), 4);
}

static void reasons(void **state)
{
    static const struct {
        const char *text;
        const char *reason;
    } cases[] = {
        {"one\ntwo\n", "two"},
        {"two\nWARNING: an old key\n", "two"},
        {"one\nWARNING: an old key\n\nWARNING: another\n", "one"},
        {"WARNING: an old key\nWARNING: another\n", "WARNING: another"},
        {"xl: error: the first\nxl: Error: the last\nsays no more\n"
         "a warning about errors\n",
         "xl: Error: the last"},
        {"warning: x\nweb.cfg:3: config parsing error near y\nz\n",
         "web.cfg:3: config parsing error near y"},
        {"\n\nno newline", "no newline"},
    };
    struct buf none = {0};
    size_t i;

    (void)state;
    assert_null(child_reason(&none));
    for (i = 0; i < ARRAY_SIZE(cases); i++) {
        struct buf text = {0};
        char *reason;

        buf_add(&text, cases[i].text, strlen(cases[i].text));
        reason = child_reason(&text);
        assert_string_equal(reason, cases[i].reason);
        free(reason);
        buf_dispose(&text);
    }
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(what_it_prints),
        T(a_lot),
        T(killed),
        T(that_is_not_there),
        T(signals_are_plain),
        T(reasons),
        T(a_copy_has_no_descriptors_of_ours),
        T(waited_for),
        T(waited_for_in_silence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
