/* A domain file: its values, and what is wrong with it. */
#include "policy/internal.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- messages ----------------------------------------------------------- */

void reader_wrong(struct reader *r, const char *key, const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    text = xvasprintf(format, args);
    va_end(args);
    problem_add(r->problems, r->file, keyscan_line(&r->places, key), "%s: %s",
                key, text);
    free(text);
}

struct want *reader_want(struct reader *r, enum want_kind kind,
                         const char *what, const char *key)
{
    return policy_want(r->p, kind, what, key, keyscan_line(&r->places, key));
}

/* libxlutil's messages are lines of "FILE:LINE: text"; keeps them so. */
static void take_report(struct problems *problems, const char *file,
                        char *report)
{
    size_t skip = strlen(file);
    char *save = NULL;
    char *line;

    for (line = strtok_r(report, "\n", &save); line;
         line = strtok_r(NULL, "\n", &save)) {
        int number = 0;
        int used = 0;

        if (!strncmp(line, file, skip) &&
            sscanf(line + skip, ":%d: %n", &number, &used) == 1 && used)
            problem_add(problems, file, number, "%s", line + skip + used);
        else
            problem_add(problems, file, 0, "%s", line);
    }
}

/* ---- values ------------------------------------------------------------- */

const char *reader_string(struct reader *r, const char *key)
{
    const char *value = NULL;
    int r_cfg = xlu_cfg_get_string(r->cfg, key, &value, 1);

    if (r_cfg == EINVAL)
        reader_wrong(r, key, "is a list; it must be one value");
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
            reader_wrong(r, key, "element %d is no string", i + 1);
    }
}

/* ---- the file ----------------------------------------------------------- */

/* FNV-1a, 64 bit. */
static uint64_t stamp_of(const char *text, size_t len)
{
    uint64_t hash = 0xcbf29ce484222325u;
    size_t i;

    for (i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)text[i]) * 0x100000001b3u;
    return hash;
}

uint64_t policy_stamp(const char *path)
{
    struct buf text = {0};
    uint64_t stamp = 0;

    if (!read_file(path, POLICY_FILE_MAX, &text))
        stamp = stamp_of(text.s, text.len);
    buf_dispose(&text);
    return stamp;
}

bool policy_name_ok(const char *text)
{
    const char *c;

    for (c = text; *c; c++) {
        if (!isalnum((unsigned char)*c) && !strchr("_.:+-", *c)) return false;
    }
    return c != text && c - text < 64 && *text != '-' && *text != '.';
}

static bool read_name(struct reader *r)
{
    const char *name = reader_string(r, "name");

    if (!name) {
        problem_add(r->problems, r->file, 1,
                    "the domain has no name (name = \"...\")");
        return false;
    }
    if (!policy_name_ok(name)) {
        reader_wrong(r, "name",
                     "\"%s\" is not made of letters, digits and _ . : + "
                     "-",
                     name);
        return false;
    }
    r->p = policy_new(name, r->file);
    return true;
}

struct policy *policy_parse(const char *text, size_t len, const char *shown,
                            const struct host *host, struct problems *problems)
{
    struct reader r = {.file = shown, .host = host, .problems = problems};
    struct policy *p = NULL;
    size_t before = problems->n;
    char *report = NULL;
    size_t report_len = 0;
    FILE *sink = NULL;
    size_t i;
    int r_cfg;

    if (len > POLICY_FILE_MAX || memchr(text, '\0', len)) {
        problem_add(problems, shown, 0,
                    "is not a text file of at most %zu "
                    "bytes",
                    POLICY_FILE_MAX);
        goto out;
    }
    sink = open_memstream(&report, &report_len);
    if (!sink) {
        problem_add(problems, shown, 0, "no memory to read it");
        goto out;
    }
    r.cfg = xlu_cfg_init(sink, shown);
    if (!r.cfg) {
        problem_add(problems, shown, 0, "no memory to read it");
        goto out;
    }
    r_cfg = xlu_cfg_readdata(r.cfg, text, (int)len);
    if (r_cfg) {
        fflush(sink);
        take_report(problems, shown, report);
        if (problems->n == before)
            problem_add(problems, shown, 0, "cannot be parsed: %s",
                        strerror(r_cfg));
        goto out;
    }
    keyscan(text, len, &r.places);
    if (!read_name(&r)) goto out;
    r.p->stamp = stamp_of(text, len);
    reader_check_names(&r);
    reader_keys(&r);
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
    key_places_dispose(&r.places);
    if (r.cfg) xlu_cfg_destroy(r.cfg);
    if (sink) fclose(sink);
    free(report);
    return p;
}

struct policy *policy_read(const char *path, const struct host *host,
                           struct problems *problems)
{
    struct policy *p = NULL;
    struct buf text = {0};
    int r = read_file(path, POLICY_FILE_MAX, &text);

    if (r)
        problem_add(problems, path, 0, "cannot be read: %s", strerror(r));
    else
        p = policy_parse(text.s, text.len, path, host, problems);
    buf_dispose(&text);
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
