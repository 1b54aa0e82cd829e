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
#include <sys/statfs.h>
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
#define ASIDE 5
#define UUID                                                                  \
    "00000000-0000-0000-0000-000000000000" /* of each that is made            \
                                            */
#define OTHER "5c5c5c5c-0000-0000-0000-000000000000"

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
static libxl_dominfo aside; /* an instance that was renamed, */
static bool has_aside;      /* if there is one */
static libxl_event *queue[8];
static int n_queue;
static libxl_sigchld_owner owner;
static libxl_domain_config kept; /* its on_* actions are the instance's */
static bool no_config;           /* nobody can read them */
static int watches;              /* for its death */
static bool armed;               /* none has told of it yet */
static long fs_type;
static const char *request = ""; /* that the guest has not read yet */
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
    libxl_dominfo *list = calloc(2, sizeof(*list));

    (void)c;
    *n = 0;
    if (has_aside) list[(*n)++] = aside;
    if (there) list[(*n)++] = dom;
    return list;
}

int libxl_is_stubdom(libxl_ctx *c, uint32_t domid, uint32_t *target)
{
    (void)c;
    (void)domid;
    (void)target;
    return 0;
}

char *libxl_domid_to_name(libxl_ctx *c, uint32_t domid)
{
    (void)c;
    return strdup(domid == ASIDE ? "a-aside" : "a");
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

int libxl_domain_shutdown(libxl_ctx *c, uint32_t domid,
                          const libxl_asyncop_how *how)
{
    (void)c;
    (void)domid;
    return ask("shutdown", how);
}

int libxl_send_trigger(libxl_ctx *c, uint32_t domid, libxl_trigger trigger,
                       uint32_t vcpu, const libxl_asyncop_how *how)
{
    (void)c;
    (void)domid;
    (void)vcpu;
    assert_int_equal(trigger, LIBXL_TRIGGER_POWER);
    return ask("power button", how);
}

int libxl_domain_suspend(libxl_ctx *c, uint32_t domid, int fd, int flags,
                         const libxl_asyncop_how *how)
{
    (void)c;
    (void)domid;
    (void)fd;
    (void)flags;
    return ask("suspend", how);
}

int libxl_domain_resume(libxl_ctx *c, uint32_t domid, int suspend_cancel,
                        const libxl_asyncop_how *how)
{
    (void)c;
    (void)domid;
    assert_int_equal(suspend_cancel, 1);
    return ask("resume", how);
}

int libxl_domain_soft_reset(libxl_ctx *c, libxl_domain_config *config,
                            uint32_t domid, const libxl_asyncop_how *how,
                            const libxl_asyncprogress_how *console)
{
    (void)c;
    (void)domid;
    (void)console;
    assert_string_equal(config->c_info.name, "a");
    return ask("reset", how);
}

int libxl_domain_preserve(libxl_ctx *c, uint32_t domid,
                          libxl_domain_create_info *info, const char *suffix,
                          libxl_uuid uuid)
{
    (void)c;
    (void)domid;
    (void)uuid;
    assert_string_equal(info->name, "a");
    assert_int_equal(suffix[0], '-');
    return ask("preserve", NULL);
}

int libxl_evenable_domain_death(libxl_ctx *c, uint32_t domid,
                                libxl_ev_user user,
                                libxl_evgen_domain_death **death)
{
    (void)c;
    (void)domid;
    (void)user;
    *death = malloc(1);
    watches++;
    armed = true;
    return 0;
}

void libxl_evdisable_domain_death(libxl_ctx *c,
                                  libxl_evgen_domain_death *death)
{
    (void)c;
    free(death);
    watches--;
}

int libxl_retrieve_domain_configuration(libxl_ctx *c, uint32_t domid,
                                        libxl_domain_config *config,
                                        const libxl_asyncop_how *how)
{
    (void)c;
    (void)domid;
    (void)how;
    if (no_config) return ERROR_FAIL;
    config->c_info.name = strdup("a");
    config->on_poweroff = kept.on_poweroff;
    config->on_reboot = kept.on_reboot;
    config->on_watchdog = kept.on_watchdog;
    config->on_crash = kept.on_crash;
    config->on_soft_reset = kept.on_soft_reset;
    return 0;
}

char *libxl_domain_config_to_json(libxl_ctx *c, libxl_domain_config *config)
{
    (void)c;
    return strdup(config->c_info.name);
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

static struct device_model dm; /* of the domain; pid 0: it has none */
static pid_t dm_noted;         /* what libxl wrote of it */
static bool dm_removed;        /* by libxl, with the domain */

void *xs_read(struct xs_handle *xs, xs_transaction_t t, const char *path,
              unsigned int *len)
{
    char *value = NULL;

    (void)xs;
    (void)t;
    if (!strcmp(path, "/local/domain/5/vm")) {
        value = xstrdup("/vm/" OTHER);
    } else if (!strcmp(path, "/local/domain/7/vm")) {
        value = xstrdup("/vm/" UUID);
    } else if (!strcmp(path, "/local/domain/7/control/shutdown")) {
        value = xstrdup(request);
    } else if (!strcmp(path, "/local/domain/7/image/device-model-pid")) {
        if (dm_noted) value = xasprintf("%ld", (long)dm_noted);
    } else if (!strcmp(path, "/local/domain/0/device-model/7")) {
        if (!dm_removed) value = xstrdup("");
    }
    if (value && len) *len = (unsigned int)strlen(value);
    return value;
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

void host_facts(libxl_ctx *c, struct host *host)
{
    (void)c;
    (void)host;
}

/* A directory with room on a disk, unless the test says otherwise. */
int statfs(const char *path, struct statfs *fs)
{
    (void)path;
    memset(fs, 0, sizeof(*fs));
    fs->f_type = fs_type;
    fs->f_bsize = 4096;
    fs->f_bavail = 1024 * 1024;
    return 0;
}

static int sync_error; /* an errno value */

int fsync(int fd)
{
    (void)fd;
    errno = sync_error;
    return sync_error ? -1 : 0;
}

/* ---- xl ----------------------------------------------------------------- */

int xlrun_start(struct xlrun **run_r, struct loop *loop, char *const argv[],
                xlrun_done *done, void *user)
{
    (void)loop;
    *run_r = (struct xlrun *)&ctx;
    run_done = done;
    run_user = user;
    if (!strcmp(argv[0], "/bin/sync")) return ask("sync", NULL);
    if (!strcmp(argv[1], "dump-core")) return ask("dump-core", NULL);
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
static char logged[512];
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
        [MC_EV_QUEUED] = "queued",
        [MC_EV_CREATED] = "created",
        [MC_EV_CREATE_FAILED] = "failed",
        [MC_EV_CREATE_LEFT] = "left",
        [MC_EV_FILE_CHANGED] = "changed",
        [MC_EV_GONE] = "gone",
        [MC_EV_SAVED] = "saved",
        [MC_EV_SAVE_FAILED] = "not saved",
        [MC_EV_SHUTDOWN_FAILED] = "not asked",
        [MC_EV_DESTROY_FAILED] = "not destroyed",
        [MC_EV_DM_ENDED] = "dm ended",
    };
    static const char *const deaths[] = {
        [MC_POWEROFF] = "poweroff",
        [MC_REBOOT] = "reboot",
        [MC_CRASH] = "crash",
    };
    char died[32];

    (void)user;
    assert_int_equal(number, 0);
    assert_int_equal(res->gen, 1);
    if (event == MC_EV_DIED) {
        snprintf(died, sizeof(died), "%s%s%s", deaths[res->death],
                 res->again ? " again" : "", res->keep ? " keep" : "");
        tell(died);
    } else {
        tell(words[event] ? words[event] : "?");
    }
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
    snprintf(logged, sizeof(logged), "%s", line);
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

static void act_on_all(libxl_action_on_shutdown action)
{
    kept.on_poweroff = kept.on_reboot = kept.on_watchdog = action;
    kept.on_crash = kept.on_soft_reset = action;
}

static int setup(void **state)
{
    struct hv_callbacks cb = {
        result, begins, stalled, list_changed, on_mark, on_log, NULL,
    };
    char *error = NULL;

    (void)state;
    asked[0] = told[0] = marked[0] = logged[0] = why[0] = '\0';
    there = has_aside = no_config = false;
    refuse = watches = 0;
    fs_type = 0xEF53;
    act_on_all(LIBXL_ACTION_ON_SHUTDOWN_DESTROY);
    build_ms = sync_error = 0;
    request = "";
    dm_noted = 0;
    dm_removed = false;
    libxl_dominfo_init(&dom);
    dom.domid = DOMID;
    dom.paused = true;
    dom.current_memkb = 65536;
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

/* It has not gone on: the next start must find what was saved. */
static void restored_and_not_synced(void **state)
{
    (void)state;
    put("", "memory");
    put(".json", "a");
    begin_creation();
    sync_error = EIO;
    ends(0);
    sync_error = 0;
    assert_string_equal(files(), "save json");
    assert_string_equal(asked, "restore; destroy");
    there = false;
    ends(0);
    assert_string_equal(told, "queued; resumes; failed");
    assert_non_null(strstr(why, "cannot be renamed: Input/output error"));
    told[0] = '\0';
    begin_creation();
    assert_string_equal(told, "queued; resumes");
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

/* ---- an instance that ends ---------------------------------------------- */

static void runs(void)
{
    there = true;
    dom.paused = false;
    assert_true(hv_adopt(hv, 0, 1, "a", DOMID, false, false, scratch));
    assert_int_equal(watches, 1);
}

/* libxl says that it has shut down, once for each time that it was asked. */
static void shuts_down(libxl_shutdown_reason reason)
{
    libxl_event *event = happens(LIBXL_EVENT_TYPE_DOMAIN_SHUTDOWN);

    assert_true(armed);
    armed = false;
    dom.shutdown = true;
    dom.shutdown_reason = reason;
    event->u.domain_shutdown.shutdown_reason = (uint8_t)reason;
    spin();
}

/* What the machine is told of one that ends for REASON. */
static const char *end(libxl_shutdown_reason reason)
{
    told[0] = '\0';
    dom.shutdown = false;
    hv_adopt(hv, 0, 1, "a", DOMID, false, false, NULL);
    shuts_down(reason);
    return told;
}

static void xl_ends(int status)
{
    struct buf out = {0};
    struct buf err = {0};

    run_done(run_user, status, &out, &err);
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

/* A reboot is one, whatever else cannot be known. */
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

/* The file is for a start that somebody asks for. */
static void reboot_goes_on_with_what_it_had(void **state)
{
    (void)state;
    runs();
    kept.on_reboot = LIBXL_ACTION_ON_SHUTDOWN_RESTART;
    shuts_down(LIBXL_SHUTDOWN_REASON_REBOOT);
    hv_destroy(hv, 0, 1);
    there = false;
    ends(0);
    assert_string_equal(told, "reboot again; gone");
    hv_create(hv, 0, 1, policy, false);
    spin();
    assert_string_equal(told, "reboot again; gone; queued; begins");
    assert_string_equal(asked, "destroy; create");
}

/* What is set aside is somebody else's from then on. */
static void set_aside(void **state)
{
    (void)state;
    runs();
    kept.on_crash = LIBXL_ACTION_ON_SHUTDOWN_RESTART_RENAME;
    shuts_down(LIBXL_SHUTDOWN_REASON_CRASH);
    hv_destroy(hv, 0, 1);
    assert_string_equal(asked, "preserve");
    assert_string_equal(told, "crash again; gone");
    assert_int_equal(hv_domid(hv, 0), HV_NO_DOMID);
    assert_int_equal(watches, 0);
}

/* The hypervisor says that the next instance and the one that was set aside
 * have the same UUID. Whoever believes it supervises the corpse. */
static void next_of_one_that_was_set_aside(void **state)
{
    struct hv_info *list;
    int n;

    (void)state;
    libxl_dominfo_init(&aside);
    aside.domid = ASIDE;
    aside.shutdown = true;
    aside.shutdown_reason = LIBXL_SHUTDOWN_REASON_CRASH;
    has_aside = true;
    begin_creation(); /* it has no number yet, and is known by its UUID */
    list = hv_list(hv, &n);
    assert_int_equal(n, 2);
    assert_string_equal(list[0].name, "a-aside");
    assert_string_equal(list[0].uuid, OTHER);
    assert_string_equal(list[1].name, "a");
    assert_string_equal(list[1].uuid, UUID);
    hv_info_free(list, n);
    /* One that only died is still ours. */
    dom.shutdown = true;
    dom.shutdown_reason = LIBXL_SHUTDOWN_REASON_CRASH;
    list = hv_list(hv, &n);
    assert_string_equal(list[1].uuid, UUID);
    hv_info_free(list, n);
}

static void not_set_aside(void **state)
{
    (void)state;
    runs();
    kept.on_crash = LIBXL_ACTION_ON_SHUTDOWN_RESTART_RENAME;
    shuts_down(LIBXL_SHUTDOWN_REASON_CRASH);
    refuse = ERROR_FAIL;
    hv_destroy(hv, 0, 1);
    assert_string_equal(asked, "preserve; destroy");
    assert_string_equal(told, "crash again");
}

/* The dead are there until all is written. */
static void core_dump(void **state)
{
    (void)state;
    runs();
    kept.on_crash = LIBXL_ACTION_ON_SHUTDOWN_COREDUMP_DESTROY;
    shuts_down(LIBXL_SHUTDOWN_REASON_CRASH);
    hv_destroy(hv, 0, 1);
    spin();
    assert_string_equal(asked, "dump-core");
    armed = true;
    shuts_down(LIBXL_SHUTDOWN_REASON_CRASH); /* no news */
    xl_ends(0);
    assert_string_equal(asked, "dump-core; destroy");
    assert_string_equal(told, "crash");
    ends(ERROR_FAIL);
    assert_string_equal(told, "crash; not destroyed");
    hv_destroy(hv, 0, 1); /* tried again, but not written again */
    assert_string_equal(asked, "dump-core; destroy; destroy");
    there = false;
    ends(0);
    assert_string_equal(told, "crash; not destroyed; gone");
    assert_string_equal(logged, "");
}

static void core_dump_that_fails(void **state)
{
    (void)state;
    runs();
    kept.on_crash = LIBXL_ACTION_ON_SHUTDOWN_COREDUMP_DESTROY;
    shuts_down(LIBXL_SHUTDOWN_REASON_CRASH);
    hv_destroy(hv, 0, 1);
    xl_ends(1 << 8);
    assert_string_equal(asked, "dump-core; destroy");
    assert_string_equal(logged, "a: no core dump: xl failed");
}

static void no_core_dump_into_memory(void **state)
{
    (void)state;
    runs();
    kept.on_crash = LIBXL_ACTION_ON_SHUTDOWN_COREDUMP_DESTROY;
    shuts_down(LIBXL_SHUTDOWN_REASON_CRASH);
    fs_type = 0x01021994; /* tmpfs */
    hv_destroy(hv, 0, 1);
    assert_string_equal(asked, "destroy");
    assert_non_null(strstr(logged, "is in memory, not on a disk"));
}

/* What a successor does that finds it like this, and removes it. */
static const char *removes(bool by_hand)
{
    asked[0] = '\0';
    there = true;
    assert_true(hv_adopt(hv, 0, 1, "a", DOMID, by_hand, false, NULL));
    hv_destroy(hv, 0, 1);
    return asked;
}

/* Killed between the death and what is to be done with the remains. */
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

/* There is nothing in it to look for. */
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

/* libxl still tidies up when the hypervisor has it no more. */
static void gone_is_gone_when_libxl_has_done(void **state)
{
    (void)state;
    runs();
    hv_destroy(hv, 0, 1);
    there = false;
    (void)happens(LIBXL_EVENT_TYPE_DOMAIN_DEATH);
    spin();
    assert_string_equal(told, "");
    ends(0);
    assert_string_equal(told, "gone");
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

/* Up to the point at which libxl resets it. */
static void begin_reset(void)
{
    runs();
    kept.on_soft_reset = LIBXL_ACTION_ON_SHUTDOWN_SOFT_RESET;
    shuts_down(LIBXL_SHUTDOWN_REASON_SOFT_RESET);
    assert_string_equal(asked, "reset");
    assert_string_equal(told, "");
}

/* Nobody hears of it; and its next end is seen. */
static void soft_reset(void **state)
{
    (void)state;
    begin_reset();
    ends(0);
    assert_string_equal(asked, "reset; unpause");
    dom.shutdown = false;
    ends(0);
    assert_string_equal(told, "");
    assert_int_equal(watches, 1);
    shuts_down(LIBXL_SHUTDOWN_REASON_CRASH);
    assert_string_equal(told, "crash");
}

static void soft_reset_that_does_not_begin(void **state)
{
    (void)state;
    runs();
    kept.on_soft_reset = LIBXL_ACTION_ON_SHUTDOWN_SOFT_RESET;
    refuse = ERROR_FAIL;
    shuts_down(LIBXL_SHUTDOWN_REASON_SOFT_RESET);
    assert_string_equal(told, "crash");
}

static void soft_reset_that_fails(void **state)
{
    (void)state;
    begin_reset();
    ends(ERROR_FAIL);
    assert_string_equal(asked, "reset");
    assert_string_equal(told, "crash");
    hv_destroy(hv, 0, 1);
    assert_string_equal(asked, "reset; destroy");
}

static void soft_reset_that_leaves_nothing(void **state)
{
    (void)state;
    begin_reset();
    there = false;
    (void)happens(LIBXL_EVENT_TYPE_DOMAIN_DEATH);
    spin();
    assert_string_equal(told, "");
    ends(ERROR_FAIL);
    assert_string_equal(told, "gone");
}

/* libxl uses what is in the slot until the reset has ended. */
static void stop_during_a_soft_reset(void **state)
{
    (void)state;
    begin_reset();
    hv_shutdown(hv, 0, 1);
    assert_string_equal(asked, "reset");
    ends(0);
    hv_save(hv, 0, 1, scratch);
    assert_string_equal(told, "not saved");
    assert_string_equal(why, "it is being reset");
    dom.shutdown = false;
    ends(0);
    assert_string_equal(asked, "reset; unpause; shutdown");
}

static void removal_during_a_soft_reset(void **state)
{
    (void)state;
    begin_reset();
    hv_destroy(hv, 0, 1);
    assert_string_equal(asked, "reset; abort");
    ends(ERROR_ABORTED);
    assert_string_equal(asked, "reset; abort; destroy");
    assert_string_equal(told, "");
}

/* One that is being stopped is not brought back. */
static void soft_reset_during_a_stop(void **state)
{
    (void)state;
    runs();
    kept.on_soft_reset = LIBXL_ACTION_ON_SHUTDOWN_SOFT_RESET;
    hv_shutdown(hv, 0, 1);
    shuts_down(LIBXL_SHUTDOWN_REASON_SOFT_RESET);
    assert_string_equal(asked, "shutdown");
    assert_string_equal(told, "reboot");
}

/* ---- an instance that is stopped ---------------------------------------- */

static void shutdown_is_asked_for(void **state)
{
    (void)state;
    runs();
    hv_shutdown(hv, 0, 1);
    ends(0);
    assert_string_equal(asked, "shutdown");
    assert_string_equal(told, "");
    shuts_down(LIBXL_SHUTDOWN_REASON_POWEROFF);
    assert_string_equal(told, "poweroff");
}

static void power_button(void **state)
{
    (void)state;
    runs();
    hv_shutdown(hv, 0, 1);
    ends(ERROR_NOPARAVIRT);
    assert_string_equal(asked, "shutdown; power button");
    assert_string_equal(told, "");
    /* It may be known at once, and the button may be missing, too. */
    refuse = ERROR_NOPARAVIRT;
    hv_shutdown(hv, 0, 1);
    assert_string_equal(asked,
                        "shutdown; power button; shutdown; power button");
    assert_string_equal(told, "");
    hv_shutdown(hv, 0, 1);
    refuse = ERROR_FAIL;
    ends(ERROR_NOPARAVIRT);
    assert_string_equal(told, "not asked");
    assert_string_equal(why, "libxl says fail");
}

/* How long it may take is for the machine to say. */
static void guest_that_does_not_answer(void **state)
{
    (void)state;
    runs();
    hv_shutdown(hv, 0, 1);
    ends(ERROR_TIMEDOUT);
    assert_string_equal(asked, "shutdown");
    assert_string_equal(told, "");
}

static void guest_that_cannot_be_asked(void **state)
{
    (void)state;
    runs();
    hv_shutdown(hv, 0, 1);
    ends(ERROR_FAIL);
    assert_string_equal(told, "not asked");
}

static void dead_are_not_asked(void **state)
{
    (void)state;
    runs();
    dom.shutdown = true;
    dom.shutdown_reason = LIBXL_SHUTDOWN_REASON_CRASH;
    hv_shutdown(hv, 0, 1);
    assert_string_equal(asked, "");
    assert_string_equal(told, "poweroff");
}

/* ---- an instance that is saved ------------------------------------------ */

/* Up to the point at which the guest sleeps. */
static void begin_save(void)
{
    runs();
    hv_save(hv, 0, 1, scratch);
    assert_string_equal(asked, "suspend");
    shuts_down(LIBXL_SHUTDOWN_REASON_SUSPEND);
    assert_string_equal(told, "");
    assert_string_equal(files(), "json part");
}

static void saved(void **state)
{
    (void)state;
    begin_save();
    ends(0);
    assert_string_equal(asked, "suspend; sync");
    /* It has not reached the disk yet. */
    assert_string_equal(told, "");
    assert_string_equal(files(), "json part");
    xl_ends(0);
    assert_string_equal(told, "saved");
    assert_string_equal(files(), "save json");
}

/* Its end is still seen after that. */
static void not_saved(void **state)
{
    (void)state;
    begin_save();
    assert_int_equal(watches, 1);
    ends(ERROR_FAIL);
    assert_string_equal(asked, "suspend; resume");
    assert_string_equal(told, "");
    dom.shutdown = false;
    ends(0);
    assert_string_equal(told, "not saved");
    assert_string_equal(why, "libxl says fail");
    assert_false(has("") || has(".part"));
    shuts_down(LIBXL_SHUTDOWN_REASON_CRASH);
    assert_string_equal(told, "not saved; crash");
}

static void not_saved_and_not_resumed(void **state)
{
    (void)state;
    begin_save();
    refuse = ERROR_FAIL;
    ends(ERROR_FAIL);
    assert_string_equal(asked, "suspend; resume");
    assert_string_equal(told, "not saved");
}

static void not_on_the_disk(void **state)
{
    (void)state;
    begin_save();
    ends(0);
    xl_ends(1 << 8);
    assert_string_equal(asked, "suspend; sync; resume");
    ends(0);
    assert_string_equal(told, "not saved");
    assert_string_equal(why,
                        "what was saved did not reach the disk: called off");
    assert_false(has("") || has(".part"));
}

static void guest_that_does_not_sleep(void **state)
{
    (void)state;
    runs();
    hv_save(hv, 0, 1, scratch);
    hv_abort(hv, 0);
    assert_string_equal(asked, "suspend; abort");
    ends(ERROR_ABORTED);
    assert_string_equal(asked, "suspend; abort");
    assert_string_equal(told, "not saved");
    assert_false(has("") || has(".part"));
}

static void save_that_does_not_begin(void **state)
{
    (void)state;
    runs();
    refuse = ERROR_FAIL;
    hv_save(hv, 0, 1, scratch);
    assert_string_equal(told, "not saved");
    assert_false(has("") || has(".part"));
}

static void no_save_into_memory(void **state)
{
    (void)state;
    runs();
    fs_type = 0x858458f6; /* ramfs */
    hv_save(hv, 0, 1, scratch);
    assert_string_equal(asked, "");
    assert_string_equal(told, "not saved");
    assert_string_equal(files(), "");
}

static void no_save_without_room(void **state)
{
    (void)state;
    runs();
    dom.current_memkb = (uint64_t)4096 * 1024;
    hv_save(hv, 0, 1, scratch);
    assert_string_equal(told, "not saved");
    assert_non_null(strstr(why, "has 4096 MiB free, and 4128 are needed"));
}

/* It must not be brought back to life. */
static void dies_while_it_is_saved(void **state)
{
    (void)state;
    begin_save();
    shuts_down(LIBXL_SHUTDOWN_REASON_CRASH);
    assert_string_equal(told, "crash");
    ends(ERROR_FAIL);
    assert_string_equal(asked, "suspend");
    assert_string_equal(told, "crash; not saved");
}

/* That is told when the save has ended, which uses the slot. */
static void goes_while_it_is_saved(void **state)
{
    (void)state;
    begin_save();
    there = false;
    (void)happens(LIBXL_EVENT_TYPE_DOMAIN_DEATH);
    spin();
    assert_string_equal(told, "");
    ends(ERROR_FAIL);
    assert_string_equal(asked, "suspend");
    assert_string_equal(told, "gone; not saved");
}

/* What a successor finds of a save. */
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

/* libxl does not say so by itself if it has been asked about others before. */
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
    /* Or it does. */
    assert_true(hv_adopt(hv, 0, 1, "a", DOMID, false, false, NULL));
    shuts_down(dom.shutdown_reason);
    assert_string_equal(told, "crash; crash");
    told[0] = '\0';
    /* It is on its way out. */
    assert_true(hv_adopt(hv, 0, 1, "a", DOMID, false, false, NULL));
    hv_destroy(hv, 0, 1);
    spin();
    assert_string_equal(told, "");
    assert_string_equal(asked, "destroy");
    /* What somebody else has started, he looks after. */
    assert_true(hv_adopt(hv, 0, 1, "a", DOMID, true, false, NULL));
    spin();
    assert_string_equal(told, "");
    there = false;
    assert_false(hv_adopt(hv, 0, 1, "a", DOMID, true, false, NULL));
}

/* Told of twice, from here and by libxl. */
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
    assert_string_equal(told, "");
}

/* An xl that waits for it may remove it; or there is none. */
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
    /* Nobody wants to hear of this one. */
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

/* The guest had read what the domd asked that was killed. */
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
    /* That was it. */
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

    /* It had not, and sees one request. */
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
        T(restored_and_not_synced),
        T(save_without_a_configuration),
        T(taken_and_no_domain),
        T(taken_and_saved_again),
        T(successor_of_one_that_did_not_go_on),
        T(successor_of_one_that_went_on),
        T(successor_of_one_that_was_saved),
        T(disk_that_was_written_since),
        T(ejects_are_bounded),
        T(each_end_has_its_own_action),
        T(each_action),
        T(end_of_one_whose_configuration_is_lost),
        T(reboot_goes_on_with_what_it_had),
        T(set_aside),
        T(next_of_one_that_was_set_aside),
        T(not_set_aside),
        T(core_dump),
        T(core_dump_that_fails),
        T(no_core_dump_into_memory),
        T(successor_of_one_that_is_dead),
        T(successor_of_one_that_is_not_dead),
        T(gone_is_gone_when_libxl_has_done),
        T(somebody_else_destroys_it),
        T(soft_reset),
        T(soft_reset_that_does_not_begin),
        T(soft_reset_that_fails),
        T(soft_reset_that_leaves_nothing),
        T(stop_during_a_soft_reset),
        T(removal_during_a_soft_reset),
        T(soft_reset_during_a_stop),
        T(shutdown_is_asked_for),
        T(power_button),
        T(guest_that_does_not_answer),
        T(guest_that_cannot_be_asked),
        T(dead_are_not_asked),
        T(saved),
        T(not_saved),
        T(not_saved_and_not_resumed),
        T(not_on_the_disk),
        T(guest_that_does_not_sleep),
        T(save_that_does_not_begin),
        T(no_save_into_memory),
        T(no_save_without_room),
        T(dies_while_it_is_saved),
        T(goes_while_it_is_saved),
        T(successor_of_a_save),
        T(successor_of_somebody_elses_save),
        T(successor_of_a_save_of_one_that_runs),
        T(successor_of_one_that_ended_meanwhile),
        T(successor_of_one_that_wants_a_reset),
        T(by_hand_and_asked),
        T(suspends_after_its_save_was_cut_off),
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
