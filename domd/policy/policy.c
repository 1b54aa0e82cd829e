#include "policy/policy.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct policy *policy_new(const char *name, const char *file)
{
    struct policy *p = xcalloc(1, sizeof(*p));

    p->name = xstrdup(name);
    p->file = file ? xstrdup(file) : NULL;
    p->autostart = true;
    p->ready.kind = READY_FRONTENDS;
    p->start_timeout = 60 * 1000;
    p->stop_timeout = 120 * 1000;
    p->restart = RESTART_ON_FAILURE;
    p->restart_delay = 1000;
    p->restart_window = 600 * 1000;
    p->restart_limit = 3;
    p->on_stop = STOP_SHUTDOWN;
    p->priority = 50;
    return p;
}

void policy_free(struct policy *p)
{
    size_t i;

    if (!p) return;
    for (i = 0; i < p->n_wants; i++) {
        free(p->wants[i].what);
        free(p->wants[i].key);
    }
    free(p->wants);
    free(p->hold);
    free(p->name);
    free(p->file);
    strlist_dispose(&p->after);
    strlist_dispose(&p->requires);
    ready_dispose(&p->ready);
    free(p->save_to);
    strlist_dispose(&p->needs);
    free(p->address);
    strlist_dispose(&p->writes);
    free(p->uuid);
    free(p->bar);
    free(p);
}

void policy_bar(struct policy *p, bool skip, const char *format, ...)
{
    va_list args;

    if (p->bar) return;
    va_start(args, format);
    p->bar = xvasprintf(format, args);
    va_end(args);
    p->bar_is_skip = skip;
}

struct want *policy_want(struct policy *p, enum want_kind kind,
                         const char *what, const char *key, int line)
{
    struct want *w;

    p->wants = xrealloc(p->wants, p->n_wants + 1, sizeof(*p->wants));
    w = &p->wants[p->n_wants++];
    *w = (struct want){.kind = kind,
                       .what = xstrdup(what),
                       .key = xstrdup(key),
                       .line = line};
    return w;
}

void ready_dispose(struct ready *ready)
{
    free(ready->arg);
    free(ready->value);
    memset(ready, 0, sizeof(*ready));
}

/* Parses a port at the start of *TEXT, and moves *TEXT behind it. */
static bool parse_port(const char **text, int *port_r)
{
    char *end;
    long port;

    if (**text < '0' || **text > '9') return false;
    port = strtol(*text, &end, 10);
    if (port < 1 || port > 65535) return false;
    *text = end;
    *port_r = (int)port;
    return true;
}

static const char *parse_console(const char *arg, struct ready *r)
{
    regex_t regex;

    if (!*arg) return "console: missing regular expression";
    if (regcomp(&regex, arg, REG_EXTENDED | REG_NOSUB | REG_NEWLINE))
        return "console: invalid regular expression";
    regfree(&regex);
    r->kind = READY_CONSOLE;
    r->arg = xstrdup(arg);
    return NULL;
}

static const char *parse_xenstore(const char *arg, struct ready *r)
{
    const char *equals = strchr(arg, '=');

    if (!equals || equals == arg) return "xenstore: expected PATH=VALUE";
    r->kind = READY_XENSTORE;
    r->arg = xstrndup(arg, (size_t)(equals - arg));
    r->value = xstrdup(equals + 1);
    return NULL;
}

static const char *parse_tcp(const char *arg, struct ready *r)
{
    if (!parse_port(&arg, &r->port) || *arg)
        return "tcp: expected a port (1 to 65535)";
    r->kind = READY_TCP;
    return NULL;
}

static const char *parse_http(const char *arg, struct ready *r)
{
    const char *c;

    if (!parse_port(&arg, &r->port) || (*arg && *arg != '/'))
        return "http: expected PORT/PATH";
    for (c = arg; *c; c++) {
        if ((unsigned char)*c <= ' ' || *c == 0x7f)
            return "http: the path must not contain blanks";
    }
    r->kind = READY_HTTP;
    r->arg = xstrdup(*arg ? arg : "/");
    return NULL;
}

const char *ready_parse(const char *text, struct ready *ready_r)
{
    static const struct {
        const char *prefix;
        const char *(*parse)(const char *arg, struct ready *r);
    } with_arg[] = {
        {"console:", parse_console},
        {"xenstore:", parse_xenstore},
        {"tcp:", parse_tcp},
        {"http:", parse_http},
    };
    static const struct {
        const char *word;
        enum ready_kind kind;
    } words[] = {
        {"created", READY_CREATED},
        {"frontends", READY_FRONTENDS},
        {"ping", READY_PING},
    };
    size_t i;

    for (i = 0; i < ARRAY_SIZE(words); i++) {
        if (strcmp(text, words[i].word)) continue;
        memset(ready_r, 0, sizeof(*ready_r));
        ready_r->kind = words[i].kind;
        return NULL;
    }
    for (i = 0; i < ARRAY_SIZE(with_arg); i++) {
        size_t len = strlen(with_arg[i].prefix);

        if (strncmp(text, with_arg[i].prefix, len)) continue;
        return with_arg[i].parse(text + len, ready_r);
    }
    return "expected created, frontends, console:REGEX, xenstore:PATH=VALUE, "
           "tcp:PORT, http:PORT/PATH or ping";
}

char *ready_text(const struct ready *r)
{
    switch (r->kind) {
    case READY_CREATED:
        return xstrdup("created");
    case READY_FRONTENDS:
        return xstrdup("frontends");
    case READY_CONSOLE:
        return xasprintf("console:%s", r->arg);
    case READY_XENSTORE:
        return xasprintf("xenstore:%s=%s", r->arg, r->value);
    case READY_TCP:
        return xasprintf("tcp:%d", r->port);
    case READY_HTTP:
        return xasprintf("http:%d%s", r->port, r->arg);
    case READY_PING:
        return xstrdup("ping");
    }
    return xstrdup("?");
}

const char *restart_name(enum restart_mode mode)
{
    switch (mode) {
    case RESTART_NO:
        return "no";
    case RESTART_ON_FAILURE:
        return "on-failure";
    case RESTART_ALWAYS:
        return "always";
    }
    return "?";
}

const char *stop_name(enum stop_mode mode)
{
    switch (mode) {
    case STOP_SHUTDOWN:
        return "shutdown";
    case STOP_SAVE:
        return "save";
    case STOP_DESTROY:
        return "destroy";
    }
    return "?";
}
