/* The preflight in child processes, some of which block. */
#include "tests/base/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "preflight/checks.h"

static struct loop *loop;
static struct checks *checks;
static struct config c;
static char *share; /* a FIFO, or a file */
static int backs;

static void count_back(void *user)
{
    (void)user;
    backs++;
}

static int setup(void **state)
{
    (void)state;
    loop = loop_new();
    checks = checks_new(loop, count_back, NULL);
    share = xasprintf("%s/share", scratch);
    backs = 0;
    assert_int_equal(mkfifo(share, 0600), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    checks_free(checks);
    config_dispose(&c);
    loop_free(loop);
    (void)unlink(share);
    free(share);
    /* Abandoned children exit when they are killed. */
    while (waitpid(-1, NULL, 0) > 0)
        ;
    return 0;
}

/* Domain a has a disk on the share, and MORE in its file; domain b uses
 * nothing of the share. */
static void read_domains(const char *more)
{
    static const struct host host;
    char *a =
        xasprintf("name = \"a\"\ndisk = [ \"%s,,xvda\" ]\n%s\n", share, more);
    static const char b[] = "name = \"b\"\ndisk = [ \"/dev/null,,xvda\" ]\n"
                            "kernel = \"/nowhere/k\"\n";

    config_dispose(&c);
    c.v = xcalloc(2, sizeof(struct policy *));
    c.n = 2;
    c.v[0] = policy_parse(a, strlen(a), "a.cfg", &host, &c.problems);
    c.v[1] = policy_parse(b, strlen(b), "b.cfg", &host, &c.problems);
    assert_int_equal(c.problems.n, 0);
    free(a);
}

static void run_checks(const char *more)
{
    read_domains(more);
    checks_run(checks, &c);
}

/* Waiting processes get the answer of the share; others see a file. */
static void replace_share(void)
{
    int fd;

    assert_int_equal(unlink(share), 0);
    fd = open(share, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
}

static void answer_share(void)
{
    int fd = open(share, O_WRONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    replace_share();
    close(fd);
}

static void wait_for_back(void)
{
    msec end = loop_now() + 20000;

    while (!backs && loop_now() < end)
        run_loop(loop, 10);
    assert_int_equal(backs, 1);
}

static void assert_held(void)
{
    char *expected = xasprintf(
        "a.cfg:2: disk: %s does not respond; the domain waits for it", share);

    assert_string_equal(c.v[0]->hold, expected);
    assert_null(c.v[0]->bar);
    free(expected);
}

static void finds_what_the_preflight_finds(void **state)
{
    (void)state;
    replace_share();
    run_checks("needs = [ \"/nowhere/n\" ]");
    assert_int_equal(c.problems.n, 1);
    assert_string_equal(c.v[1]->bar,
                        "b.cfg:3: kernel: /nowhere/k does not exist");
    assert_string_equal(c.v[0]->bar,
                        "needs /nowhere/n, which this host lacks");
    assert_true(c.v[0]->bar_is_skip);
    assert_null(c.v[0]->hold);
    assert_string_equal(c.v[0]->writes.v[0], share);
    assert_string_equal(c.v[1]->writes.v[0], "/dev/null");
    assert_int_equal(checks_left(checks), 0);
}

static void one_share_holds_its_own_domains(void **state)
{
    (void)state;
    run_checks("");
    assert_held();
    assert_string_equal(c.v[1]->bar,
                        "b.cfg:3: kernel: /nowhere/k does not exist");
    assert_int_equal(c.problems.n, 2);
    assert_int_equal(checks_left(checks), 1);
}

/* An abandoned child is not waited for again, and not started twice. */
static void it_is_waited_for_once(void **state)
{
    msec began;
    int i;

    (void)state;
    run_checks("");
    began = loop_now();
    for (i = 0; i < 10; i++) {
        run_checks("");
        assert_held();
        assert_false(checks_answer(checks, c.v[0]));
    }
    assert_true(loop_now() - began < 10 * CHECKS_PATIENCE);
    assert_int_equal(checks_left(checks), 1);
}

static void it_comes_back(void **state)
{
    (void)state;
    run_checks("");
    answer_share();
    wait_for_back();
    assert_int_equal(checks_left(checks), 0);
    run_checks("");
    assert_null(c.v[0]->hold);
    assert_true(checks_answer(checks, c.v[0]));
    assert_int_equal(backs, 1);
}

/* A check that always takes longer than the limit still counts. */
static void what_came_late_counts(void **state)
{
    (void)state;
    run_checks("");
    answer_share();
    wait_for_back();
    (void)unlink(share);
    assert_int_equal(mkfifo(share, 0600), 0);
    run_checks("");
    assert_null(c.v[0]->hold);
    run_checks("");
    assert_held();
}

/* A working share was mounted over the dead one. */
static void it_is_given_up_on_request(void **state)
{
    (void)state;
    run_checks("");
    replace_share();
    run_checks("");
    assert_held();
    checks_give_up(checks);
    assert_int_equal(checks_left(checks), 0);
    run_checks("");
    assert_null(c.v[0]->hold);
    assert_int_equal(backs, 0);
}

static void a_file_that_changed_is_looked_at_anew(void **state)
{
    (void)state;
    run_checks("");
    replace_share();
    run_checks("memory = 64");
    assert_null(c.v[0]->hold);
    run_loop(loop, 200);
    assert_int_equal(checks_left(checks), 0);
    assert_int_equal(backs, 0);
}

static void it_may_die_between_two_looks(void **state)
{
    (void)state;
    replace_share();
    run_checks("");
    assert_true(checks_answer(checks, c.v[0]));
    run_loop(loop, 2100);
    (void)unlink(share);
    assert_int_equal(mkfifo(share, 0600), 0);
    assert_false(checks_answer(checks, c.v[0]));
    assert_held();
    answer_share();
    wait_for_back();
}

/* A domain without wants costs no process. */
static void nothing_is_wanted(void **state)
{
    static const struct host host;
    struct problems problems = {0};
    struct policy *p =
        policy_parse("name = \"n\"\n", 11, "n.cfg", &host, &problems);

    (void)state;
    assert_true(checks_answer(checks, p));
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    policy_free(p);
}

/* What a domain was created from: files by their place on the disk and their
 * last write, devices by their number. */
static void the_print_of_files(void **state)
{
    static const struct host host;
    struct problems problems = {0};
    char *path = xasprintf("%s/print", scratch);
    char *other = xasprintf("%s/other", scratch);
    char *text = xasprintf("name = \"n\"\ndisk = [ \"%s,,xvda\", "
                           "\"/dev/null,,xvdb\" ]\n",
                           path);
    struct policy *p =
        policy_parse(text, strlen(text), "n.cfg", &host, &problems);
    struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
    uint64_t missing = checks_print(p);
    uint64_t print;

    (void)state;
    assert_int_equal(write_file(path, "old", 3, 0600), 0);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    print = checks_print(p);
    assert_true(print != missing);
    assert_true(checks_print(p) == print);
    /* Written to, with the same size. */
    assert_int_equal(write_file(path, "new", 3, 0600), 0);
    assert_true(checks_print(p) != print);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    print = checks_print(p);
    /* Another file of the same size and time. */
    assert_int_equal(write_file(other, "new", 3, 0600), 0);
    assert_int_equal(utimensat(AT_FDCWD, other, times, 0), 0);
    assert_int_equal(rename(other, path), 0);
    assert_true(checks_print(p) != print);
    (void)unlink(path);
    free(path);
    free(other);
    free(text);
    policy_free(p);
    problems_dispose(&problems);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(finds_what_the_preflight_finds),
        T(one_share_holds_its_own_domains),
        T(it_is_waited_for_once),
        T(it_comes_back),
        T(what_came_late_counts),
        T(it_is_given_up_on_request),
        T(a_file_that_changed_is_looked_at_anew),
        T(it_may_die_between_two_looks),
        T(nothing_is_wanted),
        T(the_print_of_files),
    };

    return cmocka_run_group_tests(tests, scratch_make, scratch_drop);
}
