/* Errors and warnings in the configuration: readers and checks fill the list,
 * and their caller prints or sends it. */
#ifndef DOMD_POLICY_PROBLEM_H
#define DOMD_POLICY_PROBLEM_H

#include "base/util.h"

struct problem {
    char *file;
    int line; /* 0: the file as a whole */
    bool warning;
    char *text;
};

struct problems {
    struct problem *v;
    size_t n;
};

/* Appends an error; FILE is copied. */
void problem_add(struct problems *list, const char *file, int line,
                 const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Appends a warning, which does not keep the domain from starting. */
void problem_warn(struct problems *list, const char *file, int line,
                  const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Appends a problem with the setting KEY, as "KEY: text". */
void problem_setting(struct problems *list, const char *file, int line,
                     bool warning, const char *key, const char *format,
                     va_list args) __attribute__((format(printf, 6, 0)));
/* The number of errors, without warnings. */
size_t problem_errors(const struct problems *list);
/* "FILE:LINE: text"; the caller frees it. */
char *problem_text(const struct problem *p);
void problems_dispose(struct problems *list);

#endif
