/* Creations, and the remains of failed ones. */
#include "tests/hv/xl/harness.h"

#include <signal.h>
#include <unistd.h>

static void comes_up(void **state)
{
    (void)state;
    begin_creation();
    assert_string_equal(told, "queued; begins");
    ends(0);
    assert_string_equal(told, "queued; begins");
    ends(0);
    assert_string_equal(told, "queued; begins; created");
    assert_string_equal(asked, "create; unpause");
}

static void is_left_paused(void **state)
{
    (void)state;
    create_ahead = has_cd = true;
    begin_creation();
    ends(0);
    assert_string_equal(told, "queued; begins; built");
    assert_string_equal(asked, "create");
    assert_int_equal(hv_domid(hv, 0), DOMID);
    hv_unpause(hv, 0, 1);
    ends(0);
    assert_string_equal(told, "queued; begins; built; created");
    assert_string_equal(asked, "create; unpause");
    /* Its events were requested once, without reading it back. */
    assert_int_equal(watches, 1);
    assert_int_equal(eject_watches, 1);
    assert_int_equal(reads, 0);
}

static void is_removed_while_paused(void **state)
{
    (void)state;
    create_ahead = true;
    begin_creation();
    ends(0);
    hv_destroy(hv, 0, 1);
    there = false;
    ends(0);
    assert_string_equal(told, "queued; begins; built; gone");
    assert_string_equal(asked, "create; destroy");
    assert_int_equal(watches, 0);
}

static void vanishes_while_paused(void **state)
{
    (void)state;
    create_ahead = true;
    begin_creation();
    ends(0);
    there = false;
    (void)happens(LIBXL_EVENT_TYPE_DOMAIN_DEATH);
    spin();
    assert_string_equal(told, "queued; begins; built; gone");
}

static void cannot_be_unpaused(void **state)
{
    (void)state;
    create_ahead = true;
    begin_creation();
    ends(0);
    hv_unpause(hv, 0, 1);
    ends(ERROR_FAIL);
    assert_string_equal(asked, "create; unpause; destroy");
    there = false;
    ends(0);
    assert_string_equal(told, "queued; begins; built; failed");
    assert_int_equal(watches, 0);
}

/* Nobody expects an end before the creation has one. */
static void vanishes_while_it_is_unpaused(void **state)
{
    (void)state;
    create_ahead = true;
    begin_creation();
    ends(0);
    (void)happens(LIBXL_EVENT_TYPE_DOMAIN_DEATH); /* queued already */
    hv_unpause(hv, 0, 1);
    assert_int_equal(watches, 0);
    there = false;
    spin();
    assert_string_equal(told, "queued; begins; built");
    ends(ERROR_FAIL);
    assert_string_equal(told, "queued; begins; built; failed");
}

static void was_unpaused_by_somebody(void **state)
{
    (void)state;
    create_ahead = true;
    begin_creation();
    ends(0);
    dom.paused = false;
    hv_unpause(hv, 0, 1);
    assert_string_equal(asked, "create");
    assert_string_equal(told, "queued; begins; built; created");
    assert_int_equal(watches, 1);
}

static void is_cancelled_before_it_is_left_paused(void **state)
{
    (void)state;
    create_ahead = true;
    begin_creation();
    hv_abort(hv, 0);
    ends(0);
    assert_string_equal(asked, "create; abort; destroy");
    there = false;
    ends(0);
    assert_string_equal(told, "queued; begins; failed");
}

/* Reading it back would cost dozens of requests to xenstored. */
static void knows_its_own_configuration(void **state)
{
    (void)state;
    has_cd = true;
    begin_creation();
    ends(0);
    ends(0);
    assert_string_equal(told, "queued; begins; created");
    assert_int_equal(eject_watches, 1);
    assert_int_equal(reads, 0);
    there = false;
    (void)happens(LIBXL_EVENT_TYPE_DOMAIN_DEATH);
    spin();
    assert_int_equal(eject_watches, 0);
}

static void says_for_how_long_it_was_busy(void **state)
{
    msec begun = loop_now();

    (void)state;
    begin_creation();
    assert_true(stalled_ms <= loop_now() - begun);
    ends(ERROR_FAIL);
    told[0] = '\0';
    build_ms = 40;
    begin_creation();
    assert_true(stalled_ms >= 40);
}

/* Else a libxl call that waits for a child would wait for ever. */
static void children_are_for_libxl_to_reap(void **state)
{
    struct sigaction sa;

    (void)state;
    assert_int_equal(owner, libxl_sigchld_owner_libxl_always_selective_reap);
    assert_int_equal(sigaction(SIGCHLD, NULL, &sa), 0);
    assert_true(sa.sa_handler == SIG_DFL);
}

static void remains_that_go(void **state)
{
    (void)state;
    begin_creation();
    ends(ERROR_FAIL);
    assert_string_equal(asked, "create; destroy");
    there = false;
    ends(0);
    assert_string_equal(told, "queued; begins; failed");
    assert_int_equal(hv_domid(hv, 0), HV_NO_DOMID);
}

/* The next one would have the same name and disks. */
static void remains_that_do_not_go(void **state)
{
    (void)state;
    begin_creation();
    ends(ERROR_FAIL);
    ends(ERROR_FAIL);
    assert_string_equal(told, "queued; begins; left");
    assert_string_equal(why, "libxl error fail");
    assert_int_equal(hv_domid(hv, 0), DOMID);
    hv_destroy(hv, 0, 1);
    there = false;
    ends(0);
    assert_string_equal(asked, "create; destroy; destroy");
    assert_string_equal(told, "queued; begins; left; gone");
}

static void remains_whose_removal_does_not_begin(void **state)
{
    (void)state;
    begin_creation();
    refuse = ERROR_FAIL;
    ends(ERROR_FAIL);
    assert_string_equal(told, "queued; begins; left");
}

/* The guest runs: a missing watch is no reason to destroy it. */
static void comes_up_without_a_watch(void **state)
{
    (void)state;
    no_watches = true;
    begin_creation();
    ends(0);
    ends(0);
    assert_string_equal(told, "queued; begins; created");
    assert_string_equal(asked, "create; unpause");
}

/* libxlutil takes neither a byte order mark nor a carriage return. */
static void file_from_another_editor(void **state)
{
    (void)state;
    begin_creation();
    assert_string_equal(converted.s, "name = \"a\"\n");
    ends(ERROR_FAIL);
    told[0] = '\0';
    put(".cfg", "\357\273\277name = \"a\"\r\n# end");
    policy->stamp = policy_stamp(policy->file);
    begin_creation();
    assert_string_equal(converted.s, "name = \"a\"\n# end\n");
}

/* xl must not start an unchecked file. */
static void file_that_was_changed(void **state)
{
    (void)state;
    hv_create(hv, 0, 1, policy, true, false);
    assert_string_equal(told, "");
    put(".cfg", "name = \"b\"\n");
    converts();
    spin();
    assert_string_equal(told, "changed");
    assert_string_equal(asked, "");
}

static void file_that_is_gone(void **state)
{
    (void)state;
    hv_create(hv, 0, 1, policy, true, false);
    assert_int_equal(unlink(policy->file), 0);
    converts();
    assert_string_equal(told, "changed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(is_left_paused),
        T(is_removed_while_paused),
        T(vanishes_while_paused),
        T(cannot_be_unpaused),
        T(vanishes_while_it_is_unpaused),
        T(was_unpaused_by_somebody),
        T(is_cancelled_before_it_is_left_paused),
        T(comes_up),
        T(knows_its_own_configuration),
        T(says_for_how_long_it_was_busy),
        T(children_are_for_libxl_to_reap),
        T(remains_that_go),
        T(remains_that_do_not_go),
        T(remains_whose_removal_does_not_begin),
        T(comes_up_without_a_watch),
        T(file_from_another_editor),
        T(file_that_was_changed),
        T(file_that_is_gone),
    };

    return cmocka_run_group_tests(tests, scratch_make, scratch_drop);
}
