/*
 * hv_xl.c with a libxl that does nothing by itself: it notes what it is asked
 * for, and says what the test wants it to say. What there is in here takes the
 * place of the functions of that name in libxenlight and libxenstore.
 */
#include "harness.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <libxl.h>
#include <libxl_event.h>
#include <libxl_utils.h>
#include <xenstore.h>

#include "../dmwatch.h"
#include "../host_xl.h"
#include "../hv.h"
#include "../saved.h"
#include "../xlrun.h"
#include "device_model.h"

#define DOMID 7

/* hv_close() leaves what libxl may be using to the end of the process. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}

/* ---- the hypervisor ----------------------------------------------------- */

static char asked[1024];  /* "create; unpause" */
static uint64_t op;       /* the last operation */
static int refuse;        /* what the next one returns */
static unsigned build_ms; /* for which libxl is busy with a creation */
static libxl_dominfo dom;
static bool there;
static libxl_event *queue[8];
static int n_queue;
static libxl_sigchld_owner owner;
static int xs_pipe[2];
static char ctx;
static xlrun_done *run_done;
static void *run_user;

static int ask(const char *what, const libxl_asyncop_how *how)
{
    size_t len = strlen(asked);
    int rc = refuse;

    snprintf(asked + len, sizeof(asked) - len, "%s%s", len ? "; " : "", what);
    if (how) op = how->u.for_event;
    refuse = 0;
    return rc;
}

int libxl_ctx_alloc(libxl_ctx **c, int version, unsigned flags,
                    xentoollog_logger *lg)
{
    (void)version;
    (void)flags;
    (void)lg;
    *c = (libxl_ctx *)&ctx;
    return 0;
}

void libxl_childproc_setmode(libxl_ctx *c, const libxl_childproc_hooks *hooks,
                             void *user)
{
    (void)c;
    (void)user;
    owner = hooks->chldowner;
}

int libxl_osevent_beforepoll(libxl_ctx *c, int *nfds, struct pollfd *fds,
                             int *timeout, struct timeval now)
{
    (void)c;
    (void)fds;
    (void)timeout;
    (void)now;
    *nfds = 0;
    return 0;
}

void libxl_osevent_afterpoll(libxl_ctx *c, int nfds, const struct pollfd *fds,
                             struct timeval now)
{
    (void)c;
    (void)nfds;
    (void)fds;
    (void)now;
}

int libxl_event_check(libxl_ctx *c, libxl_event **event_r, uint64_t mask,
                      libxl_event_predicate *predicate, void *user)
{
    (void)c;
    (void)mask;
    (void)predicate;
    (void)user;
    if (!n_queue) return ERROR_NOT_READY;
    *event_r = queue[0];
    n_queue--;
    memmove(queue, queue + 1, (size_t)n_queue * sizeof(queue[0]));
    return 0;
}

void libxl_event_free(libxl_ctx *c, libxl_event *event)
{
    (void)c;
    libxl_event_dispose(event);
    free(event);
}

libxl_dominfo *libxl_list_domain(libxl_ctx *c, int *n)
{
    libxl_dominfo *list = calloc(1, sizeof(*list));

    (void)c;
    *n = there ? 1 : 0;
    *list = dom;
    return list;
}

void libxl_dominfo_copy(libxl_ctx *c, libxl_dominfo *to,
                        const libxl_dominfo *from)
{
    (void)c;
    *to = *from;
}

int libxl_domain_create_new(libxl_ctx *c, libxl_domain_config *config,
                            uint32_t *domid, const libxl_asyncop_how *how,
                            const libxl_asyncprogress_how *console)
{
    (void)c;
    (void)config;
    (void)console;
    *domid = DOMID;
    usleep(build_ms * 1000);
    return ask("create", how);
}

int libxl_domain_create_restore(libxl_ctx *c, libxl_domain_config *config,
                                uint32_t *domid, int fd, int back,
                                const libxl_domain_restore_params *params,
                                const libxl_asyncop_how *how,
                                const libxl_asyncprogress_how *console)
{
    (void)c;
    (void)config;
    (void)fd;
    (void)back;
    (void)params;
    (void)console;
    *domid = DOMID;
    return ask("restore", how);
}

int libxl_domain_unpause(libxl_ctx *c, uint32_t domid,
                         const libxl_asyncop_how *how)
{
    (void)c;
    (void)domid;
    return ask("unpause", how);
}

int libxl_domain_destroy(libxl_ctx *c, uint32_t domid,
                         const libxl_asyncop_how *how)
{
    (void)c;
    (void)domid;
    return ask("destroy", how);
}

int libxl_ao_abort(libxl_ctx *c, const libxl_asyncop_how *how)
{
    (void)c;
    (void)how;
    return ask("abort", NULL);
}

int libxl_cdrom_insert(libxl_ctx *c, uint32_t domid, libxl_device_disk *disk,
                       const libxl_asyncop_how *how)
{
    (void)c;
    (void)domid;
    (void)disk;
    return ask("insert", how);
}

int libxl_evenable_domain_death(libxl_ctx *c, uint32_t domid,
                                libxl_ev_user user,
                                libxl_evgen_domain_death **death)
{
    (void)c;
    (void)domid;
    (void)user;
    *death = NULL;
    return 0;
}

int libxl_retrieve_domain_configuration(libxl_ctx *c, uint32_t domid,
                                        libxl_domain_config *config,
                                        const libxl_asyncop_how *how)
{
    (void)c;
    (void)domid;
    (void)config;
    (void)how;
    return 0;
}

void libxl_device_disk_copy(libxl_ctx *c, libxl_device_disk *to,
                            const libxl_device_disk *from)
{
    (void)c;
    to->vdev = strdup(from->vdev);
}

/* "NAME", or "NAME DISK". */
int libxl_domain_config_from_json(libxl_ctx *c, libxl_domain_config *config,
                                  const char *json)
{
    const char *disk = strchr(json, ' ');

    (void)c;
    if (!*json) return ERROR_FAIL;
    config->c_info.name = strndup(json, strcspn(json, " "));
    if (!disk) return 0;
    config->disks = calloc(1, sizeof(*config->disks));
    config->num_disks = 1;
    libxl_device_disk_init(config->disks);
    config->disks->pdev_path = strdup(disk + 1);
    config->disks->readwrite = 1;
    return 0;
}

struct xs_handle *xs_open(unsigned long flags)
{
    (void)flags;
    return (struct xs_handle *)&ctx;
}

void xs_close(struct xs_handle *xs)
{
    (void)xs;
}

bool xs_watch(struct xs_handle *xs, const char *path, const char *token)
{
    (void)xs;
    (void)path;
    (void)token;
    return true;
}

int xs_fileno(struct xs_handle *xs)
{
    (void)xs;
    return xs_pipe[0];
}

char **xs_check_watch(struct xs_handle *xs)
{
    (void)xs;
    return NULL;
}

static struct device_model dm; /* of the domain; pid 0: it has none */
static pid_t dm_noted;         /* what libxl wrote of it */
static bool dm_removed;        /* by libxl, with the domain */

void *xs_read(struct xs_handle *xs, xs_transaction_t t, const char *path,
              unsigned int *len)
{
    char *value = NULL;

    (void)xs;
    (void)t;
    if (!strcmp(path, "/local/domain/7/image/device-model-pid")) {
        if (dm_noted) value = xasprintf("%ld", (long)dm_noted);
    } else if (!strcmp(path, "/local/domain/0/device-model/7")) {
        if (!dm_removed) value = xstrdup("");
    } else {
        fail_msg("%s", path);
    }
    if (value) *len = (unsigned int)strlen(value);
    return value;
}

void host_facts(libxl_ctx *c, struct host *host)
{
    (void)c;
    (void)host;
}

/* ---- xl ----------------------------------------------------------------- */

int xlrun_start(struct xlrun **run_r, struct loop *loop, char *const argv[],
                xlrun_done *done, void *user)
{
    (void)loop;
    (void)argv;
    *run_r = (struct xlrun *)&ctx;
    run_done = done;
    run_user = user;
    return 0;
}

void xlrun_kill(struct xlrun *run)
{
    (void)run;
}

void xlrun_free(struct xlrun *run)
{
    (void)run;
}

char *xlrun_reason(const struct buf *err)
{
    (void)err;
    return NULL;
}

/* ---- the daemon --------------------------------------------------------- */

static struct loop *loop;
static struct hv *hv;
static struct policy *policy;
static char told[512]; /* "queued; begun; created" */
static char marked[512];
static char why[256];
static msec stalled_ms;

static void tell(const char *what)
{
    size_t len = strlen(told);

    snprintf(told + len, sizeof(told) - len, "%s%s", len ? "; " : "", what);
}

static void result(void *user, unsigned int number, enum mc_event event,
                   const struct mc_result *res)
{
    static const char *const words[MC_EVENTS] = {
        [MC_EV_QUEUED] = "queued",        [MC_EV_CREATED] = "created",
        [MC_EV_CREATE_FAILED] = "failed", [MC_EV_CREATE_LEFT] = "left",
        [MC_EV_FILE_CHANGED] = "changed", [MC_EV_GONE] = "gone",
        [MC_EV_DM_ENDED] = "dm ended",
    };

    (void)user;
    assert_int_equal(number, 0);
    assert_int_equal(res->gen, 1);
    tell(words[event] ? words[event] : "?");
    snprintf(why, sizeof(why), "%s", res->why ? res->why : "");
}

static void begins(void *user, unsigned int number, const char *uuid,
                   bool resumed)
{
    (void)user;
    (void)number;
    (void)uuid;
    tell(resumed ? "resumes" : "begins");
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
}

static void on_mark(void *user, const char *line)
{
    (void)user;
    snprintf(marked, sizeof(marked), "%s", line);
}

static void on_log(void *user, const char *line)
{
    (void)user;
    (void)line;
}

static void nothing(void *user)
{
    (void)user;
}

/* Lets everything happen that can happen now. */
static void spin(void)
{
    struct timer *timer = loop_timer(loop, nothing, NULL);
    int i;

    for (i = 0; i < 4; i++) {
        loop_at(timer, loop_now());
        loop_round(loop);
    }
    loop_timer_remove(loop, timer);
}

static libxl_event *happens(libxl_event_type type)
{
    libxl_event *event = calloc(1, sizeof(*event));

    event->type = type;
    event->domid = DOMID;
    queue[n_queue++] = event;
    return event;
}

/* The last operation ends with RC. */
static void ends(int rc)
{
    libxl_event *event = happens(LIBXL_EVENT_TYPE_OPERATION_COMPLETE);

    event->for_user = op;
    event->u.operation_complete.rc = rc;
    spin();
}

static void put(const char *suffix, const char *text)
{
    char *path = saved_path(scratch, "a", suffix);

    assert_int_equal(write_file(path, text, strlen(text), 0600), 0);
    free(path);
}

static bool has(const char *suffix)
{
    char *path = saved_path(scratch, "a", suffix);
    bool there_is = !access(path, F_OK);

    free(path);
    return there_is;
}

static const char *const suffixes[] = {
    "", ".json", ".part", ".used", ".failed", ".failed.json", ".cfg", ".img",
};

/* "save json" */
static const char *files(void)
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

static int setup(void **state)
{
    struct hv_callbacks cb = {
        result, begins, stalled, list_changed, on_mark, on_log, NULL,
    };
    char *error = NULL;

    (void)state;
    asked[0] = told[0] = marked[0] = why[0] = '\0';
    there = false;
    refuse = 0;
    build_ms = 0;
    dm_noted = 0;
    dm_removed = false;
    libxl_dominfo_init(&dom);
    dom.domid = DOMID;
    dom.paused = true;
    if (pipe(xs_pipe)) return -1;
    loop = loop_new();
    if (hv_open(&hv, loop, &cb, &error)) return -1;
    put(".cfg", "name = \"a\"\n");
    policy = policy_new("a", NULL);
    policy->file = saved_path(scratch, "a", ".cfg");
    policy->stamp = policy_stamp(policy->file);
    policy->save_to = xstrdup(scratch);
    return 0;
}

static int teardown(void **state)
{
    size_t i;

    (void)state;
    device_model_kill(&dm);
    policy_free(policy);
    hv_close(hv);
    loop_free(loop);
    close(xs_pipe[0]);
    close(xs_pipe[1]);
    for (i = 0; i < ARRAY_SIZE(suffixes); i++) {
        char *path = saved_path(scratch, "a", suffixes[i]);

        unlink(path);
        free(path);
    }
    return 0;
}

/* ---- the tests ---------------------------------------------------------- */

/* xl has read the file, and printed JSON. */
static void converts(void)
{
    struct buf out = {0};
    struct buf err = {0};

    buf_add(&out, "a", 1);
    run_done(run_user, 0, &out, &err);
    buf_dispose(&out);
    buf_dispose(&err);
}

/* Up to the point at which libxl was asked for it. */
static void begin_creation(void)
{
    hv_create(hv, 0, 1, policy, true);
    converts();
    assert_string_equal(told, "queued");
    spin();
    there = true;
}

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

static void says_for_how_long_it_was_busy(void **state)
{
    (void)state;
    begin_creation();
    assert_true(stalled_ms < 40);
    ends(ERROR_FAIL);
    told[0] = '\0';
    build_ms = 40;
    begin_creation();
    assert_true(stalled_ms >= 40);
}

/* Else a call of libxl's that has to wait for a child would wait for ever. */
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
    assert_string_equal(why, "libxl says fail");
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

/* xl must not start what nobody has checked. */
static void file_that_was_changed(void **state)
{
    (void)state;
    hv_create(hv, 0, 1, policy, true);
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
    hv_create(hv, 0, 1, policy, true);
    assert_int_equal(unlink(policy->file), 0);
    converts();
    assert_string_equal(told, "changed");
}

static void restored(void **state)
{
    (void)state;
    put("", "memory");
    put(".json", "a");
    begin_creation();
    assert_string_equal(told, "queued; resumes");
    assert_string_equal(files(), "save json");
    ends(0);
    /* If we end here, a successor sees that it never ran. */
    assert_string_equal(files(), "json used");
    ends(0);
    assert_string_equal(files(), "");
    assert_string_equal(asked, "restore; unpause");
    assert_string_equal(told, "queued; resumes; created");
}

static void restore_fails(void **state)
{
    (void)state;
    put("", "memory");
    put(".json", "a");
    begin_creation();
    ends(ERROR_FAIL);
    assert_string_equal(files(), "failed failed.json");
    assert_string_equal(asked, "restore; destroy");
}

static void restore_is_called_off(void **state)
{
    (void)state;
    put("", "memory");
    put(".json", "a");
    begin_creation();
    hv_abort(hv, 0);
    ends(0);
    assert_string_equal(files(), "save json");
    assert_string_equal(asked, "restore; abort; destroy");
}

/* It may have run for an instant. */
static void restored_and_not_unpaused(void **state)
{
    char expected[256];

    (void)state;
    put("", "memory");
    put(".json", "a");
    begin_creation();
    ends(0);
    ends(ERROR_FAIL);
    assert_string_equal(files(), "failed failed.json");
    snprintf(expected, sizeof(expected),
             "domain a boots afresh: libxl says fail. "
             "What was saved is kept as %s/a.save.failed",
             scratch);
    assert_string_equal(marked, expected);
}

/* What cannot lose its name could be used twice. */
static void restored_and_not_renamed(void **state)
{
    char *path = saved_path(scratch, "a", "");

    (void)state;
    put("", "memory");
    put(".json", "a");
    begin_creation();
    assert_int_equal(unlink(path), 0);
    ends(0);
    assert_string_equal(asked, "restore; destroy");
    there = false;
    ends(0);
    assert_string_equal(told, "queued; resumes; failed");
    assert_non_null(strstr(why, "cannot be renamed: No such file"));
    free(path);
}

static void save_without_a_configuration(void **state)
{
    (void)state;
    put("", "memory");
    begin_creation();
    assert_string_equal(told, "queued; begins");
    assert_string_equal(files(), "failed");
    assert_non_null(strstr(marked, "what was saved has no configuration"));
}

/* The host went down at the wrong moment. */
static void taken_and_no_domain(void **state)
{
    (void)state;
    put(".used", "memory");
    put(".json", "a");
    begin_creation();
    assert_string_equal(told, "queued; begins");
    assert_string_equal(files(), "failed failed.json");
    assert_non_null(strstr(marked, "it may have gone on from what was saved"));
}

static void taken_and_saved_again(void **state)
{
    (void)state;
    put(".used", "memory");
    put("", "memory");
    put(".json", "a");
    begin_creation();
    assert_string_equal(told, "queued; resumes");
    assert_string_equal(files(), "save json");
}

static void successor_of_one_that_did_not_go_on(void **state)
{
    (void)state;
    put(".used", "memory");
    put(".json", "a");
    there = true;
    hv_adopt(hv, 0, 1, "a", DOMID, false, false, scratch);
    assert_string_equal(files(), "save json");
    assert_string_equal(marked, "domain a did not go on from what was saved, "
                                "which is used again");
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

/* Its save is complete, and it is about to be removed. */
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

static void disk_that_was_written_since(void **state)
{
    char *disk = saved_path(scratch, "a", ".img");
    char *json = xasprintf("a %s", disk);
    struct timeval times[2] = {{.tv_sec = 0}};

    (void)state;
    put("", "memory");
    put(".json", json);
    put(".img", "");
    times[0].tv_sec = times[1].tv_sec = time(NULL) + 30;
    assert_int_equal(utimes(disk, times), 0);
    begin_creation();
    assert_string_equal(told, "queued; resumes");
    there = false;
    ends(ERROR_ABORTED);
    assert_string_equal(files(), "failed failed.json");

    put("", "memory");
    put(".json", json);
    times[0].tv_sec = times[1].tv_sec = time(NULL) + 90;
    assert_int_equal(utimes(disk, times), 0);
    told[0] = '\0';
    begin_creation();
    assert_string_equal(told, "queued; begins");
    assert_string_equal(files(), "failed failed.json");
    assert_non_null(strstr(marked, ".img was written after it was saved"));
    free(json);
    free(disk);
}

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

/* ---- its device model ---- */

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

/* Lets the time go by in which the end of the domain would be seen. */
static void grace(void)
{
    struct timer *timer = loop_timer(loop, nothing, NULL);
    msec end = loop_now() + DMWATCH_GRACE + 200;

    while (loop_now() < end) {
        loop_at(timer, end);
        loop_round(loop);
    }
    loop_timer_remove(loop, timer);
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
    grace();
    assert_string_equal(told, "queued; begins; created; dm ended");
    assert_string_equal(why, "");
    assert_string_equal(asked, "create; unpause"); /* the guest goes on */
}

static void adopted_with_a_device_model(void **state)
{
    (void)state;
    device_model_begins();
    adopt_running();
    spin();
    device_model_kill(&dm);
    grace();
    assert_string_equal(told, "dm ended");
}

static void adopted_without_its_device_model(void **state)
{
    (void)state;
    device_model_begins();
    device_model_kill(&dm);
    adopt_running();
    assert_string_equal(told, "");
    grace();
    assert_string_equal(told, "dm ended");
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

/* What takes long after that are the devices. */
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

/* As a reset gives it one. */
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
    grace();
    assert_string_equal(told, "dm ended");
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

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(comes_up),
        T(says_for_how_long_it_was_busy),
        T(children_are_for_libxl_to_reap),
        T(remains_that_go),
        T(remains_that_do_not_go),
        T(remains_whose_removal_does_not_begin),
        T(file_that_was_changed),
        T(file_that_is_gone),
        T(restored),
        T(restore_fails),
        T(restore_is_called_off),
        T(restored_and_not_unpaused),
        T(restored_and_not_renamed),
        T(save_without_a_configuration),
        T(taken_and_no_domain),
        T(taken_and_saved_again),
        T(successor_of_one_that_did_not_go_on),
        T(successor_of_one_that_went_on),
        T(successor_of_one_that_was_saved),
        T(disk_that_was_written_since),
        T(ejects_are_bounded),
        T(created_with_a_device_model),
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
