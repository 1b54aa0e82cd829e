#include "numbers.h"

#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

bool numbers_have(const struct numbers *set, dev_t number)
{
    size_t i;

    for (i = 0; i < set->n; i++)
        if (set->v[i] == number) return true;
    return false;
}

bool numbers_add(struct numbers *set, dev_t number)
{
    dev_t *v;

    if (numbers_have(set, number)) return false;
    v = realloc(set->v, (set->n + 1) * sizeof(*v));
    /* Without it the check would miss a user. */
    if (!v) abort();
    set->v = v;
    set->v[set->n++] = number;
    return true;
}

void numbers_free(struct numbers *set)
{
    free(set->v);
    *set = (struct numbers){0};
}

/* One half of a number, up to the character END; NULL: it is none. */
static const char *parse_half(const char *text, int base, char end,
                              unsigned int *value)
{
    char *rest;
    unsigned long long found = strtoull(text, &rest, base);

    if (rest == text || *text == '-' || *text == '+' || found > UINT_MAX ||
        (*rest != end && !(end == '\0' && *rest == '\n')))
        return NULL;
    *value = (unsigned int)found;
    return rest;
}

bool number_parse(const char *text, int base, dev_t *number)
{
    unsigned int high;
    unsigned int low;
    const char *colon = parse_half(text, base, ':', &high);

    if (!colon || !parse_half(colon + 1, base, '\0', &low)) return false;
    *number = makedev(high, low);
    return true;
}

void number_print(dev_t number, char *text)
{
    snprintf(text, NUMBER_TEXT, "%x:%x", major(number), minor(number));
}

bool number_read(const char *directory, dev_t *number)
{
    char path[PATH_MAX];
    char text[64] = "";
    bool ok = false;
    FILE *f;
    int r = snprintf(path, sizeof(path), "%s/dev", directory);

    if (r < 0 || (size_t)r >= sizeof(path)) return false;
    f = fopen(path, "re");
    if (!f) return false;
    if (fgets(text, sizeof(text), f)) ok = number_parse(text, 10, number);
    fclose(f);
    return ok;
}

const char *sys_directory(void)
{
    const char *sys = getenv("HOTPLUG_SYS"); /* only tests set it */

    return sys ? sys : "/sys";
}

enum way {
    BELOW,
    ABOVE
};

static void walk(struct numbers *found, dev_t number, enum way way);

/* Walks on from the devices whose files match; the last LEN characters of a
 * path are not of its directory. */
static void walk_matches(struct numbers *found, enum way way,
                         const char *directory, const char *pattern,
                         size_t len)
{
    char path[PATH_MAX];
    dev_t number;
    glob_t matches;
    size_t i;
    int r = snprintf(path, sizeof(path), "%s/%s", directory, pattern);

    if (r < 0 || (size_t)r >= sizeof(path)) return;
    if (glob(path, GLOB_NOSORT, NULL, &matches)) return;
    for (i = 0; i < matches.gl_pathc; i++) {
        char *match = matches.gl_pathv[i];

        match[strlen(match) - len] = '\0';
        if (number_read(match, &number)) walk(found, number, way);
    }
    globfree(&matches);
}

/* Adds the device and those below it, or on top of it, to FOUND. */
static void walk(struct numbers *found, dev_t number, enum way way)
{
    char at[PATH_MAX / 2];
    char path[PATH_MAX];
    dev_t whole;

    if (!numbers_add(found, number)) return;
    snprintf(at, sizeof(at), "%s/dev/block/%u:%u", sys_directory(),
             major(number), minor(number));
    if (way == ABOVE) {
        walk_matches(found, way, at, "holders/*/dev", strlen("/dev"));
        walk_matches(found, way, at, "*/partition", strlen("/partition"));
        return;
    }
    walk_matches(found, way, at, "slaves/*/dev", strlen("/dev"));
    snprintf(path, sizeof(path), "%s/partition", at);
    if (access(path, F_OK)) return;
    snprintf(path, sizeof(path), "%s/..", at);
    if (number_read(path, &whole)) walk(found, whole, way);
}

static void add_way(struct numbers *set, dev_t number, enum way way)
{
    struct numbers found = {0};
    size_t i;

    walk(&found, number, way);
    for (i = 0; i < found.n; i++)
        numbers_add(set, found.v[i]);
    numbers_free(&found);
}

void numbers_add_related(struct numbers *set, dev_t number)
{
    add_way(set, number, BELOW);
    add_way(set, number, ABOVE);
}
