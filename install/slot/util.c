#include "util.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void log_error(const char *format, ...)
{
    va_list args;

    fputs("slot: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

static void *checked(void *p)
{
    if (!p) {
        log_error("out of memory");
        exit(1);
    }
    return p;
}

void *xmalloc(size_t size)
{
    return checked(malloc(size));
}

void *xrealloc(void *p, size_t n, size_t size)
{
    return checked(reallocarray(p, n, size));
}
