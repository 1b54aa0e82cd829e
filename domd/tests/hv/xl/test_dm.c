/* Instances with a device model. */
#include "tests/hv/xl/harness.h"

#include "hv/xl/dmwatch.h"

static void device_model_begins(void)
{
    dm = device_model_start("7");
    dm_noted = dm.pid;
}

static void adopt_running(void)
{
    there = true;
    dom.paused = false;
    assert_true(hv_adopt(hv, 0, 1, "a", DOMID, false, false, NULL));
}

/* Waits until the domain's own end would be seen. */
static void grace(void)
{
    run_loop(loop, DMWATCH_GRACE + 200);
}

/* Retries, because a stalled machine takes longer. */
static void comes(const char *expected)
{
    int i;

    for (i = 0; i < 20 && strcmp(told, expected); i++)
        grace();
    assert_string_equal(told, expected);
}

static void created_with_a_device_model(void **state)
{
    (void)state;
    begin_creation();
    device_model_begins();
    ends(0);
    ends(0);
    dom.paused = false;
    grace();
    assert_string_equal(told, "queued; begins; created");
    device_model_kill(&dm);
    comes("queued; begins; created; dm ended");
    assert_string_equal(why, "");
    assert_string_equal(asked, "create; unpause"); /* the guest goes on */
}

static void write_dm_log(const char *text)
{
    char *path = xasprintf("%s/qemu-dm-a.log", scratch);

    if (text)
        assert_int_equal(write_file(path, text, strlen(text), 0644), 0);
    else
        (void)unlink(path);
    free(path);
}

/* The guest hangs, and its device model lives on. */
static void device_model_that_complains(void **state)
{
    (void)state;
    begin_creation();
    write_dm_log("rom: file linuxboot_dma.bin: error Failed to open file\n");
    ends(0);
    ends(0);
    assert_string_equal(told, "queued; begins; created; dm says");
    assert_string_equal(
        why, "rom: file linuxboot_dma.bin: error Failed to open file");
    write_dm_log("qemu-system-i386: it is worse now\n");
    hv_look_late(hv, 0);
    assert_string_equal(told, "queued; begins; created; dm says; dm says");
    assert_string_equal(why, "it is worse now");
    write_dm_log(NULL);
}

/* Complaints from the build count for the unpause, too. */
static void device_model_that_cannot_be_unpaused(void **state)
{
    (void)state;
    begin_creation();
    write_dm_log("qemu-system-i386: no backing file\n");
    usleep(1100 * 1000);
    ends(0);
    ends(ERROR_FAIL);
    there = false;
    ends(0);
    assert_string_equal(told, "queued; begins; failed");
    assert_string_equal(why, "QEMU: no backing file");
    write_dm_log(NULL);
}

static void adopted_with_a_device_model(void **state)
{
    (void)state;
    device_model_begins();
    adopt_running();
    spin();
    device_model_kill(&dm);
    comes("dm ended");
}

static void adopted_without_its_device_model(void **state)
{
    (void)state;
    device_model_begins();
    device_model_kill(&dm);
    adopt_running();
    assert_string_equal(told, "");
    comes("dm ended");
}

static void device_model_ends_with_its_domain(void **state)
{
    (void)state;
    device_model_begins();
    adopt_running();
    dom.shutdown = true;
    dom.shutdown_reason = LIBXL_SHUTDOWN_REASON_POWEROFF;
    device_model_kill(&dm);
    grace();
    assert_string_equal(told, "");
}

static void device_model_of_a_dying_domain(void **state)
{
    (void)state;
    device_model_begins();
    adopt_running();
    dom.dying = true;
    device_model_kill(&dm);
    grace();
    assert_string_equal(told, "");
}

/* The devices take long after that. */
static void somebody_destroys_it(void **state)
{
    (void)state;
    device_model_begins();
    adopt_running();
    dm_removed = true;
    dom.paused = true;
    device_model_kill(&dm);
    grace();
    assert_string_equal(told, "");
}

static void we_destroy_it(void **state)
{
    (void)state;
    device_model_begins();
    adopt_running();
    hv_destroy(hv, 0, 1);
    device_model_kill(&dm);
    grace();
    assert_string_equal(told, "");
    there = false;
    ends(0);
    assert_string_equal(told, "gone");
}

/* A reset starts another one. */
static void another_device_model(void **state)
{
    struct device_model first;

    (void)state;
    device_model_begins();
    adopt_running();
    first = dm;
    device_model_begins();
    device_model_kill(&first);
    grace();
    assert_string_equal(told, "");
    device_model_kill(&dm);
    comes("dm ended");
}

static void others_device_model(void **state)
{
    (void)state;
    device_model_begins();
    there = true;
    dom.paused = false;
    assert_true(hv_adopt(hv, 0, 1, "a", DOMID, true, false, NULL));
    device_model_kill(&dm);
    grace();
    assert_string_equal(told, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(created_with_a_device_model),
        T(device_model_that_complains),
        T(device_model_that_cannot_be_unpaused),
        T(adopted_with_a_device_model),
        T(adopted_without_its_device_model),
        T(device_model_ends_with_its_domain),
        T(device_model_of_a_dying_domain),
        T(somebody_destroys_it),
        T(we_destroy_it),
        T(another_device_model),
        T(others_device_model),
    };

    return cmocka_run_group_tests(tests, scratch_make, scratch_drop);
}
