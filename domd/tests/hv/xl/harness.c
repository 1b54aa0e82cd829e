#include "tests/hv/xl/harness.h"

#include <unistd.h>

#include "hv/xl/internal.h"
#include "hv/saved.h"

struct loop *loop;
struct hv *hv;
struct policy *policy;
char told[512];
char marked[512];
char logged[512];
char why[256];
char saved_disks[512];
const char *forbid;
bool no_more_resets;
bool create_ahead;
msec stalled_ms;

static void tell(const char *what)
{
    size_t len = strlen(told);

    snprintf(told + len, sizeof(told) - len, "%s%s", len ? "; " : "", what);
}

static void result(void *user, unsigned int number, enum machine_event event,
                   const struct machine_result *res)
{
    static const char *const words[MACHINE_EVENTS] = {
        [MACHINE_EV_QUEUED] = "queued",
        [MACHINE_EV_BUILT] = "built",
        [MACHINE_EV_CREATED] = "created",
        [MACHINE_EV_CREATE_FAILED] = "failed",
        [MACHINE_EV_CREATE_LEFT] = "left",
        [MACHINE_EV_FILE_CHANGED] = "changed",
        [MACHINE_EV_GONE] = "gone",
        [MACHINE_EV_RESET] = "reset",
        [MACHINE_EV_SAVED] = "saved",
        [MACHINE_EV_SAVE_FAILED] = "not saved",
        [MACHINE_EV_SHUTDOWN_FAILED] = "not asked",
        [MACHINE_EV_DESTROY_FAILED] = "not destroyed",
        [MACHINE_EV_DM_SAYS] = "dm says",
        [MACHINE_EV_DM_ENDED] = "dm ended",
    };
    static const char *const deaths[] = {
        [MACHINE_POWEROFF] = "poweroff",
        [MACHINE_REBOOT] = "reboot",
        [MACHINE_CRASH] = "crash",
    };
    char died[32];

    (void)user;
    assert_int_equal(number, 0);
    assert_int_equal(res->gen, 1);
    if (event == MACHINE_EV_DIED) {
        snprintf(died, sizeof(died), "%s%s%s", deaths[res->death],
                 res->again ? " again" : "", res->keep ? " keep" : "");
        tell(died);
    } else {
        tell(words[event] ? words[event] : "?");
    }
    snprintf(why, sizeof(why), "%s", res->why ? res->why : "");
    if (event == MACHINE_EV_RESET && no_more_resets) hv_destroy(hv, 0, 1);
}

static char *begins(void *user, unsigned int number, const char *uuid,
                    const struct strlist *saved)
{
    size_t i;

    (void)user;
    (void)number;
    (void)uuid;
    tell(saved ? "resumes" : "begins");
    saved_disks[0] = '\0';
    for (i = 0; saved && i < saved->n; i++) {
        size_t len = strlen(saved_disks);

        snprintf(saved_disks + len, sizeof(saved_disks) - len, "%s%s",
                 i ? " " : "", saved->v[i]);
    }
    return forbid ? xstrdup(forbid) : NULL;
}

static void stalled(void *user, unsigned int number, msec ms)
{
    (void)user;
    (void)number;
    stalled_ms = ms;
}

static void list_changed(void *user)
{
    (void)user;
    tell("list");
}

static void on_mark(void *user, const char *line)
{
    (void)user;
    snprintf(marked, sizeof(marked), "%s", line);
}

static void on_log(void *user, const char *line)
{
    (void)user;
    snprintf(logged, sizeof(logged), "%s", line);
}

static void nothing(void *user)
{
    (void)user;
}

void spin(void)
{
    struct timer *timer = loop_timer(loop, nothing, NULL);
    int i;

    for (i = 0; i < 4; i++) {
        loop_at(timer, loop_now());
        loop_round(loop);
    }
    loop_timer_remove(loop, timer);
}

void ends(int rc)
{
    libxl_event *event = happens(LIBXL_EVENT_TYPE_OPERATION_COMPLETE);

    event->for_user = op;
    event->u.operation_complete.rc = rc;
    spin();
}

void put(const char *suffix, const char *text)
{
    char *path = saved_path(scratch, "a", suffix);

    assert_int_equal(write_file(path, text, strlen(text), 0600), 0);
    free(path);
}

bool has(const char *suffix)
{
    char *path = saved_path(scratch, "a", suffix);
    bool there_is = !access(path, F_OK);

    free(path);
    return there_is;
}

static const char *const suffixes[] = {
    "", ".json", ".part", ".used", ".failed", ".failed.json", ".cfg", ".img",
};

const char *files(void)
{
    static char text[128];
    size_t i;

    text[0] = '\0';
    for (i = 0; i < 6; i++) {
        size_t len = strlen(text);

        if (has(suffixes[i]))
            snprintf(text + len, sizeof(text) - len, "%s%s", len ? " " : "",
                     i ? suffixes[i] + 1 : "save");
    }
    return text;
}

void converts(void)
{
    struct buf out = {0};
    struct buf err = {0};

    buf_add(&out, "a", 1);
    run_done(run_user, 0, &out, &err);
    buf_dispose(&out);
    buf_dispose(&err);
}

void begin_creation(void)
{
    hv_create(hv, 0, 1, policy, true, create_ahead);
    converts();
    assert_string_equal(told, "queued");
    spin();
    there = true;
}

void runs(void)
{
    there = true;
    dom.paused = false;
    assert_true(hv_adopt(hv, 0, 1, "a", DOMID, false, false, scratch));
    assert_int_equal(watches, 1);
}

void shuts_down(libxl_shutdown_reason reason)
{
    libxl_event *event = happens(LIBXL_EVENT_TYPE_DOMAIN_SHUTDOWN);

    assert_true(armed);
    armed = false;
    dom.shutdown = true;
    dom.shutdown_reason = reason;
    event->u.domain_shutdown.shutdown_reason = (uint8_t)reason;
    spin();
}

void xl_ends(int status)
{
    struct buf out = {0};
    struct buf err = {0};

    run_done(run_user, status, &out, &err);
}

int setup(void **state)
{
    struct hv_callbacks cb = {
        result, begins, stalled, list_changed, on_mark, on_log, NULL,
    };
    char *error = NULL;

    (void)state;
    told[0] = marked[0] = logged[0] = why[0] = '\0';
    forbid = NULL;
    no_more_resets = false;
    create_ahead = false;
    if (libxl_fake_begin()) return -1;
    loop = loop_new();
    if (hv_open(&hv, loop, &cb, &error)) return -1;
    hv->dump_dir = hv->dm_log_dir = scratch;
    put(".cfg", "name = \"a\"\n");
    policy = policy_new("a", NULL);
    policy->file = saved_path(scratch, "a", ".cfg");
    policy->stamp = policy_stamp(policy->file);
    policy->save_to = xstrdup(scratch);
    return 0;
}

int teardown(void **state)
{
    size_t i;

    (void)state;
    policy_free(policy);
    hv_close(hv);
    loop_free(loop);
    libxl_fake_end();
    for (i = 0; i < ARRAY_SIZE(suffixes); i++) {
        char *path = saved_path(scratch, "a", suffixes[i]);

        unlink(path);
        free(path);
    }
    return 0;
}
