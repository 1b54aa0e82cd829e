/* The MAC addresses of cards whose vif names none. */
#include "tests/hv/xl/harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hv/xl/internal.h"

#define COUNT 3

static libxl_device_nic nics[COUNT];

/* Gives COUNT cards of domain NAME on MACHINE their addresses. */
static void give(const char *machine, char *name)
{
    libxl_domain_config config = {.num_nics = COUNT, .nics = nics};

    memset(nics, 0, sizeof(nics));
    config.c_info.name = name;
    xl_give_macs(&config, machine);
}

static void stays_the_same(void **state)
{
    libxl_mac first[COUNT];
    int i;

    (void)state;
    give("m", (char[]){"web"});
    for (i = 0; i < COUNT; i++) {
        memcpy(first[i], nics[i].mac, sizeof(libxl_mac));
        assert_memory_equal(nics[i].mac, "\x00\x16\x3e", 3);
        assert_true(nics[i].mac[3] < 0x80);
    }
    give("m", (char[]){"web"});
    for (i = 0; i < COUNT; i++)
        assert_memory_equal(nics[i].mac, first[i], sizeof(libxl_mac));
}

/* 3 machines with 100 domains of 3 cards; two of 900 in 2^23 addresses would
 * meet by chance once in 20 times, and these do not. */
static void differs(void **state)
{
    static libxl_mac seen[900];
    unsigned int n = 0;
    unsigned int i;
    int machine, domain, card;

    (void)state;
    for (machine = 0; machine < 3; machine++) {
        for (domain = 0; domain < 100; domain++) {
            char id[16], name[16];

            snprintf(id, sizeof(id), "m%d", machine);
            snprintf(name, sizeof(name), "web%d", domain);
            give(id, name);
            for (card = 0; card < COUNT; card++) {
                for (i = 0; i < n; i++)
                    assert_memory_not_equal(nics[card].mac, seen[i],
                                            sizeof(libxl_mac));
                memcpy(seen[n++], nics[card].mac, sizeof(libxl_mac));
            }
        }
    }
}

static void given_ones_are_kept(void **state)
{
    static const libxl_mac given = {0x02, 0, 0, 0, 0, 1};
    libxl_domain_config config = {.num_nics = 1, .nics = nics};

    (void)state;
    config.c_info.name = (char[]){"web"};
    memcpy(nics[0].mac, given, sizeof(given));
    xl_give_macs(&config, "m");
    assert_memory_equal(nics[0].mac, given, sizeof(given));
}

/* Two hosts of which nobody knows which is which must not have the same. */
static void none_for_an_unknown_machine(void **state)
{
    static const libxl_mac none;

    (void)state;
    give("", (char[]){"web"});
    assert_memory_equal(nics[0].mac, none, sizeof(none));
}

/* Writes TEXT as the firmware's UUID, and reads it into MACHINE. */
static void machine_of(const char *text, char *machine, size_t size)
{
    char path[] = "/tmp/uuid.XXXXXX";
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    xl_read_machine(path, machine, size);
    unlink(path);
}

static void the_machine(void **state)
{
    char machine[80];

    (void)state;
    machine_of("4c4c4544-0042-3510\n", machine, sizeof(machine));
    assert_string_equal(machine, "4c4c4544-0042-3510");
    machine_of("00000000-0000-0000-0000-000000000000\n", machine,
               sizeof(machine));
    assert_string_equal(machine, "");
    machine_of("FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF\n", machine,
               sizeof(machine));
    assert_string_equal(machine, "");
    machine_of("", machine, sizeof(machine));
    assert_string_equal(machine, "");
    xl_read_machine("/nonexistent", machine, sizeof(machine));
    assert_string_equal(machine, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stays_the_same),
        cmocka_unit_test(differs),
        cmocka_unit_test(given_ones_are_kept),
        cmocka_unit_test(none_for_an_unknown_machine),
        cmocka_unit_test(the_machine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
