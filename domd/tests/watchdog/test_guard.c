/* When the host's watchdogs are fed. */
#include "tests/base/harness.h"

#include "watchdog/guard.h"

#define LIMIT 60000

static struct guard new_guard(void)
{
    struct guard g;

    guard_init(&g, LIMIT, 1000);
    return g;
}

static void boot_is_bounded(void **state)
{
    struct guard g = new_guard();

    (void)state;
    assert_int_equal(guard_left(&g, 1000), GUARD_BOOT_LIMIT);
    assert_int_equal(guard_left(&g, 1000 + GUARD_BOOT_LIMIT), 0);
    /* A service that waits for its turn is no proof of life. */
    guard_parked(&g, 5000);
    assert_int_equal(g.phase, GUARD_BOOT);
    assert_int_equal(guard_left(&g, 1000 + GUARD_BOOT_LIMIT), 0);
}

/* The check of a file system takes as long as it makes progress. */
static void a_check_extends_the_boot(void **state)
{
    struct guard g = new_guard();

    (void)state;
    guard_checking(&g, 5000);
    assert_int_equal(guard_left(&g, 1000), GUARD_BOOT_LIMIT);
    guard_checking(&g, 5000 + GUARD_BOOT_LIMIT);
    assert_int_equal(guard_left(&g, 5000), GUARD_BOOT_LIMIT);
    guard_answered(&g, 20000);
    guard_checking(&g, 2 * GUARD_BOOT_LIMIT);
    assert_int_equal(guard_left(&g, 20000), LIMIT);
}

static void silence_is_bounded(void **state)
{
    struct guard g = new_guard();

    (void)state;
    guard_answered(&g, 20000);
    assert_int_equal(g.phase, GUARD_UP);
    assert_int_equal(guard_left(&g, 20000), LIMIT);
    assert_int_equal(guard_left(&g, 20000 + LIMIT), 0);
    guard_answered(&g, 50000);
    assert_int_equal(guard_left(&g, 20000 + LIMIT), 30000);
}

static void stopped_by_hand(void **state)
{
    struct guard g = new_guard();

    (void)state;
    guard_answered(&g, 20000);
    guard_parked(&g, 70000);
    assert_int_equal(guard_left(&g, 70000), LIMIT);
}

/* domd ends in a shutdown: only its deadline counts. */
static void shutdown_has_a_deadline(void **state)
{
    struct guard g = new_guard();

    (void)state;
    guard_answered(&g, 20000);
    guard_closing(&g, 500000);
    assert_int_equal(guard_left(&g, 400000), 100000);
    guard_answered(&g, 450000);
    guard_parked(&g, 450000);
    assert_int_equal(guard_left(&g, 500000), 0);
    guard_closing(&g, 600000);
    assert_int_equal(guard_left(&g, 500000), 100000);
    assert_false(guard_warns(&g, 599000));
}

static void warns_once(void **state)
{
    struct guard g = new_guard();

    (void)state;
    assert_false(guard_warns(&g, 500000));
    guard_answered(&g, 20000);
    assert_false(guard_warns(&g, 20000 + LIMIT / 2 - 1));
    assert_true(guard_warns(&g, 20000 + LIMIT / 2));
    assert_false(guard_warns(&g, 20000 + LIMIT / 2 + 1));
    guard_answered(&g, 60000);
    assert_true(guard_warns(&g, 60000 + LIMIT));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(boot_is_bounded),
        cmocka_unit_test(a_check_extends_the_boot),
        cmocka_unit_test(silence_is_bounded),
        cmocka_unit_test(stopped_by_hand),
        cmocka_unit_test(shutdown_has_a_deadline),
        cmocka_unit_test(warns_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
