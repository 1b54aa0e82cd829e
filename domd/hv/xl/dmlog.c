#include "hv/xl/dmlog.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/util.h"

/* libxl begins a new log for each device model, and /var/log is bounded as a
 * whole. A log filled by a hostile one is not worth reading. */
#define LOG_MAX ((size_t)1024 * 1024)

/* Returns LINE without the name of the program, or NULL if it has none. */
static const char *skip_program(const char *line)
{
    /* Its messages, and those of its loader for kernels. */
    static const char *const names[] = {"qemu-system-i386: ", "qemu: "};
    size_t i;

    for (i = 0; i < ARRAY_SIZE(names); i++) {
        if (!strncmp(line, names[i], strlen(names[i])))
            return line + strlen(names[i]);
    }
    return NULL;
}

/* What QEMU logs about every PV console, every requested end and missing
 * features. */
static bool is_usual(const char *line)
{
    const char *text = skip_program(line);

    return (text && !strncmp(text, "warning: ", strlen("warning: "))) ||
           strstr(line, "declining to handle console type") ||
           strstr(line, "terminating on signal");
}

/* Most complaints begin with QEMU's name, but not all. */
static bool is_complaint(const char *line)
{
    return (skip_program(line) || strcasestr(line, "error") ||
            strstr(line, "Could not ")) &&
           !is_usual(line);
}

/* Also who sent the signal that ended it, or a failed assertion. */
static bool is_last_word(const char *line)
{
    return is_complaint(line) || strstr(line, "terminating on signal") ||
           strstr(line, "Assertion ");
}

/* Returns the last line that COUNTS, without the program name. */
static char *last_line(const char *path, bool (*counts)(const char *line))
{
    struct buf log = {0};
    const char *last = NULL;
    char *said = NULL;
    char *save = NULL;
    char *line;

    if (read_file(path, LOG_MAX, &log)) goto out;
    buf_add(&log, "", 1);
    for (line = strtok_r(log.s, "\r\n", &save); line;
         line = strtok_r(NULL, "\r\n", &save)) {
        if (counts(line)) last = line;
    }
    if (last) said = xstrdup(skip_program(last) ? skip_program(last) : last);
out:
    buf_dispose(&log);
    return said;
}

char *dmlog_complaint(const char *dir, const char *name, time_t since)
{
    char *path = xasprintf("%s/qemu-dm-%s.log", dir, name);
    char *said = NULL;
    struct stat st;

    if (!stat(path, &st) && st.st_mtime >= since)
        said = last_line(path, is_complaint);
    free(path);
    return said;
}

char *dmlog_last_words(const char *dir, const char *name)
{
    char *path = xasprintf("%s/qemu-dm-%s.log", dir, name);
    char *said = last_line(path, is_last_word);

    free(path);
    return said;
}
