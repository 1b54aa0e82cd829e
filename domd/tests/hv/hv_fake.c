/*
 * A hypervisor in a directory, $FAKE_DIR: every domain is a file, named by its
 * number, so that domains outlive the daemon as real ones do. A creation takes
 * $FAKE_MS ms.
 *
 * Files that a test puts there make things happen: poke-NAME with one word in
 * it (crash, reboot, poweroff, vanish, qemu) is what the guest does, or that
 * its device model ends; refuse-NAME makes its creation fail with the text in
 * it; hang-NAME makes it ignore a shutdown; stay-NAME makes its removal take
 * twenty seconds; save-NAME lets it be saved, in so many ms; queue-NAME makes
 * its creation wait before it begins, as long as that file is there, as that
 * of a saved one, which writes the disks that are named in it, if saved-NAME
 * is there; uuid-NAME is the UUID that its instances have; says-NAME is what
 * its device model has complained of by the time at which it is late. With
 * `blind` the running domains cannot be listed. Every creation, its end
 * (runs) and every destruction is noted in `history`.
 */
#include "hv/hv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fake_slot {
    struct hv *hv;
    unsigned int dom;
    unsigned int gen;
    uint32_t domid;
    char *name;
    char *file;
    uint64_t stamp;
    bool ahead;
    struct timer *timer;
    void (*next)(struct hv *hv, struct fake_slot *s);
};

struct hv {
    struct loop *loop;
    struct hv_callbacks cb;
    struct timer *poke;
    const char *dir;
    long ms;
    char *seen; /* the domains last listed */
    struct fake_slot **slots;
    unsigned int n;
};

static void log_history(const struct hv *hv, const char *what,
                        const char *name)
{
    char *path = xasprintf("%s/history", hv->dir);
    char *line = xasprintf("%s %s\n", what, name);
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    ssize_t r = write(fd, line, strlen(line));

    (void)r;
    close(fd);
    free(path);
    free(line);
}

static void timer_cb_fake(void *user)
{
    struct fake_slot *s = user;

    s->next(s->hv, s);
}

static struct fake_slot *get_slot(struct hv *hv, unsigned int dom)
{
    if (dom >= hv->n) {
        hv->slots = xrealloc(hv->slots, dom + 1, sizeof(struct fake_slot *));
        while (hv->n <= dom)
            hv->slots[hv->n++] = NULL;
    }
    if (!hv->slots[dom]) {
        struct fake_slot *s = xcalloc(1, sizeof(*s));

        s->hv = hv;
        s->dom = dom;
        s->domid = HV_NO_DOMID;
        s->timer = loop_timer(hv->loop, timer_cb_fake, s);
        hv->slots[dom] = s;
    }
    return hv->slots[dom];
}

static void call_later(struct fake_slot *s, msec ms,
                       void (*next)(struct hv *hv, struct fake_slot *s))
{
    s->next = next;
    loop_at(s->timer, loop_now() + ms);
}

static char *dom_path(const struct hv *hv, uint32_t domid)
{
    return xasprintf("%s/dom-%u", hv->dir, (unsigned int)domid);
}

/* "NAME UUID STATE": being built, runs, suspended, dead or dying. */
static void write_dom(const struct hv *hv, uint32_t domid, const char *name,
                      const char *uuid, const char *state)
{
    char *path = dom_path(hv, domid);
    char *text = xasprintf("%s %s %s\n", name, uuid, state);

    (void)write_file(path, text, strlen(text), 0644);
    free(path);
    free(text);
}

static bool read_dom(const struct hv *hv, uint32_t domid, char name[64],
                     char uuid[HV_UUID_LEN], char state[16])
{
    char *path = dom_path(hv, domid);
    struct buf text = {0};
    bool ok = !read_file(path, 4096, &text) &&
              sscanf(text.s, "%63s %36s %15s", name, uuid, state) == 3;

    buf_dispose(&text);
    free(path);
    return ok;
}

static void set_state(const struct hv *hv, uint32_t domid, const char *state)
{
    char name[64];
    char uuid[HV_UUID_LEN];
    char old[16];

    if (read_dom(hv, domid, name, uuid, old))
        write_dom(hv, domid, name, uuid, state);
}

static bool has(const struct hv *hv, const char *what, const char *name,
                struct buf *text)
{
    char *path = xasprintf("%s/%s-%s", hv->dir, what, name);
    bool ok = !read_file(path, 4096, text);

    if (ok && !strcmp(what, "poke")) unlink(path);
    free(path);
    return ok;
}

static void report(struct hv *hv, struct fake_slot *s,
                   enum machine_event event, enum machine_death death,
                   bool again, const char *why)
{
    struct machine_result r = {0};

    r.gen = s->gen;
    r.death = death;
    r.again = again;
    r.why = why;
    hv->cb.result(hv->cb.user, s->dom, event, &r);
}

static uint32_t free_domid(const struct hv *hv)
{
    uint32_t domid;

    for (domid = 1;; domid++) {
        char *path = dom_path(hv, domid);
        bool there = !access(path, F_OK);

        free(path);
        if (!there) return domid;
    }
}

static void created(struct hv *hv, struct fake_slot *s)
{
    if (s->ahead) {
        s->ahead = false;
        report(hv, s, MACHINE_EV_BUILT, 0, false, NULL);
        return;
    }
    set_state(hv, s->domid, "runs");
    /* Logged after that: a domain logged but not running would look
     * destroyed. */
    log_history(hv, "runs", s->name);
    report(hv, s, MACHINE_EV_CREATED, 0, false, NULL);
}

static void create_failed(struct hv *hv, struct fake_slot *s)
{
    char *path = dom_path(hv, s->domid);

    unlink(path);
    free(path);
    s->domid = HV_NO_DOMID;
    report(hv, s, MACHINE_EV_CREATE_FAILED, 0, false, "a fake reason");
}

static void build_dom(struct hv *hv, struct fake_slot *s)
{
    char uuid[HV_UUID_LEN];
    struct buf saved = {0};
    struct buf given = {0};
    struct strlist disks = {0};
    char *no;

    if (policy_stamp(s->file) != s->stamp) {
        report(hv, s, MACHINE_EV_FILE_CHANGED, 0, false, NULL);
        return;
    }
    s->domid = free_domid(hv);
    snprintf(uuid, sizeof(uuid), "%08x-%04x-%04x", (unsigned int)getpid(),
             (unsigned int)rand() & 0xffff, (unsigned int)rand() & 0xffff);
    if (has(hv, "uuid", s->name, &given))
        snprintf(uuid, sizeof(uuid), "%s", given.s);
    buf_dispose(&given);
    if (has(hv, "saved", s->name, &saved)) {
        char *disk = saved.s ? strtok(saved.s, " \n") : NULL;

        for (; disk; disk = strtok(NULL, " \n"))
            strlist_add(&disks, disk);
        no = hv->cb.begins(hv->cb.user, s->dom, uuid, &disks);
    } else {
        no = hv->cb.begins(hv->cb.user, s->dom, uuid, NULL);
    }
    strlist_dispose(&disks);
    buf_dispose(&saved);
    if (no) {
        s->domid = HV_NO_DOMID;
        report(hv, s, MACHINE_EV_CREATE_FAILED, 0, false, no);
        free(no);
        return;
    }
    /* Logged once the file exists: if we are killed in between, a creation
     * that did not happen would look like two. */
    write_dom(hv, s->domid, s->name, uuid, "built");
    log_history(hv, "create", s->name);
    call_later(s, hv->ms, created);
}

static void queued(struct hv *hv, struct fake_slot *s)
{
    struct buf text = {0};

    if (has(hv, "queue", s->name, &text))
        call_later(s, 20, queued);
    else
        build_dom(hv, s);
    buf_dispose(&text);
}

void hv_create(struct hv *hv, unsigned int dom, unsigned int gen,
               const struct policy *policy, bool fresh, bool ahead)
{
    struct fake_slot *s = get_slot(hv, dom);
    struct buf refusal = {0};
    struct buf wait = {0};

    (void)fresh;
    s->ahead = ahead;
    s->gen = gen;
    free(s->name);
    s->name = xstrdup(policy->name);
    free(s->file);
    s->file = xstrdup(policy->file);
    s->stamp = policy->stamp;
    s->domid = HV_NO_DOMID;
    if (has(hv, "refuse", s->name, &refusal)) {
        report(hv, s, MACHINE_EV_CREATE_FAILED, 0, false, refusal.s);
        buf_dispose(&refusal);
        return;
    }
    if (has(hv, "queue", s->name, &wait)) {
        report(hv, s, MACHINE_EV_QUEUED, 0, false, NULL);
        call_later(s, 20, queued);
    } else {
        s->stamp = policy_stamp(s->file); /* not before we return */
        build_dom(hv, s);
    }
    buf_dispose(&wait);
}

void hv_unpause(struct hv *hv, unsigned int dom, unsigned int gen)
{
    (void)gen;
    call_later(get_slot(hv, dom), 0, created);
}

void hv_abort(struct hv *hv, unsigned int dom)
{
    call_later(get_slot(hv, dom), 0, create_failed);
}

static void powered_off(struct hv *hv, struct fake_slot *s)
{
    set_state(hv, s->domid, "dead");
    report(hv, s, MACHINE_EV_DIED, MACHINE_POWEROFF, false, NULL);
}

void hv_look_late(struct hv *hv, unsigned int dom)
{
    struct fake_slot *s = get_slot(hv, dom);
    struct buf text = {0};

    if (has(hv, "says", s->name, &text))
        report(hv, s, MACHINE_EV_DM_SAYS, 0, false, text.s);
    buf_dispose(&text);
}

void hv_shutdown(struct hv *hv, unsigned int dom, unsigned int gen)
{
    struct fake_slot *s = get_slot(hv, dom);
    struct buf text = {0};

    (void)gen;
    log_history(hv, "shutdown", s->name);
    if (!has(hv, "hang", s->name, &text)) call_later(s, 10, powered_off);
    buf_dispose(&text);
}

static void saved(struct hv *hv, struct fake_slot *s)
{
    report(hv, s, MACHINE_EV_SAVED, 0, false, NULL);
}

void hv_save(struct hv *hv, unsigned int dom, unsigned int gen,
             const char *dir)
{
    struct fake_slot *s = get_slot(hv, dom);
    struct buf text = {0};

    (void)gen;
    (void)dir;
    if (has(hv, "save", s->name, &text)) {
        set_state(hv, s->domid, "suspended");
        call_later(s, strtol(text.s, NULL, 10), saved);
    } else {
        report(hv, s, MACHINE_EV_SAVE_FAILED, 0, false, "not in the fake");
    }
    buf_dispose(&text);
}

static void destroyed(struct hv *hv, struct fake_slot *s)
{
    char *path = dom_path(hv, s->domid);

    log_history(hv, "destroyed", s->name);
    unlink(path);
    free(path);
    s->domid = HV_NO_DOMID;
    report(hv, s, MACHINE_EV_GONE, MACHINE_VANISHED, false, NULL);
}

void hv_destroy(struct hv *hv, unsigned int dom, unsigned int gen)
{
    struct fake_slot *s = get_slot(hv, dom);
    struct buf text = {0};

    (void)gen;
    call_later(s, has(hv, "stay", s->name, &text) ? 20000 : 5, destroyed);
    buf_dispose(&text);
}

bool hv_adopt(struct hv *hv, unsigned int dom, unsigned int gen,
              const char *name, uint32_t domid, bool by_hand, bool saving,
              const char *save_to)
{
    struct fake_slot *s = get_slot(hv, dom);

    char was[64];
    char uuid[HV_UUID_LEN];
    char state[16];

    s->gen = gen;
    s->domid = domid;
    free(s->name);
    s->name = xstrdup(name);
    (void)save_to;
    log_history(hv, "adopt", name);
    if (saving && read_dom(hv, domid, was, uuid, state) &&
        !strcmp(state, "suspended")) {
        set_state(hv, domid, "runs");
        log_history(hv, "resume", name);
    }
    /* As with libxl, an earlier death is still reported. */
    if (!by_hand && read_dom(hv, domid, was, uuid, state) &&
        !strcmp(state, "dead"))
        call_later(s, 0, powered_off);
    return true;
}

uint32_t hv_domid(const struct hv *hv, unsigned int dom)
{
    return dom < hv->n && hv->slots[dom] ? hv->slots[dom]->domid : HV_NO_DOMID;
}

static int by_domid(const void *a, const void *b)
{
    const struct hv_info *one = a;
    const struct hv_info *other = b;

    return one->domid < other->domid ? -1 : one->domid > other->domid;
}

struct hv_info *hv_list(struct hv *hv, int *n_r)
{
    struct hv_info *list = NULL;
    struct dirent *entry;
    struct buf text = {0};
    DIR *dir;

    *n_r = -1;
    if (has(hv, "blind", "", &text)) goto out;
    *n_r = 0;
    dir = opendir(hv->dir);
    while (dir && (entry = readdir(dir))) {
        unsigned int domid;
        int used = 0;
        char name[64];
        char uuid[HV_UUID_LEN];
        char state[16];

        if (sscanf(entry->d_name, "dom-%u%n", &domid, &used) != 1 ||
            entry->d_name[used] || !read_dom(hv, domid, name, uuid, state))
            continue;
        list = xrealloc(list, (size_t)*n_r + 1, sizeof(*list));
        memset(&list[*n_r], 0, sizeof(*list));
        list[*n_r].domid = domid;
        list[*n_r].name = xstrdup(name);
        strcpy(list[*n_r].uuid, uuid);
        list[*n_r].never_ran = !strcmp(state, "built");
        list[*n_r].shut_down = !strcmp(state, "dead");
        list[*n_r].dying = !strcmp(state, "dying");
        list[*n_r].cpu_ns = 1500000000;
        list[*n_r].memory_kb = 65536;
        (*n_r)++;
    }
    if (dir) closedir(dir);
    if (*n_r) qsort(list, (size_t)*n_r, sizeof(*list), by_domid);
out:
    buf_dispose(&text);
    return list;
}

void hv_info_free(struct hv_info *list, int n)
{
    int i;

    for (i = 0; i < n; i++)
        free(list[i].name);
    free(list);
}

void hv_host(struct hv *hv, struct host *host)
{
    (void)hv;
    memset(host, 0, sizeof(*host));
    strlist_add(&host->words, "pv");
    host->total_mb = 100000;
}

bool hv_totals(struct hv *hv, struct hv_totals *totals)
{
    (void)hv;
    *totals = (struct hv_totals){1048576, 524288, 2, 3000000000};
    return true;
}

/* As with xenstore's watches, only changes are reported, and a domain only
 * once its file has content. */
static void tell_changes(struct hv *hv)
{
    struct buf now = {0};
    struct hv_info *list;
    int n;
    int i;

    list = hv_list(hv, &n);
    for (i = 0; i < n; i++) {
        if (!list[i].never_ran)
            buf_addf(&now, "%u %d%d\n", (unsigned int)list[i].domid,
                     list[i].shut_down, list[i].dying);
    }
    hv_info_free(list, n > 0 ? n : 0);
    if (!hv->seen || strcmp(hv->seen, now.len ? now.s : "")) {
        free(hv->seen);
        hv->seen = xstrdup(now.len ? now.s : "");
        hv->cb.list_changed(hv->cb.user);
    }
    buf_dispose(&now);
}

/* Carries out what the guests do by themselves. */
static void poke(void *user)
{
    struct hv *hv = user;
    unsigned int i;

    for (i = 0; i < hv->n; i++) {
        struct fake_slot *s = hv->slots[i];
        struct buf what = {0};
        char *path;

        if (!s || s->domid == HV_NO_DOMID) continue;
        if (has(hv, "poke", s->name, &what)) {
            if (!strncmp(what.s, "vanish", 6)) {
                path = dom_path(hv, s->domid);
                unlink(path);
                free(path);
                s->domid = HV_NO_DOMID;
                report(hv, s, MACHINE_EV_GONE, MACHINE_VANISHED, false, NULL);
            } else if (!strncmp(what.s, "qemu", 4)) {
                report(hv, s, MACHINE_EV_DM_ENDED, 0, false, "last words");
            } else {
                bool reboot = !strncmp(what.s, "reboot", 6);

                set_state(hv, s->domid, "dead");
                report(hv, s, MACHINE_EV_DIED,
                       reboot                         ? MACHINE_REBOOT
                       : !strncmp(what.s, "crash", 5) ? MACHINE_CRASH
                                                      : MACHINE_POWEROFF,
                       reboot, NULL);
            }
        }
        buf_dispose(&what);
    }
    tell_changes(hv);
    loop_at(hv->poke, loop_now() + 20);
}

int hv_open(struct hv **hv_r, struct loop *loop,
            const struct hv_callbacks *callbacks, char **why_r)
{
    struct hv *hv;
    const char *ms = getenv("FAKE_MS");

    if (!getenv("FAKE_DIR")) {
        *why_r = xstrdup("FAKE_DIR is not set");
        return -1;
    }
    hv = xcalloc(1, sizeof(*hv));
    hv->loop = loop;
    hv->cb = *callbacks;
    hv->dir = getenv("FAKE_DIR");
    hv->ms = ms ? strtol(ms, NULL, 10) : 20;
    hv->poke = loop_timer(loop, poke, hv);
    srand((unsigned int)getpid());
    loop_at(hv->poke, loop_now());
    *hv_r = hv;
    return 0;
}

void hv_close(struct hv *hv)
{
    unsigned int i;

    if (!hv) return;
    for (i = 0; i < hv->n; i++) {
        if (!hv->slots[i]) continue;
        loop_timer_remove(hv->loop, hv->slots[i]->timer);
        free(hv->slots[i]->name);
        free(hv->slots[i]->file);
        free(hv->slots[i]);
    }
    loop_timer_remove(hv->loop, hv->poke);
    free(hv->seen);
    free(hv->slots);
    free(hv);
}
