/* A domain file: its values and its problems. */
#include "policy/internal.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- messages ----------------------------------------------------------- */

int reader_line(const struct reader *r, const char *key)
{
    return keyscan_line(&r->in->places, key);
}

void reader_wrong(struct reader *r, const char *key, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    problem_setting(r->problems, r->file, reader_line(r, key), false, key,
                    format, args);
    va_end(args);
}

struct want *reader_want(struct reader *r, enum want_kind kind,
                         const char *what, const char *key)
{
    return policy_want(r->p, kind, what, key, reader_line(r, key));
}

void reader_warn(struct reader *r, const char *key, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    problem_setting(r->problems, r->file, reader_line(r, key), true, key,
                    format, args);
    va_end(args);
}

/* ---- values ------------------------------------------------------------- */

const char *reader_string(struct reader *r, const char *key)
{
    const char *value = NULL;
    int r_cfg = xlu_cfg_get_string(r->cfg, key, &value, 1);

    if (r_cfg == EINVAL)
        reader_wrong(r, key, "expected a single value, not a list");
    return r_cfg ? NULL : value;
}

bool reader_long(struct reader *r, const char *key, long min, long max,
                 long *value_r)
{
    const char *text = reader_string(r, key);

    if (!text) return false;
    if (parse_long(text, min, max, value_r)) return true;
    reader_wrong(r, key, "\"%s\" is not a number from %ld to %ld", text, min,
                 max);
    return false;
}

void reader_list(struct reader *r, const char *key, struct strlist *list)
{
    XLU_ConfigList *values = NULL;
    const char *one = NULL;
    int n = 0;
    int i;

    if (!xlu_cfg_get_string(r->cfg, key, &one, 1)) {
        strlist_add(list, one);
        return;
    }
    if (xlu_cfg_get_list(r->cfg, key, &values, &n, 1)) return;
    for (i = 0; i < n; i++) {
        const char *item = xlu_cfg_get_listitem(values, i);

        if (item)
            strlist_add(list, item);
        else
            reader_wrong(r, key, "element %d is not a string", i + 1);
    }
}

/* ---- the file ----------------------------------------------------------- */

uint64_t policy_stamp(const char *path)
{
    struct buf text = {0};
    uint64_t stamp = 0;

    if (!read_file(path, POLICY_FILE_MAX, &text))
        stamp = hash_add(HASH_EMPTY, text.s, text.len);
    buf_dispose(&text);
    return stamp;
}

/* xl treats a number as a domain id, and dom0 has its own name. */
const char *policy_name_problem(const char *text)
{
    const char *c;
    bool number = true;

    for (c = text; *c; c++) {
        number = number && isdigit((unsigned char)*c);
        if (!isalnum((unsigned char)*c) && !strchr("_.:+-", *c))
            return "contains characters other than letters, digits and _ . : "
                   "+ -";
    }
    if (c == text) return "is empty";
    if (c - text >= 64) return "is longer than 63 characters";
    if (*text == '-' || *text == '.') return "begins with - or .";
    if (number)
        return "is a number, which xl reads as a domain id; add a letter";
    if (!strcmp(text, "Domain-0")) return "is the name of dom0";
    return NULL;
}

bool policy_name_ok(const char *text)
{
    return !policy_name_problem(text);
}

static bool read_name(struct reader *r)
{
    const char *name = reader_string(r, "name");
    const char *bad;

    if (!name) {
        /* reader_string has reported a list. */
        if (!reader_line(r, "name"))
            problem_add(r->problems, r->file, 1,
                        "the domain has no name; add name = \"...\"");
        return false;
    }
    bad = policy_name_problem(name);
    if (bad) {
        reader_wrong(r, "name", "\"%s\" %s", name, bad);
        return false;
    }
    r->p = policy_new(name, r->file);
    return true;
}

struct policy *policy_parse(const char *text, size_t len, const char *shown,
                            const struct host *host, struct problems *problems)
{
    struct domfile in;
    struct reader r = {
        .in = &in, .file = shown, .host = host, .problems = problems};
    struct policy *p = NULL;
    size_t before = problems->n;
    size_t i;

    if (!domfile_parse(&in, text, len, shown, problems)) goto out;
    r.cfg = in.cfg;
    if (!read_name(&r)) goto out;
    r.p->stamp = hash_add(HASH_EMPTY, text, len);
    reader_check_names(&r);
    reader_keys(&r);
    reader_habits(&r);
    reader_xl(&r);
    for (i = before; i < problems->n; i++) {
        if (problems->v[i].warning) continue;
        policy_bar(r.p, false, "%s:%d: %s", problems->v[i].file,
                   problems->v[i].line, problems->v[i].text);
        break;
    }
    p = r.p;
    r.p = NULL;
out:
    policy_free(r.p);
    domfile_dispose(&in);
    return p;
}

/* ---- the host ----------------------------------------------------------- */

char *xl_default_bridge(const char *path)
{
    const char *script = NULL;
    const char *bridge = NULL;
    XLU_Config *cfg = NULL;
    struct buf text = {0};
    char *result = NULL;
    char *report = NULL;
    size_t report_len = 0;
    FILE *sink = open_memstream(&report, &report_len);

    if (sink) cfg = xlu_cfg_init(sink, path);
    if (cfg && !read_file(path, POLICY_FILE_MAX, &text) &&
        !xlu_cfg_readdata(cfg, text.s, (int)text.len)) {
        xlu_cfg_get_string(cfg, "vif.default.script", &script, 1);
        xlu_cfg_get_string(cfg, "vif.default.bridge", &bridge, 1);
    }
    if (!script || strstr(script, "vif-bridge"))
        result = xstrdup(bridge ? bridge : "xenbr0");
    if (cfg) xlu_cfg_destroy(cfg);
    if (sink) fclose(sink);
    free(report);
    buf_dispose(&text);
    return result;
}

void host_dispose(struct host *host)
{
    strlist_dispose(&host->words);
    free(host->bridge);
    memset(host, 0, sizeof(*host));
}
