#include "policy/clone.h"

#include <stdlib.h>
#include <string.h>

#include "policy/policy.h"

/* Replaces the text between FROM and END by TEXT. */
struct edit {
    size_t from;
    size_t end;
    char *text;
};

struct cloner {
    struct domfile *f;
    const struct clone *to;
    const char *other; /* name of the original */
    struct problems *said;
    struct edit *edits;
    size_t n;
    bool one_mac;  /* the first card with a MAC was seen */
    bool one_vif;  /* the first card was seen */
    bool one_disk; /* the disk to replace was seen */
    bool one_seed; /* its seed was seen */
    bool numbered; /* the screen has a number, which is dropped */
};

static void add_edit(struct cloner *c, size_t from, size_t end,
                     const char *text)
{
    c->edits = xrealloc(c->edits, c->n + 1, sizeof(*c->edits));
    c->edits[c->n++] =
        (struct edit){.from = from, .end = end, .text = xstrdup(text)};
}

static void warn_not_copied(struct cloner *c, const struct key_place *p,
                            const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void warn_not_copied(struct cloner *c, const struct key_place *p,
                            const char *format, ...)
{
    va_list args;

    va_start(args, format);
    problem_setting(c->said, c->f->shown, p->line, true, p->name, format,
                    args);
    va_end(args);
}

/* ---- whole settings ----------------------------------------------------- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Drops the setting P, and its line if nothing else is on it. */
static void drop_setting(struct cloner *c, const struct key_place *p)
{
    const char *text = c->f->text.s;
    size_t len = c->f->text.len;
    size_t from = p->from;
    size_t end = p->end;
    bool first;

    while (from && is_blank(text[from - 1]))
        from--;
    first = !from || text[from - 1] == '\n';
    while (end < len && is_blank(text[end]))
        end++;
    if (end < len && text[end] == ';') {
        end++;
        while (end < len && is_blank(text[end]))
            end++;
    }
    if (!first)
        from = p->from;
    else if (end < len && text[end] == '\n')
        end++;
    add_edit(c, from, end, "");
}

/* Reports that P is not copied, and drops it. */
static void drop_and_warn(struct cloner *c, const struct key_place *p)
{
    warn_not_copied(c, p, "%.*s is not copied", (int)(p->end - p->value),
                    c->f->text.s + p->value);
    drop_setting(c, p);
}

static void replace_string(struct cloner *c, const struct key_place *p,
                           const char *value)
{
    char *text = xasprintf("\"%s\"", value);

    add_edit(c, p->value, p->end, text);
    free(text);
}

/* ---- strings of options with commas between ----------------------------- */

/* Returns the replacement of OPTION of setting P: itself, another one, or NULL
 * to drop it. */
typedef const char *option_cb(struct cloner *c, const struct key_place *p,
                              const char *option, struct buf *scratch);

/* Edits each option from FROM to END with CB, and adds FIRST, if not NULL. */
static void edit_options(struct cloner *c, const struct key_place *p,
                         size_t from, size_t end, option_cb *cb,
                         const char *first)
{
    const char *text = c->f->text.s;
    struct buf result = {0};
    size_t at = from;
    bool any = false;

    if (first) {
        buf_addf(&result, "%s", first);
        any = true;
    }
    while (at < end) {
        const char *comma = memchr(text + at, ',', end - at);
        size_t stop = comma ? (size_t)(comma - text) : end;
        size_t begin = at;
        struct buf scratch = {0};
        const char *kept;
        char *option;

        while (begin < stop && is_blank(text[begin]))
            begin++;
        option = xstrndup(text + begin, stop - begin);
        kept = cb(c, p, option, &scratch);
        if (kept) {
            if (any)
                buf_addf(&result, ",%.*s%s", (int)(begin - at), text + at,
                         kept);
            else
                buf_addf(&result, "%s", kept);
            any = true;
        }
        free(option);
        buf_dispose(&scratch);
        at = stop + 1;
    }
    buf_add(&result, "", 0);
    if (result.len != end - from || memcmp(result.s, text + from, result.len))
        add_edit(c, from, end, result.s);
    buf_dispose(&result);
}

static bool begins(const char *text, const char *word)
{
    return !strncmp(text, word, strlen(word));
}

static const char *vif_option(struct cloner *c, const struct key_place *p,
                              const char *option, struct buf *scratch)
{
    if (begins(option, "mac=")) {
        if (c->to->mac && !c->one_mac) {
            c->one_mac = true;
            warn_not_copied(c, p, "%s is not copied; the copy has %s", option,
                            c->to->mac);
            buf_addf(scratch, "mac=%s", c->to->mac);
            return scratch->s;
        }
        warn_not_copied(c, p, "%s is not copied", option);
        return NULL;
    }
    if (begins(option, "ip=") || begins(option, "vifname=")) {
        warn_not_copied(c, p, "%s is not copied", option);
        return NULL;
    }
    if (begins(option, "bridge=") && c->to->bridge && !c->one_vif) {
        buf_addf(scratch, "bridge=%s", c->to->bridge);
        return scratch->s;
    }
    return option;
}

static void edit_vif(struct cloner *c, const struct key_place *p, size_t from,
                     size_t end)
{
    char *spec = xstrndup(c->f->text.s + from, end - from);
    char *first = NULL;

    if (c->to->bridge && !c->one_vif && !strstr(spec, "bridge="))
        first = xasprintf("bridge=%s", c->to->bridge);
    edit_options(c, p, from, end, vif_option, first);
    c->one_vif = true;
    free(first);
    free(spec);
}

/* The port of a listen address; NULL: none. */
static const char *port_of(const char *listen)
{
    const char *colon = strrchr(listen, ':');

    if (!colon || !colon[1] || begins(listen, "unix:")) return NULL;
    return strspn(colon + 1, "0123456789") == strlen(colon + 1) ? colon + 1
                                                                : NULL;
}

/* The listen address of the clone's screen: the name in the original's own
 * socket path is replaced, and a port is dropped. */
static const char *copy_listen(struct cloner *c, const struct key_place *p,
                               const char *listen, struct buf *scratch)
{
    const char *port = port_of(listen);
    char *own = xasprintf("/vnc-%s", c->other);
    size_t n = strlen(own);
    size_t len = strlen(listen);

    if (port) {
        warn_not_copied(c, p, "port %s is not copied", port);
        buf_addf(scratch, "%.*s", (int)(port - listen) - 1, listen);
    } else if (!begins(listen, "unix:")) {
        buf_addf(scratch, "%s", listen);
    } else if (len >= n && !strcmp(listen + len - n, own)) {
        buf_addf(scratch, "%.*s/vnc-%s", (int)(len - n), listen, c->to->name);
    } else {
        warn_not_copied(c, p, "%s is not copied", listen);
        buf_addf(scratch, "unix:/run/xen/vnc-%s", c->to->name);
    }
    free(own);
    return scratch->s;
}

static const char *vfb_option(struct cloner *c, const struct key_place *p,
                              const char *option, struct buf *scratch)
{
    static const char listen[] = "vnclisten=";
    struct buf address = {0};

    if (begins(option, "vncdisplay=")) {
        warn_not_copied(c, p, "%s is not copied", option);
        return NULL;
    }
    /* Without its number, vncunused=0 selects a display of another domain. */
    if (begins(option, "vncunused=") && c->numbered) return NULL;
    if (!begins(option, listen)) return option;
    buf_addf(scratch, "%s%s", listen,
             copy_listen(c, p, option + strlen(listen), &address));
    buf_dispose(&address);
    return scratch->s;
}

static void edit_vfb(struct cloner *c, const struct key_place *p, size_t from,
                     size_t end)
{
    char *spec = xstrndup(c->f->text.s + from, end - from);
    char *listen = strstr(spec, "vnclisten=");
    bool numbered = c->numbered;

    c->numbered = strstr(spec, "vncdisplay=") != NULL;
    if (listen) {
        listen[strcspn(listen, ",")] = '\0';
        c->numbered = c->numbered || port_of(listen);
    }
    edit_options(c, p, from, end, vfb_option, NULL);
    c->numbered = numbered;
    free(spec);
}

/* ---- disks -------------------------------------------------------------- */

/* SPEC without the backslashes of quotes; the caller frees it. Other escapes
 * stay: a path with one never matches a path to replace. */
static char *dequote(const char *spec, size_t len)
{
    char *text = xcalloc(1, len + 1);
    size_t n = 0;
    size_t i;

    for (i = 0; i < len; i++) {
        if (spec[i] == '\\' && i + 1 < len && strchr("\"'\\", spec[i + 1]))
            i++;
        text[n++] = spec[i];
    }
    return text;
}

static void edit_disk(struct cloner *c, const struct key_place *p, size_t from,
                      size_t end)
{
    libxl_device_disk disk;
    char *spec = dequote(c->f->text.s + from, end - from);
    char *bad = domfile_disk(c->f, spec, &disk);
    const char *path = bad ? NULL : disk.pdev_path;
    const char *old = NULL;
    const char *new = NULL;
    const char *at;

    if (path && c->to->seed_from && !strcmp(path, c->to->seed_from)) {
        old = c->to->seed_from;
        new = c->to->seed;
        c->one_seed = true;
    } else if (path && c->to->disk_from && !c->one_disk &&
               !strcmp(path, c->to->disk_from)) {
        old = c->to->disk_from;
        new = c->to->disk;
        c->one_disk = true;
    }
    if (old) {
        at = memmem(c->f->text.s + from, end - from, old, strlen(old));
        if (at)
            add_edit(c, (size_t)(at - c->f->text.s),
                     (size_t)(at - c->f->text.s) + strlen(old), new);
        else
            problem_add(
                c->said, c->f->shown, p->line,
                "disk: cannot replace %s: it is written with backslashes",
                old);
    }
    free(bad);
    free(spec);
    libxl_device_disk_dispose(&disk);
}

/* ---- the kernel's command line ------------------------------------------ */

/* The fifth colon-separated field of ip= is the host name. */
static void add_ip_option(struct cloner *c, const char *word, size_t len,
                          struct buf *out)
{
    size_t other = strlen(c->other);
    const char *at = word;
    size_t i;

    for (i = 0; i < 4 && at; i++) {
        at = memchr(at, ':', len - (size_t)(at - word));
        if (at) at++;
    }
    if (!at || len - (size_t)(at - word) < other ||
        strncmp(at, c->other, other) ||
        (at + other < word + len && at[other] != ':')) {
        buf_add(out, word, len);
        return;
    }
    buf_add(out, word, (size_t)(at - word));
    buf_addf(out, "%s", c->to->name);
    buf_add(out, at + other, len - (size_t)(at + other - word));
}

/* Whether WORD is a fixed address, as xenith create writes it. */
static bool is_fixed_address(const char *word, size_t len)
{
    return len > 7 && !strncmp(word, "ip=", 3) && word[3] >= '0' &&
           word[3] <= '9' && !strncmp(word + len - 4, ":off", 4);
}

static void edit_words(struct cloner *c, size_t from, size_t end)
{
    const char *text = c->f->text.s;
    struct buf result = {0};
    size_t at = from;

    while (at < end) {
        size_t blanks = at;
        size_t word;

        while (blanks < end && text[blanks] == ' ')
            blanks++;
        word = blanks;
        while (word < end && text[word] != ' ')
            word++;
        if (is_fixed_address(text + blanks, word - blanks)) {
            if (c->to->address) {
                buf_add(&result, text + at, blanks - at);
                buf_addf(&result, "%s", c->to->address);
            }
        } else {
            buf_add(&result, text + at, blanks - at);
            if (word - blanks > 3 && !strncmp(text + blanks, "ip=", 3))
                add_ip_option(c, text + blanks, word - blanks, &result);
            else
                buf_add(&result, text + blanks, word - blanks);
        }
        at = word;
    }
    buf_add(&result, "", 0);
    if (result.len != end - from || memcmp(result.s, text + from, result.len))
        add_edit(c, from, end, result.s);
    buf_dispose(&result);
}

/* ---- all of them -------------------------------------------------------- */

static void edit_listen(struct cloner *c, const struct key_place *p)
{
    struct buf scratch = {0};
    char *old = dequote(c->f->text.s + p->value + 1, p->end - p->value - 2);
    const char *new = copy_listen(c, p, old, &scratch);

    if (strcmp(old, new)) replace_string(c, p, new);
    free(old);
    buf_dispose(&scratch);
}

static bool is_string(const struct cloner *c, const struct key_place *p)
{
    return p->value && strchr("\"'", c->f->text.s[p->value]);
}

static void edit_setting(struct cloner *c, const struct key_place *p)
{
    /* Settings that identify one domain: identity, address, ports. */
    static const char *const own[] = {
        "uuid", "address", "vncdisplay", "spiceport", "spicetls_port",
    };
    const struct {
        const char *name;
        const char *value;
        bool number;
    } given[] = {
        {"name", c->to->name, false},       {"kernel", c->to->kernel, false},
        {"ramdisk", c->to->ramdisk, false}, {"memory", c->to->memory, true},
        {"vcpus", c->to->vcpus, true},
    };
    size_t at = p->value;
    size_t from;
    size_t end;
    size_t i;

    if (!p->value) return;
    for (i = 0; i < ARRAY_SIZE(own); i++) {
        if (strcmp(p->name, own[i])) continue;
        drop_and_warn(c, p);
        return;
    }
    for (i = 0; i < ARRAY_SIZE(given); i++) {
        if (strcmp(p->name, given[i].name) || !given[i].value) continue;
        if (given[i].number)
            add_edit(c, p->value, p->end, given[i].value);
        else
            replace_string(c, p, given[i].value);
        return;
    }
    if (!strcmp(p->name, "vncunused") && c->numbered)
        drop_setting(c, p);
    else if (!strcmp(p->name, "vnclisten") && is_string(c, p))
        edit_listen(c, p);
    while (keyscan_string(c->f->text.s, &at, p->end, &from, &end)) {
        if (!strcmp(p->name, "vif"))
            edit_vif(c, p, from, end);
        else if (!strcmp(p->name, "vfb"))
            edit_vfb(c, p, from, end);
        else if (!strcmp(p->name, "disk"))
            edit_disk(c, p, from, end);
        else if (!strcmp(p->name, "extra") || !strcmp(p->name, "cmdline"))
            edit_words(c, from, end);
    }
}

static int compare_edits(const void *a, const void *b)
{
    const struct edit *x = a;
    const struct edit *y = b;

    return x->from < y->from ? -1 : x->from > y->from;
}

/* Drops the header that xenith create wrote about the original. */
static void drop_origin(struct cloner *c)
{
    const char *text = c->f->text.s;
    size_t len = c->f->text.len;
    size_t at = 0;

    while (at < len) {
        const char *end = memchr(text + at, '\n', len - at);
        size_t next = end ? (size_t)(end - text) + 1 : len;

        if (begins(text + at, "# made: ") ||
            begins(text + at, "# Made by xenith create"))
            add_edit(c, at, next, "");
        at = next;
    }
}

static void write_copy(struct cloner *c, struct buf *out)
{
    size_t at = 0;
    size_t i;

    qsort(c->edits, c->n, sizeof(*c->edits), compare_edits);
    for (i = 0; i < c->n; i++) {
        const struct edit *e = &c->edits[i];

        buf_add(out, c->f->text.s + at, e->from - at);
        buf_addf(out, "%s", e->text);
        at = e->end;
    }
    buf_add(out, c->f->text.s + at, c->f->text.len - at);
    if (c->to->memory && !keyscan_line(&c->f->places, "memory"))
        buf_addf(out, "memory = %s\n", c->to->memory);
    if (c->to->vcpus && !keyscan_line(&c->f->places, "vcpus"))
        buf_addf(out, "vcpus = %s\n", c->to->vcpus);
}

/* Parses the clone, as the edits may have broken unusual syntax. */
static bool check_copy(struct cloner *c, const struct buf *out)
{
    struct domfile copy;
    bool ok = domfile_parse(&copy, out->s, out->len, "copy", c->said);
    const char *name = ok ? domfile_string(&copy, "name") : NULL;

    if (ok && (!name || strcmp(name, c->to->name) != 0)) {
        problem_add(c->said, c->f->shown, 0,
                    "cannot set the name of the copy to %s", c->to->name);
        ok = false;
    }
    domfile_dispose(&copy);
    return ok;
}

bool clone_text(struct domfile *f, const struct clone *clone, struct buf *out,
                struct problems *said)
{
    struct cloner c = {.f = f, .to = clone, .said = said};
    size_t before = problem_errors(said);
    const char *listen = domfile_string(f, "vnclisten");
    size_t i;
    bool ok;

    c.other = domfile_string(f, "name");
    if (!c.other) {
        problem_add(said, f->shown, 1,
                    "the domain has no name; add name = \"...\"");
        return false;
    }
    drop_origin(&c);
    c.numbered =
        keyscan_line(&f->places, "vncdisplay") || (listen && port_of(listen));
    for (i = 0; i < f->places.n; i++)
        edit_setting(&c, &f->places.v[i]);
    write_copy(&c, out);
    for (i = 0; i < c.n; i++)
        free(c.edits[i].text);
    free(c.edits);
    if (clone->disk_from && !c.one_disk)
        problem_add(said, f->shown, keyscan_line(&f->places, "disk"),
                    "disk: %s is not a disk of this domain", clone->disk_from);
    if (clone->seed_from && !c.one_seed)
        problem_add(said, f->shown, keyscan_line(&f->places, "disk"),
                    "disk: %s is not a disk of this domain", clone->seed_from);
    ok = check_copy(&c, out);
    return ok && problem_errors(said) == before;
}
