/* Deaths and ejected CDs. */
#include "tests/hv/xl/harness.h"

static void ejects(const char *vdev)
{
    libxl_event *event = happens(LIBXL_EVENT_TYPE_DISK_EJECT);

    libxl_device_disk_init(&event->u.disk_eject.disk);
    event->u.disk_eject.disk.vdev = strdup(vdev);
    spin();
}

/* A guest may eject without end. */
static void ejects_are_bounded(void **state)
{
    (void)state;
    there = true;
    dom.paused = false;
    hv_adopt(hv, 0, 1, "a", DOMID, false, false, NULL);
    ejects("hdc");
    ejects("hdc");
    ejects("hdc");
    assert_string_equal(asked, "insert");
    ejects("hdd");
    assert_string_equal(asked, "insert; insert");
    ends(0);
    ejects("hdd");
    assert_string_equal(asked, "insert; insert; insert");
    ends(0);
    refuse = ERROR_FAIL;
    ejects("hdd");
    ejects("hdd");
    assert_string_equal(asked, "insert; insert; insert; insert; insert");
}

/* Ends the guest for REASON; returns the reports. */
static const char *end(libxl_shutdown_reason reason)
{
    told[0] = '\0';
    dom.shutdown = false;
    hv_adopt(hv, 0, 1, "a", DOMID, false, false, NULL);
    shuts_down(reason);
    return told;
}

static void each_end_has_its_own_action(void **state)
{
    const libxl_action_on_shutdown keep = LIBXL_ACTION_ON_SHUTDOWN_PRESERVE;

    (void)state;
    runs();
    kept.on_poweroff = keep;
    assert_string_equal(end(LIBXL_SHUTDOWN_REASON_POWEROFF), "poweroff keep");
    assert_string_equal(end(LIBXL_SHUTDOWN_REASON_REBOOT), "reboot");
    act_on_all(LIBXL_ACTION_ON_SHUTDOWN_DESTROY);
    kept.on_reboot = keep;
    assert_string_equal(end(LIBXL_SHUTDOWN_REASON_REBOOT), "reboot keep");
    assert_string_equal(end(LIBXL_SHUTDOWN_REASON_WATCHDOG), "crash");
    act_on_all(LIBXL_ACTION_ON_SHUTDOWN_DESTROY);
    kept.on_watchdog = keep;
    assert_string_equal(end(LIBXL_SHUTDOWN_REASON_WATCHDOG), "crash keep");
    assert_string_equal(end(LIBXL_SHUTDOWN_REASON_SOFT_RESET), "reboot");
    act_on_all(LIBXL_ACTION_ON_SHUTDOWN_DESTROY);
    kept.on_soft_reset = keep;
    assert_string_equal(end(LIBXL_SHUTDOWN_REASON_SOFT_RESET), "reboot keep");
    assert_string_equal(end(LIBXL_SHUTDOWN_REASON_CRASH), "crash");
    act_on_all(LIBXL_ACTION_ON_SHUTDOWN_DESTROY);
    kept.on_crash = keep;
    assert_string_equal(end(LIBXL_SHUTDOWN_REASON_CRASH), "crash keep");
    assert_string_equal(end(42), "crash keep");
    assert_string_equal(end(LIBXL_SHUTDOWN_REASON_POWEROFF), "poweroff");
    assert_string_equal(asked, "");
}

static void each_action(void **state)
{
    static const struct {
        libxl_action_on_shutdown action;
        const char *end;
        const char *asked; /* when the machine wants it removed */
    } cases[] = {
        {LIBXL_ACTION_ON_SHUTDOWN_DESTROY, "crash", "destroy"},
        {LIBXL_ACTION_ON_SHUTDOWN_RESTART, "crash again", "destroy"},
        {LIBXL_ACTION_ON_SHUTDOWN_RESTART_RENAME, "crash again", "preserve"},
        {LIBXL_ACTION_ON_SHUTDOWN_PRESERVE, "crash keep", "destroy"},
        {LIBXL_ACTION_ON_SHUTDOWN_COREDUMP_DESTROY, "crash", "dump-core"},
        {LIBXL_ACTION_ON_SHUTDOWN_COREDUMP_RESTART, "crash again",
         "dump-core"},
    };
    size_t i;

    (void)state;
    runs();
    for (i = 0; i < ARRAY_SIZE(cases); i++) {
        act_on_all(cases[i].action);
        assert_string_equal(end(LIBXL_SHUTDOWN_REASON_CRASH), cases[i].end);
        asked[0] = '\0';
        hv_destroy(hv, 0, 1);
        assert_string_equal(asked, cases[i].asked);
    }
}

/* The action is known from the creation, and the next instance is made from
 * the file. */
static void requested_end_reads_nothing(void **state)
{
    (void)state;
    kept.on_poweroff = LIBXL_ACTION_ON_SHUTDOWN_PRESERVE;
    begin_creation();
    ends(0);
    ends(0);
    dom.paused = false;
    hv_shutdown(hv, 0, 1);
    ends(0);
    told[0] = '\0';
    shuts_down(LIBXL_SHUTDOWN_REASON_POWEROFF);
    assert_string_equal(told, "poweroff keep");
    assert_int_equal(reads, 0);
}

/* A reboot counts as one without a configuration. */
static void end_of_one_whose_configuration_is_lost(void **state)
{
    (void)state;
    runs();
    no_config = true;
    act_on_all(LIBXL_ACTION_ON_SHUTDOWN_PRESERVE);
    assert_string_equal(end(LIBXL_SHUTDOWN_REASON_POWEROFF), "poweroff");
    assert_string_equal(end(LIBXL_SHUTDOWN_REASON_REBOOT), "reboot again");
    assert_string_equal(end(LIBXL_SHUTDOWN_REASON_CRASH), "crash");
}

/* Only a requested start reads the file again. */
static void reboot_goes_on_with_what_it_had(void **state)
{
    (void)state;
    runs();
    kept.on_reboot = LIBXL_ACTION_ON_SHUTDOWN_RESTART;
    reads = 0;
    shuts_down(LIBXL_SHUTDOWN_REASON_REBOOT);
    assert_int_equal(reads, 1); /* it may have got devices meanwhile */
    hv_destroy(hv, 0, 1);
    there = false;
    ends(0);
    assert_string_equal(told, "reboot again; gone");
    hv_create(hv, 0, 1, policy, false, false);
    spin();
    assert_string_equal(told, "reboot again; gone; queued; begins");
    assert_string_equal(asked, "destroy; create");
}

static void somebody_else_destroys_it(void **state)
{
    (void)state;
    runs();
    there = false;
    (void)happens(LIBXL_EVENT_TYPE_DOMAIN_DEATH);
    spin();
    assert_string_equal(told, "gone");
    assert_int_equal(watches, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(ejects_are_bounded),
        T(each_end_has_its_own_action),
        T(each_action),
        T(requested_end_reads_nothing),
        T(end_of_one_whose_configuration_is_lost),
        T(reboot_goes_on_with_what_it_had),
        T(somebody_else_destroys_it),
    };

    return cmocka_run_group_tests(tests, scratch_make, scratch_drop);
}
