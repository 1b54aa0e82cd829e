#include "policy/problem.h"

#include <stdlib.h>

static void append_problem(struct problems *list, const char *file, int line,
                           bool warning, char *text)
{
    struct problem *p;

    list->v = xrealloc(list->v, list->n + 1, sizeof(*list->v));
    p = &list->v[list->n++];
    p->file = xstrdup(file);
    p->line = line;
    p->warning = warning;
    p->text = text;
}

void problem_add(struct problems *list, const char *file, int line,
                 const char *format, ...)
{
    va_list args;

    va_start(args, format);
    append_problem(list, file, line, false, xvasprintf(format, args));
    va_end(args);
}

void problem_warn(struct problems *list, const char *file, int line,
                  const char *format, ...)
{
    va_list args;

    va_start(args, format);
    append_problem(list, file, line, true, xvasprintf(format, args));
    va_end(args);
}

void problem_setting(struct problems *list, const char *file, int line,
                     bool warning, const char *key, const char *format,
                     va_list args)
{
    char *text = xvasprintf(format, args);

    append_problem(list, file, line, warning, xasprintf("%s: %s", key, text));
    free(text);
}

size_t problem_errors(const struct problems *list)
{
    size_t n = 0;
    size_t i;

    for (i = 0; i < list->n; i++) {
        if (!list->v[i].warning) n++;
    }
    return n;
}

char *problem_text(const struct problem *p)
{
    return xasprintf("%s:%d: %s%s", p->file, p->line,
                     p->warning ? "warning: " : "", p->text);
}

void problems_dispose(struct problems *list)
{
    size_t i;

    for (i = 0; i < list->n; i++) {
        free(list->v[i].file);
        free(list->v[i].text);
    }
    free(list->v);
    list->v = NULL;
    list->n = 0;
}
