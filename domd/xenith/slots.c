#include "xenith/slots.h"

#include <stdlib.h>
#include <string.h>

#define LIMIT 4096

static const char *const names[] = {"a", "b"};

static void set_slot(char slot[2], const char *value)
{
    if (!strcmp(value, "a") || !strcmp(value, "b")) memcpy(slot, value, 2);
}

static void set_text(char **text, const char *value)
{
    free(*text);
    *text = *value ? xstrdup(value) : NULL;
}

static void set_key(struct slots *s, const char *key, const char *value)
{
    if (!strcmp(key, "running")) set_slot(s->running, value);
    if (!strcmp(key, "committed")) set_slot(s->committed, value);
    if (!strcmp(key, "try")) set_slot(s->next, value);
    if (!strcmp(key, "pending")) set_slot(s->pending, value);
    if (!strcmp(key, "failed")) set_text(&s->failed, value);
    if (!strcmp(key, "reason")) set_text(&s->reason, value);
    if (!strcmp(key, "options")) set_text(&s->options, value);
    if (!strcmp(key, "change")) set_text(&s->change, value);
    if (!strcmp(key, "loader")) set_text(&s->loader, value);
    if (!strcmp(key, "version_a")) set_text(&s->version[0], value);
    if (!strcmp(key, "version_b")) set_text(&s->version[1], value);
}

void slots_read(struct slots *s, const char *root)
{
    struct buf text = {0};
    char *file = xasprintf("%s/run/xenith/slots", root);
    char *rest;
    char *line;

    memset(s, 0, sizeof(*s));
    if (!read_file(file, LIMIT, &text)) {
        rest = text.s;
        while (rest && (line = strsep(&rest, "\n"))) {
            char *value = strchr(line, '=');

            if (!value) continue;
            *value++ = '\0';
            set_key(s, line, value);
        }
    }
    s->known = *s->committed;
    buf_dispose(&text);
    free(file);
}

void slots_dispose(struct slots *s)
{
    free(s->failed);
    free(s->reason);
    free(s->version[0]);
    free(s->version[1]);
    free(s->options);
    free(s->change);
    free(s->loader);
    memset(s, 0, sizeof(*s));
}

/* "" is that of what runs once its slot was overwritten. */
static const char *version_in(const struct slots *s, const char *slot)
{
    const char *version = *slot ? s->version[!strcmp(slot, "b")] : NULL;

    return version ? version : "(unknown)";
}

/* The boot loader clears the mark of what it tries: with it, the slot was
 * chosen in the menu. */
static bool is_on_trial(const struct slots *s)
{
    return *s->pending && !strcmp(s->pending, s->running) && !*s->next;
}

void slots_text(const struct slots *s, struct buf *out)
{
    size_t i;

    if (!s->known) return;
    for (i = 0; i < ARRAY_SIZE(names); i++) {
        const char *slot = names[i];
        bool trial = is_on_trial(s) && !strcmp(s->pending, slot);

        buf_addf(out, "Slot %s %s%s%s%s%s\n", slot, version_in(s, slot),
                 strcmp(s->running, slot) ? "" : ", running",
                 strcmp(s->committed, slot) ? "" : ", committed",
                 trial ? ", on trial" : "",
                 strcmp(s->next, slot) ? "" : ", tried at the next boot");
    }
    if (s->failed) buf_addf(out, "Failed %s\n", s->failed);
    if (s->loader && !strcmp(s->loader, "differs"))
        buf_addf(out,
                 "Boot loader differs from that of %s: xenith update --loader "
                 "replaces it\n",
                 version_in(s, s->running));
}

void slots_json(const struct slots *s, yajl_gen g, const char *key)
{
    if (!s->known) {
        json_string(g, key, NULL);
        return;
    }
    json_open(g, key);
    json_string(g, "running", *s->running ? s->running : NULL);
    json_string(g, "committed", s->committed);
    json_string(g, "try", *s->next ? s->next : NULL);
    json_string(g, "pending", *s->pending ? s->pending : NULL);
    json_string(g, "failed", s->failed);
    json_string(g, "reason", s->reason);
    json_string(g, "a", s->version[0]);
    json_string(g, "b", s->version[1]);
    json_string(g, "options", s->options);
    json_string(g, "change", s->change);
    json_string(g, "loader", s->loader);
    json_close(g);
}

static void add_options(const struct slots *s, struct buf *out)
{
    static const struct {
        const char *options;
        const char *text;
    } notes[] = {
        {"trial",
         "\nThe options of host.conf are on trial, and a restart goes "
         "back to the ones before: %s\n"},
        {"waits", "\nReboot pending: the next boot tries the options of "
                  "host.conf: %s\n"},
        {"failed", "\nThe options of host.conf failed: they did not become "
                   "healthy. This boot has the ones before: %s\n"},
    };
    size_t i;

    for (i = 0; i < ARRAY_SIZE(notes) && s->options && s->change; i++) {
        if (!strcmp(notes[i].options, s->options))
            buf_addf(out, notes[i].text, s->change);
    }
}

void slots_note(const struct slots *s, struct buf *out)
{
    if (!s->known) return;
    if (is_on_trial(s))
        buf_addf(out,
                 "\nUpdate %s is on trial: it is not committed yet, and a "
                 "restart goes back to %s.\n",
                 version_in(s, s->pending), version_in(s, s->committed));
    if (*s->next)
        buf_addf(out, "\nUpdate %s is tried at the next boot.\n",
                 version_in(s, s->next));
    if (s->failed)
        buf_addf(out, "\nUpdate %s failed: %s. This is %s.\n", s->failed,
                 s->reason ? s->reason : "it did not become healthy",
                 version_in(s, s->running));
    add_options(s, out);
}
