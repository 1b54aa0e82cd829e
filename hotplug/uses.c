#include "uses.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lock.h"

static void file_path(char *path, size_t size, const char *suffix)
{
    snprintf(path, size, "%s/uses%s", lock_directory(), suffix);
}

/* Splits a line of the file; NULL: it is none of ours. */
static const char *split(char *line, dev_t *number)
{
    char *blank = strchr(line, ' ');

    line[strcspn(line, "\n")] = '\0';
    if (!blank) return NULL;
    *blank = '\0';
    return number_parse(line, 16, number) ? blank + 1 : NULL;
}

/* Whether the disk of PATH is there and on that device, and *WRITES. */
static int look(const struct device *d, const char *path, dev_t number,
                bool *there, bool *writes)
{
    char *device = NULL;
    char *mode = NULL;
    dev_t now;
    int r = device_look(d, path, "physical-device", &device);

    if (!r) r = device_look(d, path, "mode", &mode);
    *there = !r && device && mode && number_parse(device, 16, &now) &&
             now == number;
    *writes = *there && strchr(mode, 'w');
    free(device);
    free(mode);
    return r;
}

static int add(struct uses *uses, dev_t number, const char *path, bool writes)
{
    struct use *v = realloc(uses->v, (uses->n + 1) * sizeof(*v));
    char *copy = strdup(path);

    if (v) uses->v = v;
    if (!v || !copy) {
        free(copy);
        return -ENOMEM;
    }
    uses->v[uses->n++] =
        (struct use){.number = number, .path = copy, .writes = writes};
    return 0;
}

/* Reads the file's lines: of those on DEVICES only what is there, of the
 * others all if OTHERS. */
static int read_file(const struct device *d, const struct numbers *devices,
                     bool others, struct uses *uses)
{
    char name[PATH_MAX];
    char *line = NULL;
    size_t size = 0;
    int r = 0;
    FILE *f;

    file_path(name, sizeof(name), "");
    f = fopen(name, "re");
    if (!f) return errno == ENOENT ? 0 : -errno;
    while (!r && getline(&line, &size, f) > 0) {
        dev_t number;
        const char *path = split(line, &number);
        bool there = others;
        bool writes = false;

        if (!path || !strcmp(path, d->path)) continue;
        if (numbers_have(devices, number))
            r = look(d, path, number, &there, &writes);
        if (!r && there) r = add(uses, number, path, writes);
    }
    if (!r && ferror(f)) r = -EIO;
    free(line);
    fclose(f);
    return r;
}

int uses_read(const struct device *d, const struct numbers *devices,
              struct uses *uses)
{
    *uses = (struct uses){0};
    return read_file(d, devices, false, uses);
}

void uses_free(struct uses *uses)
{
    size_t i;

    for (i = 0; i < uses->n; i++)
        free(uses->v[i].path);
    free(uses->v);
    *uses = (struct uses){0};
}

/* A whole file, or the one before. */
static int write_file(const struct uses *uses)
{
    char name[PATH_MAX];
    char new[PATH_MAX];
    char number[NUMBER_TEXT];
    int r = 0;
    FILE *f;
    size_t i;

    file_path(name, sizeof(name), "");
    file_path(new, sizeof(new), ".new");
    f = fopen(new, "we");
    if (!f) return -errno;
    for (i = 0; !r && i < uses->n; i++) {
        number_print(uses->v[i].number, number);
        if (fprintf(f, "%s %s\n", number, uses->v[i].path) < 0) r = -errno;
    }
    if (fclose(f) && !r) r = -errno;
    if (!r && rename(new, name)) r = -errno;
    return r;
}

int uses_note(const struct device *d, dev_t number)
{
    struct numbers own = {.v = &number, .n = 1};
    struct uses uses = {0};
    int r = read_file(d, &own, true, &uses);

    if (!r) r = add(&uses, number, d->path, true);
    if (!r) r = write_file(&uses);
    uses_free(&uses);
    return r;
}
