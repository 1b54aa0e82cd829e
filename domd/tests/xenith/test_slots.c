/* What `xenith version` and `xenith status` say of the slots. */
#include "tests/base/harness.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "xenith/slots.h"

static char *path_of(const char *name)
{
    return xasprintf("%s/%s", scratch, name);
}

static int root_make(void **state)
{
    char *run = path_of("run");
    char *directory = path_of("run/xenith");

    (void)state;
    assert_int_equal(mkdir(run, 0700), 0);
    assert_int_equal(mkdir(directory, 0700), 0);
    free(run);
    free(directory);
    return 0;
}

static int root_drop(void **state)
{
    char *run = path_of("run");
    char *directory = path_of("run/xenith");
    char *file = path_of("run/xenith/slots");

    (void)state;
    (void)unlink(file);
    assert_int_equal(rmdir(directory), 0);
    assert_int_equal(rmdir(run), 0);
    free(run);
    free(directory);
    free(file);
    return 0;
}

/* Checks what is printed of the file TEXT (NULL: there is none). */
static void says(const char *text, const char *lines, const char *json,
                 const char *note)
{
    struct slots s;
    struct buf out = {0};
    yajl_gen g = json_new();
    char *file = path_of("run/xenith/slots");

    if (text) assert_int_equal(write_file(file, text, strlen(text), 0600), 0);
    free(file);
    slots_read(&s, scratch);
    buf_add(&out, "", 0);
    slots_text(&s, &out);
    assert_string_equal(out.s, lines);
    buf_drop(&out, out.len);
    slots_note(&s, &out);
    assert_string_equal(out.s, note);
    buf_drop(&out, out.len);
    json_open(g, NULL);
    slots_json(&s, g, "slots");
    json_close(g);
    json_line(g, &out);
    assert_string_equal(out.s, json);
    buf_dispose(&out);
    slots_dispose(&s);
}

static void a_live_image(void **state)
{
    (void)state;
    says(NULL, "", "{\"slots\":null}\n", "");
}

static void nothing_to_say(void **state)
{
    (void)state;
    says("running=a\ncommitted=a\ntry=\npending=\nfailed=\nversion_a=1.0\n"
         "version_b=\n",
         "Slot a 1.0, running, committed\nSlot b (unknown)\n",
         "{\"slots\":{\"running\":\"a\",\"committed\":\"a\",\"try\":null,"
         "\"pending\":null,\"failed\":null,\"reason\":null,\"a\":\"1.0\","
         "\"b\":null,"
         "\"options\":null,\"change\":null,\"loader\":null}}\n",
         "");
}

static void an_update_waits(void **state)
{
    (void)state;
    says("running=a\ncommitted=a\ntry=b\npending=b\nfailed=\nversion_a=1.0\n"
         "version_b=2.0\n",
         "Slot a 1.0, running, committed\n"
         "Slot b 2.0, tried at the next boot\n",
         "{\"slots\":{\"running\":\"a\",\"committed\":\"a\",\"try\":\"b\","
         "\"pending\":\"b\",\"failed\":null,\"reason\":null,\"a\":\"1.0\","
         "\"b\":\"2.0\","
         "\"options\":null,\"change\":null,\"loader\":null}}\n",
         "\nUpdate 2.0 is tried at the next boot.\n");
}

static void an_update_is_on_trial(void **state)
{
    (void)state;
    says("running=b\ncommitted=a\ntry=\npending=b\nfailed=\nversion_a=1.0\n"
         "version_b=2.0\n",
         "Slot a 1.0, committed\nSlot b 2.0, running, on trial\n",
         "{\"slots\":{\"running\":\"b\",\"committed\":\"a\",\"try\":null,"
         "\"pending\":\"b\",\"failed\":null,\"reason\":null,\"a\":\"1.0\","
         "\"b\":\"2.0\","
         "\"options\":null,\"change\":null,\"loader\":null}}\n",
         "\nUpdate 2.0 is on trial: it is not committed yet, and a restart "
         "goes back to 1.0.\n");
}

static void a_waiting_slot_was_chosen_in_the_menu(void **state)
{
    (void)state;
    says("running=b\ncommitted=a\ntry=b\npending=b\nfailed=\nversion_a=1.0\n"
         "version_b=2.0\n",
         "Slot a 1.0, committed\n"
         "Slot b 2.0, running, tried at the next boot\n",
         "{\"slots\":{\"running\":\"b\",\"committed\":\"a\",\"try\":\"b\","
         "\"pending\":\"b\",\"failed\":null,\"reason\":null,\"a\":\"1.0\","
         "\"b\":\"2.0\","
         "\"options\":null,\"change\":null,\"loader\":null}}\n",
         "\nUpdate 2.0 is tried at the next boot.\n");
}

static void an_update_has_failed(void **state)
{
    (void)state;
    says("running=a\ncommitted=a\ntry=\npending=\nfailed=2.0\nversion_a=1.0\n"
         "version_b=2.0\n",
         "Slot a 1.0, running, committed\nSlot b 2.0\nFailed 2.0\n",
         "{\"slots\":{\"running\":\"a\",\"committed\":\"a\",\"try\":null,"
         "\"pending\":null,\"failed\":\"2.0\",\"reason\":null,\"a\":\"1.0\","
         "\"b\":\"2.0\","
         "\"options\":null,\"change\":null,\"loader\":null}}\n",
         "\nUpdate 2.0 failed: it did not become healthy. This is 1.0.\n");
}

static void the_reason_is_known(void **state)
{
    (void)state;
    says(
        "running=a\ncommitted=a\ntry=\npending=\nfailed=2.0\n"
        "reason=domain web is not ready\nversion_a=1.0\nversion_b=2.0\n",
        "Slot a 1.0, running, committed\nSlot b 2.0\nFailed 2.0\n",
        "{\"slots\":{\"running\":\"a\",\"committed\":\"a\",\"try\":null,"
        "\"pending\":null,\"failed\":\"2.0\",\"reason\":\"domain web is not "
        "ready\",\"a\":\"1.0\",\"b\":\"2.0\",\"options\":null,\"change\":null,"
        "\"loader\":null}}\n",
        "\nUpdate 2.0 failed: domain web is not ready. This is 1.0.\n");
}

static void options_say(const char *options, const char *note)
{
    char *file = xasprintf("running=a\ncommitted=a\ntry=\npending=\nfailed=\n"
                           "version_a=1.0\nversion_b=\noptions=%s\n"
                           "change=+max_cstate=1 -quiet\n",
                           options);
    char *text = xasprintf(
        "{\"slots\":{\"running\":\"a\",\"committed\":\"a\","
        "\"try\":null,\"pending\":null,\"failed\":null,\"reason\":null,"
        "\"a\":\"1.0\",\"b\":null,\"options\":\"%s\","
        "\"change\":\"+max_cstate=1 -quiet\","
        "\"loader\":null}}\n",
        options);

    says(file, "Slot a 1.0, running, committed\nSlot b (unknown)\n", text,
         note);
    free(file);
    free(text);
}

static void options_of_xen(void **state)
{
    (void)state;
    options_say("waits",
                "\nReboot pending: the next boot tries the options of "
                "host.conf: +max_cstate=1 -quiet\n");
    options_say("trial",
                "\nThe options of host.conf are on trial, and a restart goes "
                "back to the ones before: +max_cstate=1 -quiet\n");
    options_say("failed",
                "\nThe options of host.conf failed: they did not become "
                "healthy. This boot has the ones before: +max_cstate=1 "
                "-quiet\n");
    options_say("else", "");
}

static void loader_says(const char *loader, const char *text)
{
    char *file = xasprintf("running=b\ncommitted=b\ntry=\npending=\nfailed=\n"
                           "version_a=1.0\nversion_b=2.0\nloader=%s\n",
                           loader);
    char *slots =
        xasprintf("Slot a 1.0\nSlot b 2.0, running, committed\n%s", text);
    char *json = xasprintf(
        "{\"slots\":{\"running\":\"b\",\"committed\":\"b\","
        "\"try\":null,\"pending\":null,\"failed\":null,\"reason\":null,"
        "\"a\":\"1.0\",\"b\":\"2.0\",\"options\":null,"
        "\"change\":null,\"loader\":\"%s\"}}\n",
        loader);

    says(file, slots, json, "");
    free(file);
    free(slots);
    free(json);
}

static void a_boot_loader(void **state)
{
    (void)state;
    loader_says("same", "");
    loader_says("differs", "Boot loader differs from that of 2.0: xenith "
                           "update --loader replaces it\n");
}

/* An update was written to the slot that this system was booted from. */
static void the_slot_was_overwritten(void **state)
{
    (void)state;
    says("running=\ncommitted=a\ntry=b\npending=b\nfailed=2.0\nversion_a=1.0\n"
         "version_b=3.0\n",
         "Slot a 1.0, committed\nSlot b 3.0, tried at the next boot\n"
         "Failed 2.0\n",
         "{\"slots\":{\"running\":null,\"committed\":\"a\",\"try\":\"b\","
         "\"pending\":\"b\",\"failed\":\"2.0\",\"reason\":null,\"a\":\"1.0\","
         "\"b\":\"3.0\",\"options\":null,\"change\":null,\"loader\":null}}\n",
         "\nUpdate 3.0 is tried at the next boot.\n"
         "\nUpdate 2.0 failed: it did not become healthy. This is "
         "(unknown).\n");
}

/* The file may be anything, or half of itself. */
static void a_damaged_file(void **state)
{
    (void)state;
    says("running=c\ncommitted=ab\nversion_a\n=\nfailed=x", "",
         "{\"slots\":null}\n", "");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, root_make, root_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_live_image),
        TEST(nothing_to_say),
        TEST(an_update_waits),
        TEST(an_update_is_on_trial),
        TEST(a_waiting_slot_was_chosen_in_the_menu),
        TEST(an_update_has_failed),
        TEST(the_reason_is_known),
        TEST(options_of_xen),
        TEST(a_boot_loader),
        TEST(the_slot_was_overwritten),
        TEST(a_damaged_file),
    };

    return cmocka_run_group_tests(tests, scratch_make, scratch_drop);
}
