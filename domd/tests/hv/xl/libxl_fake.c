#include "tests/hv/xl/libxl_fake.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "policy/host.h"
#include "base/util.h"

char asked[1024];
uint64_t op;
int refuse;
unsigned build_ms;
libxl_dominfo dom;
bool there;
libxl_dominfo aside;
bool has_aside;
libxl_sigchld_owner owner;
libxl_domain_config kept;
bool no_config;
int reads;
bool has_cd;
int eject_watches;
int watches;
bool armed;
bool no_watches;
int store_events;
long fs_type;
uint64_t fs_mb;
char dump_to[256];
const char *request = "";
child_done *run_done;
struct buf converted;
void *run_user;
struct device_model dm;
pid_t dm_noted;
bool dm_removed;
int sync_error;

static libxl_event *queue[8];
static int n_queue;
static int xs_pipe[2];
static char ctx;

/* hv_close() leaves what libxl may be using to the end of the process. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}

static int ask(const char *what, const libxl_asyncop_how *how)
{
    size_t len = strlen(asked);
    int rc = refuse;

    snprintf(asked + len, sizeof(asked) - len, "%s%s", len ? "; " : "", what);
    if (how) op = how->u.for_event;
    refuse = 0;
    return rc;
}

/* ---- libxl -------------------------------------------------------------- */

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
    if (build_ms) usleep(build_ms * 1000);
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
    if (no_watches) return ERROR_FAIL;
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

int libxl_evenable_disk_eject(libxl_ctx *c, uint32_t domid, const char *vdev,
                              libxl_ev_user user,
                              libxl_evgen_disk_eject **eject)
{
    (void)c;
    (void)domid;
    (void)user;
    assert_string_equal(vdev, "hdc");
    *eject = malloc(1);
    eject_watches++;
    return 0;
}

void libxl_evdisable_disk_eject(libxl_ctx *c, libxl_evgen_disk_eject *eject)
{
    (void)c;
    free(eject);
    eject_watches--;
}

static libxl_device_disk *add_disk(libxl_domain_config *config)
{
    config->disks = xrealloc(config->disks, (size_t)config->num_disks + 1,
                             sizeof(*config->disks));
    libxl_device_disk_init(&config->disks[config->num_disks]);
    return &config->disks[config->num_disks++];
}

static void fill_config(libxl_domain_config *config)
{
    libxl_device_disk *cd;

    config->on_poweroff = kept.on_poweroff;
    config->on_reboot = kept.on_reboot;
    config->on_watchdog = kept.on_watchdog;
    config->on_crash = kept.on_crash;
    config->on_soft_reset = kept.on_soft_reset;
    if (!has_cd) return;
    cd = add_disk(config);
    cd->vdev = strdup("hdc");
    cd->removable = 1;
}

int libxl_retrieve_domain_configuration(libxl_ctx *c, uint32_t domid,
                                        libxl_domain_config *config,
                                        const libxl_asyncop_how *how)
{
    (void)c;
    (void)domid;
    (void)how;
    reads++;
    if (no_config) return ERROR_FAIL;
    config->c_info.name = strdup("a");
    fill_config(config);
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
    const char *path = strchr(json, ' ');
    libxl_device_disk *disk;

    (void)c;
    if (!*json) return ERROR_FAIL;
    config->c_info.name = strndup(json, strcspn(json, " "));
    fill_config(config);
    if (!path) return 0;
    disk = add_disk(config);
    disk->pdev_path = strdup(path + 1);
    disk->readwrite = 1;
    return 0;
}

void host_facts(libxl_ctx *c, struct host *host)
{
    (void)c;
    (void)host;
}

/* ---- xenstore ----------------------------------------------------------- */

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
    char c;

    (void)xs;
    if (!store_events) return NULL;
    store_events--;
    assert_int_equal(read(xs_pipe[0], &c, 1), 1);
    return calloc(1, sizeof(char *));
}

void store_event(void)
{
    store_events++;
    assert_int_equal(write(xs_pipe[1], "", 1), 1);
}

/* ---- the file system ---------------------------------------------------- */

/* Space used by the files in a directory, in whole MiB. */
static uint64_t mb_in(const char *path)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;
    struct stat st;
    uint64_t mb = 0;

    while (dir && (entry = readdir(dir))) {
        if (!fstatat(dirfd(dir), entry->d_name, &st, 0) && S_ISREG(st.st_mode))
            mb += (uint64_t)st.st_blocks / 2048;
    }
    if (dir) closedir(dir);
    return mb;
}

/* A directory with room on a disk, unless the test says otherwise. */
int statfs(const char *path, struct statfs *fs)
{
    memset(fs, 0, sizeof(*fs));
    fs->f_type = fs_type;
    fs->f_bsize = 4096;
    fs->f_bavail = (fs_mb - mb_in(path)) * 256;
    return 0;
}

int fsync(int fd)
{
    (void)fd;
    errno = sync_error;
    return sync_error ? -1 : 0;
}

/* ---- xl ----------------------------------------------------------------- */

int child_start(struct child **run_r, struct loop *loop, char *const argv[],
                child_done *done, void *user)
{
    (void)loop;
    *run_r = (struct child *)&ctx;
    run_done = done;
    run_user = user;
    if (!strcmp(argv[0], "/bin/sync")) return ask("sync", NULL);
    if (!strcmp(argv[1], "dump-core")) {
        snprintf(dump_to, sizeof(dump_to), "%s", argv[3]);
        return ask("dump-core", NULL);
    }
    buf_dispose(&converted);
    (void)read_file(argv[4], 1 << 20, &converted);
    return 0;
}

void child_kill(struct child *run)
{
    (void)run;
}

void child_free(struct child *run)
{
    (void)run;
}

char *child_reason(const struct buf *err)
{
    (void)err;
    return NULL;
}

/* ---- for the tests ------------------------------------------------------ */

libxl_event *happens(libxl_event_type type)
{
    libxl_event *event = calloc(1, sizeof(*event));

    event->type = type;
    event->domid = DOMID;
    queue[n_queue++] = event;
    return event;
}

void act_on_all(libxl_action_on_shutdown action)
{
    kept.on_poweroff = kept.on_reboot = kept.on_watchdog = action;
    kept.on_crash = kept.on_soft_reset = action;
}

int libxl_fake_begin(void)
{
    asked[0] = '\0';
    there = has_aside = no_config = no_watches = has_cd = false;
    reads = eject_watches = 0;
    store_events = 0;
    refuse = watches = 0;
    fs_type = 0xEF53;
    fs_mb = 4096;
    act_on_all(LIBXL_ACTION_ON_SHUTDOWN_DESTROY);
    build_ms = sync_error = 0;
    request = "";
    dm_noted = 0;
    dm_removed = false;
    libxl_dominfo_init(&dom);
    dom.domid = DOMID;
    dom.paused = true;
    dom.current_memkb = 65536;
    return pipe(xs_pipe);
}

void libxl_fake_end(void)
{
    buf_dispose(&converted);
    device_model_kill(&dm);
    close(xs_pipe[0]);
    close(xs_pipe[1]);
}
