#include "xenith/release.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"

#define LIMIT 65536

/* The text of ROOT/PATH, or NULL if it cannot be read. */
static char *read_text(const char *root, const char *path)
{
    struct buf text = {0};
    char *file = xasprintf("%s%s", root, path);

    if (read_file(file, LIMIT, &text)) buf_dispose(&text);
    free(file);
    return text.s;
}

/* The first line, or NULL if it is empty. */
static char *read_line(const char *root, const char *path)
{
    char *line = read_text(root, path);

    if (line) line[strcspn(line, "\n")] = '\0';
    if (line && *line) return line;
    free(line);
    return NULL;
}

/* The value of KEY= in os-release, without its quotes. */
static char *find_os_value(const char *text, const char *key)
{
    size_t len = strlen(key);
    const char *line;

    for (line = text; line; line = strchr(line, '\n')) {
        if (*line == '\n') line++;
        if (strncmp(line, key, len) || line[len] != '=') continue;
        line += len + 1;
        if (*line == '"' || *line == '\'') line++;
        return xstrndup(line, strcspn(line, "\"'\n"));
    }
    return NULL;
}

/* On another system only our tools may be used. */
static char *read_release(const char *root)
{
    char *text = read_text(root, "/etc/os-release");
    char *id = find_os_value(text, "ID");
    char *release = NULL;

    if (id && !strcmp(id, "xenith"))
        release = find_os_value(text, "VERSION_ID");
    free(id);
    free(text);
    return release;
}

/* Xen's compiled-in version: major.minor and extra. */
static char *read_xen(const char *root)
{
    char *major = read_line(root, "/sys/hypervisor/version/major");
    char *minor = read_line(root, "/sys/hypervisor/version/minor");
    char *extra = read_line(root, "/sys/hypervisor/version/extra");
    char *xen = NULL;

    if (major && minor)
        xen = xasprintf("%s.%s%s", major, minor, extra ? extra : "");
    free(major);
    free(minor);
    free(extra);
    return xen;
}

/* Takes the next word of *TEXT, and skips the blanks after it. */
static char *take_word(const char **text)
{
    size_t len = strcspn(*text, " \t");
    char *word = xstrndup(*text, len);

    *text += len + strspn(*text + len, " \t");
    return word;
}

static void add_advisory(struct release *r, const char *line)
{
    struct advisory *a;

    if (!*line || *line == '#') return;
    r->advisories = xrealloc(r->advisories, r->n + 1, sizeof(*r->advisories));
    a = &r->advisories[r->n++];
    a->package = take_word(&line);
    a->id = take_word(&line);
    a->reason = xstrdup(line);
}

static void read_advisories(struct release *r, const char *root)
{
    char *text = read_text(root, "/usr/share/xenith/advisories");
    char *rest = text;
    char *line;

    r->listed = text != NULL;
    while (text && (line = strsep(&rest, "\n")))
        add_advisory(r, line);
    free(text);
}

void release_read(struct release *r, const char *root)
{
    memset(r, 0, sizeof(*r));
    r->release = read_release(root);
    r->xen = read_xen(root);
    r->changeset = read_line(root, "/sys/hypervisor/properties/changeset");
    r->linux_version = read_line(root, "/proc/sys/kernel/osrelease");
    slots_read(&r->slots, root);
    read_advisories(r, root);
}

void release_dispose(struct release *r)
{
    size_t i;

    for (i = 0; i < r->n; i++) {
        free(r->advisories[i].package);
        free(r->advisories[i].id);
        free(r->advisories[i].reason);
    }
    free(r->advisories);
    free(r->release);
    free(r->xen);
    free(r->changeset);
    free(r->linux_version);
    slots_dispose(&r->slots);
    memset(r, 0, sizeof(*r));
}

static const char *or_unknown(const char *text)
{
    return text ? text : "(unknown)";
}

static int max_width(int width, const char *text)
{
    int len = (int)strlen(text);

    return len > width ? len : width;
}

void release_text(const struct release *r, struct buf *out)
{
    int packages = 0;
    int ids = 0;
    size_t i;

    buf_addf(out, "Xenith %s\nXen    %s", or_unknown(r->release),
             or_unknown(r->xen));
    if (r->changeset) buf_addf(out, " (changeset %s)", r->changeset);
    buf_addf(out, "\nLinux  %s\n", or_unknown(r->linux_version));
    slots_text(&r->slots, out);
    buf_addf(out, "\n");
    if (!r->listed)
        buf_addf(out, "Open advisories: the list is not in this image\n");
    else if (!r->n)
        buf_addf(out, "Open advisories: none known\n");
    else
        buf_addf(out, "Open advisories:\n");
    for (i = 0; i < r->n; i++) {
        packages = max_width(packages, r->advisories[i].package);
        ids = max_width(ids, r->advisories[i].id);
    }
    for (i = 0; i < r->n; i++)
        buf_addf(out, "  %-*s  %-*s  %s\n", packages, r->advisories[i].package,
                 ids, r->advisories[i].id, r->advisories[i].reason);
}

void release_json(const struct release *r, struct buf *out)
{
    yajl_gen g = json_new();
    size_t i;

    json_open(g, NULL);
    json_string(g, "release", r->release);
    json_string(g, "xen", r->xen);
    json_string(g, "xen_changeset", r->changeset);
    json_string(g, "linux", r->linux_version);
    slots_json(&r->slots, g, "slots");
    if (r->listed) {
        json_array(g, "advisories");
        for (i = 0; i < r->n; i++) {
            json_open(g, NULL);
            json_string(g, "package", r->advisories[i].package);
            json_string(g, "id", r->advisories[i].id);
            json_string(g, "reason", r->advisories[i].reason);
            json_close(g);
        }
        json_array_end(g);
    } else {
        json_string(g, "advisories", NULL);
    }
    json_close(g);
    json_line(g, out);
}
