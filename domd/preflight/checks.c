#include "preflight/checks.h"

#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/child.h"
#include "base/json.h"
#include "preflight/preflight.h"

/* A path that answered is trusted for this time. */
#define FRESH ((msec)2000)
/* A child that failed (without memory, say) is retried after this time. */
#define RETRY ((msec)30000)
/* A killed child exits at once, or else not before its share answers. */
#define KILL_PATIENCE ((msec)200)

/* The check of one domain file, identified by its stamp. */
struct check {
    struct checks *all;
    char *file;
    uint64_t stamp;
    struct child *run; /* NULL: the child has exited */
    bool needed;       /* its file exists unchanged */
    bool killed;
    bool late;  /* was abandoned; the findings are not used yet */
    bool whole; /* FOUND is complete */
    struct findings found;
    msec ended;
};

struct checks {
    struct loop *loop;
    bool giving_up; /* the caller starts new checks itself */
    struct timer *retry;
    void (*back)(void *user);
    void *user;
    struct check **v;
    size_t n;
};

/* ---- in the child ------------------------------------------------------- */

static void print_line(yajl_gen g)
{
    struct buf line = {0};
    size_t done = 0;

    json_line(g, &line);
    while (done < line.len) {
        ssize_t r = write(STDOUT_FILENO, line.s + done, line.len - done);

        if (r <= 0) _exit(1);
        done += (size_t)r;
    }
    buf_dispose(&line);
}

/* Tells the parent which path the child is about to look up. */
static void print_look(void *user, const struct want *want, const char *path)
{
    yajl_gen g = json_new();

    (void)user;
    json_open(g, NULL);
    json_string(g, "key", want->key);
    json_int(g, "line", want->line);
    json_string(g, "path", path);
    json_close(g);
    print_line(g);
}

static void run_in_child(const void *arg)
{
    const struct policy *p = arg;
    struct findings found = {0};
    yajl_gen g = json_new();
    size_t i;

    prctl(PR_SET_NAME, "preflight");
    preflight_look(p, &found, print_look, NULL);
    json_open(g, NULL);
    json_array(g, "problems");
    for (i = 0; i < found.problems.n; i++) {
        json_open(g, NULL);
        json_int(g, "line", found.problems.v[i].line);
        json_string(g, "text", found.problems.v[i].text);
        json_close(g);
    }
    json_array_end(g);
    json_string(g, "skip", found.skip);
    json_strings(g, "named", &found.named);
    json_strings(g, "really", &found.really);
    json_close(g);
    print_line(g);
}

/* ---- its output --------------------------------------------------------- */

/* The last complete line of OUT, parsed; the caller frees it. NULL: none. */
static yajl_val last_line(const struct buf *out)
{
    const char *end = out->len ? memrchr(out->s, '\n', out->len) : NULL;
    const char *begin;
    yajl_val v;
    char *line;

    if (!end) return NULL;
    begin = memrchr(out->s, '\n', (size_t)(end - out->s));
    begin = begin ? begin + 1 : out->s;
    line = xstrndup(begin, (size_t)(end - begin));
    v = yajl_tree_parse(line, NULL, 0);
    free(line);
    return v;
}

/* Fills in the findings; false: the output is incomplete. */
static bool read_findings(struct check *k, const struct buf *out)
{
    yajl_val v = last_line(out);
    yajl_val list = json_get_array(v, "problems");
    const char *skip = json_get_string(v, "skip");
    size_t i;

    for (i = 0; i < json_len(list); i++)
        problem_add(&k->found.problems, k->file,
                    (int)json_get_int(json_at(list, i), "line", 0), "%s",
                    json_get_string(json_at(list, i), "text"));
    if (skip) k->found.skip = xstrdup(skip);
    json_get_strings(v, "named", &k->found.named);
    json_get_strings(v, "really", &k->found.really);
    yajl_tree_free(v);
    return list != NULL;
}

/* ---- one check ---------------------------------------------------------- */

static void finish_check(void *user, int status, const struct buf *out,
                         const struct buf *err)
{
    struct check *k = user;

    (void)status;
    (void)err;
    k->run = NULL;
    k->ended = loop_now();
    k->whole = !k->killed && read_findings(k, out);
    if (k->late && k->needed && !k->all->giving_up) k->all->back(k->all->user);
}

static void start_check(struct check *k, const struct policy *p)
{
    findings_dispose(&k->found);
    k->whole = k->late = k->killed = false;
    (void)child_fork(&k->run, k->all->loop, run_in_child, p, finish_check, k);
}

static struct check *get_check(struct checks *all, const struct policy *p)
{
    struct check *k;
    size_t i;

    for (i = 0; i < all->n; i++) {
        k = all->v[i];
        if (k->stamp == p->stamp && !strcmp(k->file, p->file)) return k;
    }
    all->v = xrealloc(all->v, all->n + 1, sizeof(struct check *));
    k = all->v[all->n++] = xcalloc(1, sizeof(*k));
    k->all = all;
    k->file = xstrdup(p->file);
    k->stamp = p->stamp;
    return k;
}

static void free_check(struct check *k)
{
    child_free(k->run);
    findings_dispose(&k->found);
    free(k->file);
    free(k);
}

static void kill_check(struct check *k)
{
    if (!k->run) return;
    k->killed = true;
    child_kill(k->run);
}

/* Waits for the check K. Without findings, sets the hold of P, adds the reason
 * to *PROBLEMS (may be NULL), and returns false. */
static bool await_check(struct check *k, struct policy *p, msec until,
                        struct problems *problems)
{
    struct problems why = {0};
    yajl_val v = NULL;

    if (k->run && !k->late) k->late = !child_wait(k->run, until);
    if (!k->run && k->whole) return true;
    if (k->run) {
        v = last_line(child_output(k->run));
        problem_add(&why, k->file, (int)json_get_int(v, "line", 0),
                    "%s: %s does not respond; the domain waits for it",
                    v ? json_get_string(v, "key") : "domain",
                    v ? json_get_string(v, "path") : "a file or device");
    } else {
        problem_add(
            &why, k->file, 0,
            "the check of its files and devices failed; domd retries it");
        loop_at(k->all->retry, loop_now() + RETRY);
    }
    if (problems)
        problem_add(problems, k->file, why.v[0].line, "%s", why.v[0].text);
    free(p->hold);
    p->hold = problem_text(&why.v[0]);
    yajl_tree_free(v);
    problems_dispose(&why);
    return false;
}

/* ---- all of them -------------------------------------------------------- */

static void retry_checks(void *user)
{
    struct checks *all = user;

    all->back(all->user);
}

struct checks *checks_new(struct loop *loop, void (*back)(void *user),
                          void *user)
{
    struct checks *all = xcalloc(1, sizeof(*all));

    all->loop = loop;
    all->retry = loop_timer(loop, retry_checks, all);
    all->back = back;
    all->user = user;
    return all;
}

void checks_free(struct checks *all)
{
    size_t i;

    if (!all) return;
    for (i = 0; i < all->n; i++) {
        kill_check(all->v[i]);
        free_check(all->v[i]);
    }
    loop_timer_remove(all->loop, all->retry);
    free(all->v);
    free(all);
}

/* Kills the checks whose file is gone or has changed. */
static void drop_unneeded(struct checks *all)
{
    size_t kept = 0;
    size_t i;

    for (i = 0; i < all->n; i++) {
        struct check *k = all->v[i];

        if (!k->needed) kill_check(k);
        if (k->needed || k->run)
            all->v[kept++] = k;
        else
            free_check(k);
    }
    all->n = kept;
}

void checks_run(struct checks *all, struct config *c)
{
    msec until = loop_now() + CHECKS_PATIENCE;
    size_t i;

    for (i = 0; i < all->n; i++)
        all->v[i]->needed = false;
    for (i = 0; i < c->n; i++) {
        struct check *k;

        if (!c->v[i]->n_wants) continue;
        k = get_check(all, c->v[i]);
        k->needed = true;
        /* A late result is used once: another check might take as long. */
        if (!k->run && !(k->late && k->whole)) start_check(k, c->v[i]);
    }
    drop_unneeded(all);
    for (i = 0; i < c->n; i++) {
        struct policy *p = c->v[i];
        struct check *k;

        if (!p->n_wants) continue;
        k = get_check(all, p);
        if (!await_check(k, p, until, &c->problems)) continue;
        k->late = false;
        preflight_apply(p, &k->found, &c->problems);
    }
}

void checks_give_up(struct checks *all)
{
    msec until = loop_now() + KILL_PATIENCE;
    size_t i;

    all->giving_up = true;
    for (i = 0; i < all->n; i++)
        kill_check(all->v[i]);
    for (i = 0; i < all->n; i++) {
        if (all->v[i]->run) (void)child_wait(all->v[i]->run, until);
    }
    all->giving_up = false;
}

bool checks_answer(struct checks *all, struct policy *p)
{
    struct check *k;

    if (!p->n_wants) return true;
    k = get_check(all, p);
    k->needed = true;
    if (!k->run && !(k->whole && loop_now() - k->ended < FRESH))
        start_check(k, p);
    return await_check(k, p, loop_now() + CHECKS_PATIENCE, NULL);
}

static uint64_t add_to_print(uint64_t print, uint64_t value)
{
    return hash_add(print, &value, sizeof(value));
}

uint64_t checks_print(const struct policy *p)
{
    uint64_t print = HASH_EMPTY;
    struct stat st;
    size_t i;

    for (i = 0; i < p->n_wants; i++) {
        const struct want *w = &p->wants[i];

        if (*w->what != '/' || stat(w->what, &st)) continue;
        print = add_to_print(print, i);
        print = add_to_print(print, st.st_dev);
        print = add_to_print(print, st.st_ino);
        print = add_to_print(print, st.st_rdev);
        if (!S_ISREG(st.st_mode)) continue;
        print = add_to_print(print, (uint64_t)st.st_size);
        print = add_to_print(print, (uint64_t)st.st_mtim.tv_sec);
        print = add_to_print(print, (uint64_t)st.st_mtim.tv_nsec);
    }
    return print;
}

size_t checks_left(const struct checks *all)
{
    size_t left = 0;
    size_t i;

    for (i = 0; i < all->n; i++)
        left += all->v[i]->run != NULL;
    return left;
}
