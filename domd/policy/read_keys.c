/* The keys of xenith-domain(5), and unknown keys. */
#include "policy/internal.h"

#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

#include "policy/xlkeys.h"

/* ---- values ------------------------------------------------------------- */

static void get_seconds(struct reader *r, const char *key, long min,
                        msec *value_r)
{
    long seconds;

    if (reader_long(r, key, min, 86400, &seconds))
        *value_r = (msec)seconds * 1000;
}

static void get_bool(struct reader *r, const char *key, bool *value_r)
{
    const char *text = reader_string(r, key);

    if (!text) return;
    if (!strcmp(text, "yes") || !strcmp(text, "1"))
        *value_r = true;
    else if (!strcmp(text, "no") || !strcmp(text, "0"))
        *value_r = false;
    else
        reader_wrong(r, key, "\"%s\" is not yes or no", text);
}

static void read_names(struct reader *r, const char *key, struct strlist *list)
{
    size_t i;

    reader_list(r, key, list);
    for (i = 0; i < list->n; i++) {
        const char *bad = policy_name_problem(list->v[i]);

        if (bad)
            reader_wrong(r, key, "\"%s\" %s", list->v[i], bad);
        else if (!strcmp(list->v[i], r->p->name))
            reader_wrong(r, key, "the domain cannot depend on itself");
    }
}

/* ---- the keys ----------------------------------------------------------- */

static void read_autostart(struct reader *r, const char *key)
{
    get_bool(r, key, &r->p->autostart);
}

static void read_after(struct reader *r, const char *key)
{
    read_names(r, key, &r->p->after);
}

static void read_requires(struct reader *r, const char *key)
{
    read_names(r, key, &r->p->requires);
}

static void read_ready(struct reader *r, const char *key)
{
    const char *text = reader_string(r, key);
    const char *bad;

    if (!text) return;
    bad = ready_parse(text, &r->p->ready);
    if (bad) reader_wrong(r, key, "\"%s\": %s", text, bad);
}

static void read_start_timeout(struct reader *r, const char *key)
{
    get_seconds(r, key, 1, &r->p->start_timeout);
}

static void read_stop_timeout(struct reader *r, const char *key)
{
    get_seconds(r, key, 1, &r->p->stop_timeout);
}

static void read_start_delay(struct reader *r, const char *key)
{
    get_seconds(r, key, 0, &r->p->start_delay);
}

static void read_prebuild(struct reader *r, const char *key)
{
    get_bool(r, key, &r->p->prebuild);
}

static void read_restart(struct reader *r, const char *key)
{
    const char *text = reader_string(r, key);

    if (!text) return;
    if (!strcmp(text, "no"))
        r->p->restart = RESTART_NO;
    else if (!strcmp(text, "on-failure"))
        r->p->restart = RESTART_ON_FAILURE;
    else if (!strcmp(text, "always"))
        r->p->restart = RESTART_ALWAYS;
    else
        reader_wrong(r, key, "\"%s\" is not no, on-failure or always", text);
}

static void read_restart_delay(struct reader *r, const char *key)
{
    get_seconds(r, key, 1, &r->p->restart_delay);
}

static void read_restart_window(struct reader *r, const char *key)
{
    get_seconds(r, key, 1, &r->p->restart_window);
}

static void read_restart_limit(struct reader *r, const char *key)
{
    long n;

    if (reader_long(r, key, 0, 30, &n)) r->p->restart_limit = (unsigned int)n;
}

static void read_on_stop(struct reader *r, const char *key)
{
    const char *text = reader_string(r, key);

    if (!text) return;
    if (!strcmp(text, "shutdown"))
        r->p->on_stop = STOP_SHUTDOWN;
    else if (!strcmp(text, "save"))
        r->p->on_stop = STOP_SAVE;
    else if (!strcmp(text, "destroy"))
        r->p->on_stop = STOP_DESTROY;
    else
        reader_wrong(r, key, "\"%s\" is not shutdown, save or destroy", text);
}

static void read_save_to(struct reader *r, const char *key)
{
    const char *text = reader_string(r, key);

    if (!text) return;
    if (*text != '/') {
        reader_wrong(r, key, "%s is not an absolute path", text);
        return;
    }
    r->p->save_to = xstrdup(text);
    reader_want(r, WANT_SAVED, text, key);
}

static void read_priority(struct reader *r, const char *key)
{
    long n;

    if (reader_long(r, key, 0, 100, &n)) r->p->priority = (int)n;
}

static void read_needs(struct reader *r, const char *key)
{
    static const char *const words[] = {"hvm", "pv", "hap", "iommu"};
    struct strlist *needs = &r->p->needs;
    size_t i;
    size_t k;

    reader_list(r, key, needs);
    for (i = 0; i < needs->n; i++) {
        const char *need = needs->v[i];
        bool known = false;

        if (*need == '/') {
            reader_want(r, WANT_NEED, need, key);
            continue;
        }
        for (k = 0; k < ARRAY_SIZE(words); k++)
            known = known || !strcmp(need, words[k]);
        if (!known) {
            reader_wrong(r, key, "\"%s\" is not hvm, pv, hap, iommu or a path",
                         need);
            continue;
        }
        if (r->host->unknown || strlist_has(&r->host->words, need)) continue;
        policy_bar(r->p, true, "needs %s, which this host lacks", need);
    }
}

static void read_address(struct reader *r, const char *key)
{
    const char *text = reader_string(r, key);
    struct in_addr in;

    if (!text) return;
    if (inet_pton(AF_INET, text, &in) != 1) {
        reader_wrong(r, key, "\"%s\" is not an IPv4 address", text);
        return;
    }
    free(r->p->address);
    r->p->address = xstrdup(text);
}

static const struct {
    const char *name;
    void (*read)(struct reader *r, const char *key);
} keys[] = {
    {"autostart", read_autostart},
    {"after", read_after},
    {"requires", read_requires},
    {"ready", read_ready},
    {"start_timeout", read_start_timeout},
    {"stop_timeout", read_stop_timeout},
    {"start_delay", read_start_delay},
    {"prebuild", read_prebuild},
    {"restart", read_restart},
    {"restart_delay", read_restart_delay},
    {"restart_window", read_restart_window},
    {"restart_limit", read_restart_limit},
    {"on_stop", read_on_stop},
    {"save_to", read_save_to},
    {"priority", read_priority},
    {"needs", read_needs},
    {"address", read_address},
};

void reader_keys(struct reader *r)
{
    size_t i;

    for (i = 0; i < ARRAY_SIZE(keys); i++) {
        if (reader_line(r, keys[i].name)) keys[i].read(r, keys[i].name);
    }
    if (r->p->on_stop == STOP_SAVE && !r->p->save_to)
        reader_wrong(r, "on_stop",
                     "save needs save_to, a directory on a disk");
    if (r->p->prebuild && r->p->save_to)
        reader_wrong(r, "prebuild",
                     "a domain with save_to may be restored, and is not "
                     "created ahead; leave one of them out");
}

/* ---- unknown keys ------------------------------------------------------- */

/* Edit distance of two words, where anything beyond 1 is only an estimate. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t best;
    size_t other;

    while (*a && *a == *b) {
        a++;
        b++;
    }
    if (!*a) return strlen(b);
    if (!*b) return strlen(a);
    if (strlen(a) > 24 || strlen(b) > 24) return 24;
    /* Only a single typo matters; the rest must be equal. */
    best = strcmp(a + 1, b + 1) ? 3 : 1;
    other = strcmp(a, b + 1) ? 3 : 1;
    if (other < best) best = other;
    other = strcmp(a + 1, b) ? 3 : 1;
    if (other < best) best = other;
    if (a[1] && b[1] && a[0] == b[1] && a[1] == b[0] && !strcmp(a + 2, b + 2))
        best = 1;
    return best;
}

void reader_check_names(struct reader *r)
{
    size_t i;
    size_t k;

    for (i = 0; i < r->in->places.n; i++) {
        const char *name = r->in->places.v[i].name;
        const char *like = NULL;
        bool known = xl_knows(name);

        for (k = 0; k < ARRAY_SIZE(keys); k++) {
            known = known || !strcmp(name, keys[k].name);
            if (edit_distance(name, keys[k].name) == 1) like = keys[k].name;
        }
        if (known) continue;
        problem_warn(r->problems, r->file, r->in->places.v[i].line,
                     "%s: neither xl nor domd knows this key%s%s%s", name,
                     like ? " (" : "", like ? like : "", like ? "?)" : "");
    }
}
