/* Watching a process that is no child. */
#include "tests/base/harness.h"

#include <errno.h>
#include <sys/resource.h>

#include "hv/xl/dmwatch.h"
#include "tests/hv/xl/device_model.h"

#define DOMID 7

static struct loop *loop;
static struct dmwatch *watch;
static struct device_model dm;
static int ends;
static msec ended_at;

static void ended(void *user)
{
    assert_ptr_equal(user, &ends);
    ends++;
    ended_at = loop_now();
    dmwatch_free(watch); /* as hv/xl/dm.c may do it */
    watch = NULL;
}

static int setup(void **state)
{
    (void)state;
    loop = loop_new();
    ends = 0;
    dm = device_model_start("7");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    dmwatch_free(watch);
    watch = NULL;
    device_model_kill(&dm);
    loop_free(loop);
    return 0;
}

static void begin(uint32_t domid)
{
    watch = dmwatch_new(loop, dm.pid, domid, ended, &ends);
}

static void nothing(void *user)
{
    (void)user;
}

/* Runs the loop for MS, or until it has ended. */
static void run_for(msec ms)
{
    struct timer *timer = loop_timer(loop, nothing, NULL);
    msec end = loop_now() + ms;

    while (loop_now() < end && !ends) {
        loop_at(timer, end);
        loop_round(loop);
    }
    loop_timer_remove(loop, timer);
}

static unsigned int open_fds(void)
{
    unsigned int n = 0;
    int fd;

    for (fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static void lives(void **state)
{
    unsigned int before = open_fds();

    (void)state;
    begin(DOMID);
    assert_non_null(watch);
    assert_int_equal(open_fds(), before + 1);
    run_for(100);
    assert_int_equal(ends, 0);
    dmwatch_free(watch);
    watch = NULL;
    assert_int_equal(open_fds(), before);
}

static void is_killed(void **state)
{
    unsigned int before = open_fds();
    msec now;

    (void)state;
    begin(DOMID);
    device_model_kill(&dm);
    now = loop_now();
    run_for(20000);
    assert_int_equal(ends, 1);
    assert_true(ended_at - now >= DMWATCH_GRACE);
    run_for(100);
    assert_int_equal(ends, 1);
    assert_int_equal(open_fds(), before - 1); /* its input's */
}

static void is_not_watched_any_more(void **state)
{
    (void)state;
    begin(DOMID);
    device_model_kill(&dm);
    run_for(100);
    dmwatch_free(watch);
    watch = NULL;
    run_for(DMWATCH_GRACE + 200);
    assert_int_equal(ends, 0);
}

/* It ended before the watch, as after a restart of domd. */
static void has_ended_before(void **state)
{
    pid_t pid = dm.pid;

    (void)state;
    device_model_kill(&dm);
    watch = dmwatch_new(loop, pid, DOMID, ended, &ends);
    assert_non_null(watch);
    assert_int_equal(ends, 0); /* never from within */
    run_for(20000);
    assert_int_equal(ends, 1);
}

/* Another process has reused its number. */
static void is_another_process(void **state)
{
    unsigned int before = open_fds();

    (void)state;
    begin(DOMID + 1);
    assert_non_null(watch);
    assert_int_equal(open_fds(), before);
    run_for(20000);
    assert_int_equal(ends, 1);
}

/* The last descriptors are reserved. */
static void descriptors_run_short(void **state)
{
    unsigned int before = open_fds();
    struct rlimit limit;
    struct rlimit low;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    low = limit;
    low.rlim_cur = 200;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    errno = 0;
    begin(DOMID);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_null(watch);
    assert_int_equal(errno, EMFILE);
    assert_int_equal(open_fds(), before);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(lives),
        T(is_killed),
        T(is_not_watched_any_more),
        T(has_ended_before),
        T(is_another_process),
        T(descriptors_run_short),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
