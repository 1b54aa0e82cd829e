/* Counters of a fake sysfs. */
#include "tests/base/harness.h"

#include <sys/stat.h>

#include "daemon/iostat.h"

static const char *const dirs[] = {
    "bus",
    "bus/xen-backend",
    "bus/xen-backend/devices",
    "bus/xen-backend/devices/vbd-3-51712",
    "bus/xen-backend/devices/vbd-3-51712/statistics",
    "bus/xen-backend/devices/vbd-31-51712",
    "bus/xen-backend/devices/vbd-31-51712/statistics",
    "class",
    "class/net",
    "class/net/vif4.0",
    "class/net/vif4.0/statistics",
};

static const struct {
    const char *path;
    const char *text;
} entries[] = {
    {"bus/xen-backend/devices/vbd-3-51712/statistics/rd_sect", "4\n"},
    {"bus/xen-backend/devices/vbd-3-51712/statistics/wr_sect", "0\n"},
    {"bus/xen-backend/devices/vbd-31-51712/statistics/rd_sect", "100\n"},
    {"class/net/vif4.0/statistics/tx_bytes", "70\n"},
    {"class/net/vif4.0/statistics/rx_bytes", "80\n"},
};

static int setup(void **state)
{
    size_t i;

    if (scratch_make(state)) return -1;
    for (i = 0; i < ARRAY_SIZE(dirs); i++) {
        char *path = xasprintf("%s/%s", scratch, dirs[i]);
        int r = mkdir(path, 0700);

        free(path);
        if (r) return -1;
    }
    for (i = 0; i < ARRAY_SIZE(entries); i++) {
        char *path = xasprintf("%s/%s", scratch, entries[i].path);
        int r =
            write_file(path, entries[i].text, strlen(entries[i].text), 0600);

        free(path);
        if (r) return -1;
    }
    return 0;
}

static int teardown(void **state)
{
    size_t i;

    for (i = 0; i < ARRAY_SIZE(entries); i++) {
        char *path = xasprintf("%s/%s", scratch, entries[i].path);

        unlink(path);
        free(path);
    }
    for (i = ARRAY_SIZE(dirs); i-- > 0;) {
        char *path = xasprintf("%s/%s", scratch, dirs[i]);

        rmdir(path);
        free(path);
    }
    return scratch_drop(state);
}

static void disks_of_the_kernel(void **state)
{
    struct iostat io;

    (void)state;
    iostat_read(scratch, 3, &io);
    assert_true(io.vbd);
    assert_int_equal(io.vbd_read, 2048);
    assert_int_equal(io.vbd_written, 0);
    assert_false(io.vif);
}

/* QEMU's traffic is unknown, not zero. */
static void disks_of_qemu(void **state)
{
    struct iostat io;

    (void)state;
    iostat_read(scratch, 4, &io);
    assert_false(io.vbd);
    assert_true(io.vif);
    assert_int_equal(io.vif_received, 70);
    assert_int_equal(io.vif_sent, 80);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(disks_of_the_kernel),
        cmocka_unit_test(disks_of_qemu),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
