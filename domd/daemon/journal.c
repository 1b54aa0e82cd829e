#include "daemon/journal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

#define JOURNAL_VERSION 1
#define JOURNAL_MAX     ((size_t)4 * 1024 * 1024)
/* Times beyond this are invalid. */
#define TIME_MAX ((int64_t)1 << 50)

struct journal_entry *journal_find(const struct journal *j, const char *name)
{
    size_t i;

    for (i = 0; i < j->n; i++) {
        if (!strcmp(j->v[i].name, name)) return &j->v[i];
    }
    return NULL;
}

struct journal_entry *journal_add(struct journal *j, const char *name)
{
    struct journal_entry *e;

    j->v = xrealloc(j->v, j->n + 1, sizeof(*j->v));
    e = &j->v[j->n++];
    memset(e, 0, sizeof(*e));
    e->name = xstrdup(name);
    e->past.latency = -1;
    return e;
}

static msec read_time(yajl_val v, const char *key, msec otherwise)
{
    msec t = json_get_int(v, key, otherwise);

    return t >= 0 && t < TIME_MAX ? t : otherwise;
}

static void read_failures(yajl_val v, struct machine_past *past)
{
    yajl_val failures = json_get_array(v, "failures");
    size_t i;

    if (!failures) return;
    for (i = 0; i < json_len(failures); i++) {
        yajl_val f = json_at(failures, i);

        if (past->n_failures == MACHINE_FAILURES_MAX) break;
        if (!YAJL_IS_INTEGER(f) || YAJL_GET_INTEGER(f) < 0 ||
            YAJL_GET_INTEGER(f) >= TIME_MAX)
            break;
        past->failures[past->n_failures++] = YAJL_GET_INTEGER(f);
    }
}

static void read_entry(struct journal *j, yajl_val v)
{
    const char *name = json_get_string(v, "name");
    const char *state = json_get_string(v, "state");
    const char *next = json_get_string(v, "next");
    const char *uuid = json_get_string(v, "uuid");
    const char *reason = json_get_string(v, "reason");
    int64_t restarts = json_get_int(v, "restarts", 0);
    int64_t offset;
    struct journal_entry *e;
    struct machine_past *past;

    if (!name || !state || machine_state_find(state) < 0) return;
    if (journal_find(j, name)) return;
    e = journal_add(j, name);
    if (uuid && strlen(uuid) < sizeof(e->uuid)) strcpy(e->uuid, uuid);
    past = &e->past;
    past->state = (enum machine_state)machine_state_find(state);
    past->next = MACHINE_NEXT_AGAIN;
    if (next && machine_outcome_find(next) >= 0)
        past->next = (enum machine_outcome)machine_outcome_find(next);
    past->want = json_get_bool(v, "want", false);
    past->was_ready = json_get_bool(v, "was_ready", false);
    if (restarts > 0 && restarts <= INT32_MAX)
        past->restarts = (unsigned int)restarts;
    past->started = read_time(v, "started", 0);
    past->latency = read_time(v, "latency", -1);
    past->stamp = (uint64_t)json_get_int(v, "stamp", 0);
    past->reason = reason ? xstrdup(reason) : NULL;
    e->mark.inode = (uint64_t)json_get_int(v, "console_inode", 0);
    offset = json_get_int(v, "console_offset", 0);
    if (offset > 0) e->mark.offset = (uint64_t)offset;
    past->resumed = e->mark.resumed = json_get_bool(v, "resumed", false);
    json_get_strings(v, "writes", &past->writes);
    read_failures(v, past);
}

bool journal_parse(struct journal *j, const char *text, size_t len)
{
    char error[64];
    char *copy;
    yajl_val root;
    yajl_val doms;
    bool ok = false;
    size_t i;

    memset(j, 0, sizeof(*j));
    if (memchr(text, '\0', len)) return false;
    copy = xstrndup(text, len);
    root = yajl_tree_parse(copy, error, sizeof(error));
    free(copy);
    if (json_get_int(root, "v", 0) != JOURNAL_VERSION) goto out;
    doms = json_get_array(root, "domains");
    if (!doms) goto out;
    for (i = 0; i < json_len(doms); i++)
        read_entry(j, json_at(doms, i));
    j->booted = json_get_bool(root, "booted", false);
    json_get_strings(root, "enabled", &j->enabled);
    json_get_strings(root, "disabled", &j->disabled);
    ok = true;
out:
    yajl_tree_free(root);
    return ok;
}

void journal_read(struct journal *j, const char *path, char **why_r)
{
    struct buf text = {0};
    int r = read_file(path, JOURNAL_MAX, &text);

    *why_r = NULL;
    memset(j, 0, sizeof(*j));
    if (r && r != ENOENT) *why_r = xasprintf("%s: %s", path, strerror(r));
    if (!r && !journal_parse(j, text.s, text.len))
        *why_r = xasprintf("%s: invalid journal", path);
    buf_dispose(&text);
}

static void write_entry(yajl_gen g, const struct journal_entry *e)
{
    const struct machine_past *past = &e->past;
    unsigned int i;

    json_open(g, NULL);
    json_string(g, "name", e->name);
    json_string(g, "uuid", e->uuid);
    json_string(g, "state", machine_state_name(past->state));
    json_string(g, "next", machine_outcome_name(past->next));
    json_bool(g, "want", past->want);
    json_bool(g, "was_ready", past->was_ready);
    json_int(g, "restarts", past->restarts);
    json_int(g, "started", past->started);
    json_int(g, "latency", past->latency);
    json_int(g, "stamp", (int64_t)past->stamp);
    json_int(g, "console_inode", (int64_t)e->mark.inode);
    json_int(g, "console_offset", (int64_t)e->mark.offset);
    json_bool(g, "resumed", e->mark.resumed);
    if (past->reason) json_string(g, "reason", past->reason);
    json_strings(g, "writes", &past->writes);
    json_array(g, "failures");
    for (i = 0; i < past->n_failures; i++)
        json_int(g, NULL, past->failures[i]);
    json_array_end(g);
    json_close(g);
}

int journal_write(const struct journal *j, const char *path)
{
    yajl_gen g = json_new();
    struct buf text = {0};
    size_t i;
    int r;

    json_open(g, NULL);
    json_int(g, "v", JOURNAL_VERSION);
    json_bool(g, "booted", j->booted);
    json_strings(g, "enabled", &j->enabled);
    json_strings(g, "disabled", &j->disabled);
    json_array(g, "domains");
    for (i = 0; i < j->n; i++)
        write_entry(g, &j->v[i]);
    json_array_end(g);
    json_close(g);
    json_line(g, &text);
    r = write_file(path, text.s, text.len, 0600);
    buf_dispose(&text);
    return r;
}

void journal_dispose(struct journal *j)
{
    size_t i;

    for (i = 0; i < j->n; i++) {
        free(j->v[i].name);
        machine_past_dispose(&j->v[i].past);
    }
    free(j->v);
    strlist_dispose(&j->enabled);
    strlist_dispose(&j->disabled);
    memset(j, 0, sizeof(*j));
}
