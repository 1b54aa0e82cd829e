/* Requests, an invalid journal, and how answers are shown. */
#include "tests/base/harness.h"

#include "daemon/journal.h"
#include "control/proto.h"
#include "xenith/show.h"

static void assert_refused(const char *line, const char *why)
{
    struct request req;
    const char *bad = proto_parse(line, strlen(line), &req);

    assert_non_null(bad);
    assert_string_equal(bad, why);
    assert_int_equal(req.names.n, 0);
    request_dispose(&req);
}

static void requests(void **state)
{
    static const char line[] =
        "{\"v\":1,\"id\":42,\"cmd\":\"restart\",\"names\":[\"a\",\"b\"]}";
    static const char ping[] = "{\"v\":1,\"cmd\":\"ping\"}";
    struct request req;

    (void)state;
    assert_null(proto_parse(line, sizeof(line) - 1, &req));
    assert_int_equal(req.cmd, PROTO_RESTART);
    assert_int_equal(req.id, 42);
    assert_int_equal(req.names.n, 2);
    assert_string_equal(req.names.v[1], "b");
    request_dispose(&req);
    assert_null(proto_parse(ping, sizeof(ping) - 1, &req));
    assert_int_equal(req.cmd, PROTO_PING);
    request_dispose(&req);
}

static void refusals(void **state)
{
    struct buf many = {0};
    struct request req;
    int i;

    (void)state;
    assert_refused("", "not a JSON object");
    assert_refused("[]", "not a JSON object");
    assert_refused("{\"v\":1,\"cmd\":\"status\"", "not a JSON object");
    assert_refused("{\"cmd\":\"status\"}",
                   "unsupported protocol version: \"v\" must be 1");
    assert_refused("{\"v\":1}", "missing \"cmd\"");
    assert_refused("{\"v\":1,\"cmd\":\"explode\"}", "unknown command");
    assert_refused("{\"v\":1,\"cmd\":\"start\"}", "missing domain name");
    assert_refused("{\"v\":1,\"cmd\":\"start\",\"names\":[\"a\",7]}",
                   "names must be strings");
    assert_string_equal(proto_parse("{}\0x", 4, &req),
                        "the line contains a NUL byte");
    buf_addf(&many, "{\"v\":1,\"cmd\":\"start\",\"names\":[\"x\"");
    for (i = 0; i < PROTO_NAMES_MAX; i++)
        buf_addf(&many, ",\"x\"");
    buf_addf(&many, "]}");
    assert_refused(many.s, "too many names");
    while (many.len <= PROTO_LINE_MAX)
        buf_addf(&many, " ");
    assert_refused(many.s, "the line is too long");
    buf_dispose(&many);
}

/* The id of the request is returned even if the rest is invalid. */
static void errors_carry_the_id(void **state)
{
    static const char line[] = "{\"v\":1,\"id\":9,\"cmd\":\"x\"}";
    struct buf out = {0};
    struct request req;

    (void)state;
    assert_non_null(proto_parse(line, sizeof(line) - 1, &req));
    proto_error(&out, req.id, "no \"%s\"\n\xff", "x");
    assert_string_equal(out.s, "{\"v\":1,\"id\":9,\"ok\":false,"
                               "\"error\":\"no \\\"x\\\"\\n?\"}\n");
    buf_dispose(&out);
}

static void journal_that_makes_no_sense(void **state)
{
    char *path = xasprintf("%s/journal", scratch);
    struct journal j;
    char *why = NULL;

    (void)state;
    journal_read(&j, path, &why);
    assert_null(why); /* no journal: the first start since the boot */
    journal_dispose(&j);
    assert_int_equal(write_file(path, "{\"v\":1", 6, 0600), 0);
    journal_read(&j, path, &why);
    assert_non_null(why);
    assert_int_equal(j.n, 0);
    journal_dispose(&j);
    free(why);
    remove(path);
    free(path);
}

static void durations(void **state)
{
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {-1, "-"},
        {0, "0 s"},
        {119999, "119 s"},
        {120000, "2 min"},
        {7200000, "2 h 0 min"},
        {172800000, "2 d 0 h"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_SIZE(cases); i++) {
        char *text = show_duration(cases[i].ms);

        assert_string_equal(text, cases[i].text);
        free(text);
    }
}

/* The name of a domain must not break the format. */
static void labels(void **state)
{
    static const char answer[] =
        "{\"domains\":[{\"name\":\"a\\\"b\\\\c\\nd\",\"state\":\"by-hand\","
        "\"domid\":7,\"by_hand\":true,\"uptime_ms\":0,\"cpu_ns\":1500000000}]"
        "}";
    static const char label[] = "{domain=\"a\\\"b\\\\c\\\\u000ad\"";
    char error[64];
    yajl_val v = yajl_tree_parse(answer, error, sizeof(error));
    struct buf out = {0};
    char *line;

    (void)state;
    assert_non_null(v);
    show_metrics(v, &out);
    line = xasprintf("xenith_domain_cpu_seconds_total%s} 1.5\n", label);
    assert_non_null(strstr(out.s, line));
    free(line);
    line = xasprintf("%s,state=\"by-hand\"} 1\n", label);
    assert_non_null(strstr(out.s, line));
    free(line);
    /* The uptime is unknown: no figure is better than a wrong one. */
    assert_null(strstr(out.s, "xenith_domain_uptime_seconds{"));
    buf_dispose(&out);
    yajl_tree_free(v);
}

static void assert_shown(const char *json, const char *expected)
{
    char error[64];
    yajl_val v = yajl_tree_parse(json, error, sizeof(error));
    struct buf out = {0};

    assert_non_null(v);
    show_event(v, &out);
    assert_string_equal(out.s, expected);
    buf_dispose(&out);
    yajl_tree_free(v);
}

static void events_are_shown(void **state)
{
    (void)state;
    assert_shown("{\"time_ms\":1250,\"domain\":\"a\",\"from\":\"ready\","
                 "\"to\":\"stop-wait\",\"reason\":\"because\"}",
                 "1.25 a ready -> stop-wait: because\n");
    assert_shown("{\"time_ms\":1250,\"domain\":\"a\",\"from\":\"ready\","
                 "\"to\":\"ready\",\"reason\":\"QEMU\"}",
                 "1.25 a ready: QEMU\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests),
        cmocka_unit_test(refusals),
        cmocka_unit_test(errors_carry_the_id),
        cmocka_unit_test(journal_that_makes_no_sense),
        cmocka_unit_test(durations),
        cmocka_unit_test(labels),
        cmocka_unit_test(events_are_shown),
    };

    return cmocka_run_group_tests(tests, scratch_make, scratch_drop);
}
