#include "policy/domfile.h"

#include <stdlib.h>
#include <string.h>

/* Converts libxlutil's messages, lines of "FILE:LINE: text", to problems. */
static void parse_report(struct domfile *f, struct problems *problems)
{
    size_t skip = strlen(f->shown);
    char *save = NULL;
    char *line;

    fflush(f->sink);
    for (line = strtok_r(f->report, "\n", &save); line;
         line = strtok_r(NULL, "\n", &save)) {
        int number = 0;
        int used = 0;

        if (!strncmp(line, f->shown, skip) &&
            sscanf(line + skip, ":%d: %n", &number, &used) == 1 && used)
            problem_add(problems, f->shown, number, "%s", line + skip + used);
        else
            problem_add(problems, f->shown, 0, "%s", line);
    }
}

bool domfile_parse(struct domfile *f, const char *text, size_t len,
                   const char *shown, struct problems *problems)
{
    const char *bad = text_problem(text, len);
    size_t before = problems->n;
    int r;

    memset(f, 0, sizeof(*f));
    f->shown = shown;
    if (bad) {
        problem_add(problems, shown, 0, "%s", bad);
        return false;
    }
    text_clean(text, len, &f->text);
    f->sink = open_memstream(&f->report, &f->report_len);
    if (f->sink) f->cfg = xlu_cfg_init(f->sink, shown);
    if (!f->cfg) {
        problem_add(problems, shown, 0, "out of memory");
        return false;
    }
    r = xlu_cfg_readdata(f->cfg, f->text.s, (int)f->text.len);
    if (r) {
        parse_report(f, problems);
        if (problems->n == before)
            problem_add(problems, shown, 0, "cannot be parsed: %s",
                        strerror(r));
        return false;
    }
    keyscan(f->text.s, f->text.len, &f->places);
    return true;
}

bool domfile_read(struct domfile *f, const char *path,
                  struct problems *problems)
{
    struct buf text = {0};
    int r = read_file(path, POLICY_FILE_MAX, &text);
    bool ok = false;

    memset(f, 0, sizeof(*f));
    if (r)
        problem_add(problems, path, 0, "cannot be read: %s", strerror(r));
    else
        ok = domfile_parse(f, text.s, text.len, path, problems);
    buf_dispose(&text);
    return ok;
}

void domfile_dispose(struct domfile *f)
{
    if (f->cfg) xlu_cfg_destroy(f->cfg);
    if (f->sink) fclose(f->sink);
    free(f->report);
    key_places_dispose(&f->places);
    buf_dispose(&f->text);
}

/* Extracts REASON from "FILE: config parsing error in disk specification:
 * REASON in `SPEC'": the problem names the file and SPEC already. */
static char *parse_disk_reason(const char *report)
{
    static const char begin[] = "disk specification: ";
    const char *reason = strstr(report, begin);
    const char *end;

    reason = reason ? reason + strlen(begin) : report;
    end = strstr(reason, " in `");
    return xstrndup(reason,
                    end ? (size_t)(end - reason) : strcspn(reason, "\n"));
}

const char *domfile_string(const struct domfile *f, const char *key)
{
    const char *text = NULL;

    return xlu_cfg_get_string(f->cfg, key, &text, 1) ? NULL : text;
}

char *domfile_disk(struct domfile *f, const char *spec,
                   libxl_device_disk *disk_r)
{
    size_t before;

    fflush(f->sink);
    before = f->report_len;
    libxl_device_disk_init(disk_r);
    if (!xlu_disk_parse(f->cfg, 1, &spec, disk_r)) return NULL;
    fflush(f->sink);
    return parse_disk_reason(f->report + before);
}
