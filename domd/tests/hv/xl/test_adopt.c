/* Adoption from an earlier domd, or of domains started by hand. See
 * libxl_fake.h. */
#include "tests/hv/xl/harness.h"

#include <unistd.h>

static void successor_of_one_that_did_not_go_on(void **state)
{
    (void)state;
    put(".used", "memory");
    put(".json", "a");
    there = true;
    hv_adopt(hv, 0, 1, "a", DOMID, false, false, scratch);
    assert_string_equal(files(), "save json");
    assert_string_equal(
        marked, "domain a did not resume from its save, which is used again");
}

static void successor_of_one_that_went_on(void **state)
{
    (void)state;
    put(".used", "memory");
    put(".json", "a");
    there = true;
    dom.paused = false;
    hv_adopt(hv, 0, 1, "a", DOMID, false, false, scratch);
    assert_string_equal(files(), "");
}

/* Its save is complete, and its removal due. */
static void successor_of_one_that_was_saved(void **state)
{
    (void)state;
    put("", "memory");
    put(".json", "a");
    there = true;
    dom.paused = false;
    hv_adopt(hv, 0, 1, "a", DOMID, false, false, scratch);
    assert_string_equal(files(), "save json");
}

/* Adopts the domain and removes it. */
static const char *removes(bool by_hand)
{
    asked[0] = '\0';
    there = true;
    assert_true(hv_adopt(hv, 0, 1, "a", DOMID, by_hand, false, NULL));
    hv_destroy(hv, 0, 1);
    return asked;
}

/* domd was killed between the death and the removal. */
static void successor_of_one_that_is_dead(void **state)
{
    (void)state;
    dom.paused = false;
    dom.shutdown = true;
    dom.shutdown_reason = LIBXL_SHUTDOWN_REASON_CRASH;
    assert_string_equal(removes(false), "destroy");
    kept.on_crash = LIBXL_ACTION_ON_SHUTDOWN_RESTART_RENAME;
    assert_string_equal(removes(false), "preserve");
    assert_string_equal(removes(true), "destroy");
    kept.on_crash = LIBXL_ACTION_ON_SHUTDOWN_COREDUMP_DESTROY;
    assert_string_equal(removes(false), "dump-core");
    dom.dying = true;
    assert_string_equal(removes(false), "destroy");
    dom.dying = false;
    dom.shutdown_reason = LIBXL_SHUTDOWN_REASON_POWEROFF;
    assert_string_equal(removes(false), "destroy");
    no_config = true;
    dom.shutdown_reason = LIBXL_SHUTDOWN_REASON_CRASH;
    assert_string_equal(removes(false), "destroy");
}

/* A live domain has no death to handle. */
static void successor_of_one_that_is_not_dead(void **state)
{
    (void)state;
    dom.paused = false;
    act_on_all(LIBXL_ACTION_ON_SHUTDOWN_RESTART_RENAME);
    assert_string_equal(removes(false), "destroy");
    dom.shutdown = true;
    dom.shutdown_reason = LIBXL_SHUTDOWN_REASON_SUSPEND;
    assert_string_equal(removes(false), "destroy");
    assert_string_equal(told, "");
}

/* Adopts a domain during its save. */
static void find_a_save(bool suspended, bool saving)
{
    put("", "memory");
    put(".part", "mem");
    put(".json", "a");
    there = true;
    dom.paused = false;
    dom.shutdown = suspended;
    dom.shutdown_reason = LIBXL_SHUTDOWN_REASON_SUSPEND;
    hv_adopt(hv, 0, 1, "a", DOMID, false, saving, scratch);
}

static void successor_of_a_save(void **state)
{
    (void)state;
    find_a_save(true, true);
    assert_string_equal(asked, "resume");
    assert_string_equal(files(), "");
}

static void successor_of_somebody_elses_save(void **state)
{
    (void)state;
    find_a_save(true, false);
    assert_string_equal(asked, "");
    assert_true(has(""));
}

static void successor_of_a_save_of_one_that_runs(void **state)
{
    (void)state;
    find_a_save(false, true);
    assert_string_equal(asked, "");
    assert_true(has(""));
}

/* libxl stays silent if asked about others before. */
static void successor_of_one_that_ended_meanwhile(void **state)
{
    (void)state;
    there = true;
    dom.paused = false;
    dom.shutdown = true;
    dom.shutdown_reason = LIBXL_SHUTDOWN_REASON_CRASH;
    assert_true(hv_adopt(hv, 0, 1, "a", DOMID, false, false, NULL));
    assert_string_equal(told, "");
    spin();
    assert_string_equal(told, "crash");
    spin();
    assert_string_equal(told, "crash");
    /* libxl may report it. */
    assert_true(hv_adopt(hv, 0, 1, "a", DOMID, false, false, NULL));
    shuts_down(dom.shutdown_reason);
    assert_string_equal(told, "crash; crash");
    told[0] = '\0';
    /* It is being destroyed. */
    assert_true(hv_adopt(hv, 0, 1, "a", DOMID, false, false, NULL));
    hv_destroy(hv, 0, 1);
    spin();
    assert_string_equal(told, "");
    assert_string_equal(asked, "destroy");
    /* Domains started by hand are not ours to handle. */
    assert_true(hv_adopt(hv, 0, 1, "a", DOMID, true, false, NULL));
    spin();
    assert_string_equal(told, "");
    there = false;
    assert_false(hv_adopt(hv, 0, 1, "a", DOMID, true, false, NULL));
}

/* It is adopted anyway, and its end is seen. */
static void one_whose_end_libxl_does_not_tell(void **state)
{
    (void)state;
    there = true;
    dom.paused = false;
    no_watches = true;
    assert_true(hv_adopt(hv, 0, 1, "a", DOMID, false, false, NULL));
    assert_string_equal(logged, "a: cannot watch for its end: fail");
    store_event();
    spin();
    assert_string_equal(told, "list");
    dom.shutdown = true;
    dom.shutdown_reason = LIBXL_SHUTDOWN_REASON_CRASH;
    store_event();
    spin();
    assert_string_equal(told, "list; list; crash");
    there = false;
    store_event();
    spin();
    assert_string_equal(told, "list; list; crash; gone; list");
}

static void one_whose_end_libxl_tells_again(void **state)
{
    (void)state;
    there = true;
    dom.paused = false;
    no_watches = true;
    assert_true(hv_adopt(hv, 0, 1, "a", DOMID, false, false, NULL));
    assert_int_equal(watches, 0);
    no_watches = false;
    store_event();
    spin();
    assert_int_equal(watches, 1);
    shuts_down(LIBXL_SHUTDOWN_REASON_CRASH);
    assert_string_equal(told, "list; crash");
}

/* Reported twice, by us and by libxl. */
static void successor_of_one_that_wants_a_reset(void **state)
{
    (void)state;
    there = true;
    dom.paused = false;
    dom.shutdown = true;
    dom.shutdown_reason = LIBXL_SHUTDOWN_REASON_SOFT_RESET;
    kept.on_soft_reset = LIBXL_ACTION_ON_SHUTDOWN_SOFT_RESET;
    assert_true(hv_adopt(hv, 0, 1, "a", DOMID, false, false, NULL));
    spin();
    assert_string_equal(asked, "reset");
    shuts_down(dom.shutdown_reason);
    assert_string_equal(asked, "reset");
    assert_string_equal(told, "reset");
}

/* Only libxl knows the configuration of an instance of an earlier domd. */
static void successor_watches_cds(void **state)
{
    (void)state;
    has_cd = true;
    runs();
    assert_int_equal(eject_watches, 1);
    assert_int_equal(reads, 1);
}

/* A waiting xl may remove it; or there is none. */
static void by_hand_and_asked(void **state)
{
    (void)state;
    there = true;
    dom.paused = false;
    assert_true(hv_adopt(hv, 0, 1, "a", DOMID, true, false, NULL));
    dom.shutdown_reason = LIBXL_SHUTDOWN_REASON_POWEROFF;
    hv_shutdown(hv, 0, 1);
    ends(0);
    shuts_down(dom.shutdown_reason);
    (void)happens(LIBXL_EVENT_TYPE_DOMAIN_DEATH);
    spin();
    assert_string_equal(told, "gone");
    dom.shutdown = false;
    told[0] = '\0';
    /* This death needs no report. */
    assert_true(hv_adopt(hv, 1, 1, "b", DOMID, true, false, NULL));
    happens(LIBXL_EVENT_TYPE_DOMAIN_SHUTDOWN)->for_user = 1;
    assert_true(hv_adopt(hv, 0, 1, "a", DOMID, true, false, NULL));
    hv_shutdown(hv, 0, 1);
    ends(0);
    shuts_down(dom.shutdown_reason);
    assert_string_equal(told, "");
    usleep(3000 * 1000);
    spin();
    assert_string_equal(told, "poweroff");
    assert_string_equal(asked, "shutdown; shutdown");
}

/* The guest had read the request of the killed domd. */
static void suspends_after_its_save_was_cut_off(void **state)
{
    (void)state;
    there = true;
    dom.paused = false;
    dom.shutdown_reason = LIBXL_SHUTDOWN_REASON_SUSPEND;
    dom.current_memkb = 65536;
    dom.shutdown = false;
    assert_true(hv_adopt(hv, 0, 1, "a", DOMID, false, true, scratch));
    assert_string_equal(asked, "");
    shuts_down(dom.shutdown_reason);
    assert_string_equal(asked, "resume");
    /* Only once. */
    shuts_down(dom.shutdown_reason);
    assert_string_equal(asked, "resume");

    dom.shutdown = false;
    assert_true(hv_adopt(hv, 0, 1, "a", DOMID, false, true, scratch));
    asked[0] = '\0';
    hv_save(hv, 0, 1, scratch);
    request = "suspend";
    shuts_down(dom.shutdown_reason);
    assert_string_equal(asked, "suspend; resume");
    request = "";
    shuts_down(dom.shutdown_reason);
    assert_string_equal(asked, "suspend; resume");

    /* The guest had not, and sees one request. */
    dom.shutdown = false;
    assert_true(hv_adopt(hv, 0, 1, "a", DOMID, false, true, scratch));
    asked[0] = '\0';
    hv_save(hv, 0, 1, scratch);
    shuts_down(dom.shutdown_reason);
    assert_string_equal(asked, "suspend");

    /* Somebody else saves it. */
    dom.shutdown = false;
    assert_true(hv_adopt(hv, 0, 1, "a", DOMID, false, false, scratch));
    request = "suspend";
    asked[0] = '\0';
    shuts_down(dom.shutdown_reason);
    assert_string_equal(asked, "");
    request = "";
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(successor_of_one_that_did_not_go_on),
        T(successor_of_one_that_went_on),
        T(successor_of_one_that_was_saved),
        T(successor_of_one_that_is_dead),
        T(successor_of_one_that_is_not_dead),
        T(successor_of_a_save),
        T(successor_of_somebody_elses_save),
        T(successor_of_a_save_of_one_that_runs),
        T(successor_of_one_that_ended_meanwhile),
        T(one_whose_end_libxl_does_not_tell),
        T(one_whose_end_libxl_tells_again),
        T(successor_of_one_that_wants_a_reset),
        T(successor_watches_cds),
        T(by_hand_and_asked),
        T(suspends_after_its_save_was_cut_off),
    };

    return cmocka_run_group_tests(tests, scratch_make, scratch_drop);
}
