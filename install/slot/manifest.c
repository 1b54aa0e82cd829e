#include "manifest.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MANIFEST_MAX (64 * 1024)
#define DIGITS       "0123456789"

bool manifest_version_valid(const char *s)
{
    size_t len = strlen(s);

    return len && len < sizeof(((struct manifest *)0)->version) &&
           strspn(s, DIGITS "abcdefghijklmnopqrstuvwxyz"
                            "ABCDEFGHIJKLMNOPQRSTUVWXYZ.+_~-") == len;
}

static bool digits_valid(const char *s, size_t max)
{
    size_t len = strlen(s);

    return len && len <= max && strspn(s, DIGITS) == len;
}

/* Cuts the next word off *REST. Returns "" if there is none. */
static char *word_next(char **rest)
{
    char *word = *rest;
    size_t len = strcspn(word, " ");

    *rest = word + len;
    if (word[len]) {
        word[len] = '\0';
        ++*rest;
    }
    return word;
}

static bool parse_file(struct manifest *m, char *rest)
{
    const char *name = word_next(&rest);
    const char *size = word_next(&rest);
    const char *hash = word_next(&rest);
    struct manifest_file *f;
    uint64_t bytes;
    size_t i;

    if (!*name || strlen(name) >= FAT_NAME_MAX || strchr(name, '/') ||
        !strcmp(name, MANIFEST) || !strcmp(name, MANIFEST_SIGNATURE) ||
        !digits_valid(size, 10) || strlen(hash) != SHA256_HEX - 1 ||
        strspn(hash, DIGITS "abcdef") != SHA256_HEX - 1 || *rest)
        return false;
    bytes = strtoull(size, NULL, 10);
    if (bytes > UINT32_MAX) return false;
    for (i = 0; i < m->n; i++) {
        if (!strcmp(m->files[i].name, name)) return false;
    }
    m->files = xrealloc(m->files, m->n + 1, sizeof(*m->files));
    f = &m->files[m->n++];
    memset(f, 0, sizeof(*f));
    strcpy(f->name, name);
    f->size = (uint32_t)bytes;
    strcpy(f->hash, hash);
    return true;
}

static bool parse_line(struct manifest *m, char *line, unsigned int number)
{
    char *rest = line;
    const char *key;

    if (number == 1) return !strcmp(line, "xenith-manifest 1");
    /* A manifest can be written in one way only: single blanks, none at the
     * end. An empty word is refused below. */
    if (*line && line[strlen(line) - 1] == ' ') return false;
    key = word_next(&rest);
    switch (number) {
    case 2:
        if (strcmp(key, "version") || !manifest_version_valid(rest))
            return false;
        strcpy(m->version, rest);
        return true;
    case 3:
        if (strcmp(key, "order") || !digits_valid(rest, sizeof(m->order) - 1))
            return false;
        strcpy(m->order, rest);
        return true;
    default:
        return !strcmp(key, "file") && parse_file(m, rest);
    }
}

int manifest_parse(struct manifest *m, const char *text, size_t len,
                   const char *where)
{
    char *copy = xmalloc(len + 1);
    char *line = copy;
    unsigned int number = 0;
    int rc = 0;

    memset(m, 0, sizeof(*m));
    memcpy(copy, text, len);
    copy[len] = '\0';
    while (line < copy + len) {
        /* A NUL ends the text here, and the line is then incomplete. */
        char *end = strchr(line, '\n');

        number++;
        if (end) *end = '\0';
        if (!end || !parse_line(m, line, number)) {
            log_error("%s: invalid manifest: line %u", where, number);
            rc = ERROR_INVAL;
            goto out;
        }
        line = end + 1;
    }
    if (!m->n) {
        log_error("%s: invalid manifest: it lists no file", where);
        rc = ERROR_INVAL;
    }
out:
    free(copy);
    return rc;
}

void manifest_dispose(struct manifest *m)
{
    free(m->files);
    memset(m, 0, sizeof(*m));
}

struct text {
    char *s;
    size_t len;
};

static int text_sink(void *user, const void *data, size_t len)
{
    struct text *t = user;

    memcpy(t->s + t->len, data, len);
    t->len += len;
    return 0;
}

static int read_manifest(const struct fat *fat, struct manifest *m)
{
    struct fat_file file;
    struct text text = {0};
    int rc;

    memset(m, 0, sizeof(*m));
    rc = fat_find_file(fat, MANIFEST, &file);
    if (rc) return rc;
    if (file.size > MANIFEST_MAX) {
        log_error("%s: invalid manifest: %" PRIu32 " bytes", fat->dev->path,
                  file.size);
        return ERROR_INVAL;
    }
    text.s = xmalloc((size_t)file.size + 1);
    rc = fat_read(fat, &file, text_sink, &text);
    if (!rc) rc = manifest_parse(m, text.s, text.len, fat->dev->path);
    free(text.s);
    return rc;
}

static int hash_sink(void *user, const void *data, size_t len)
{
    crypto_hash_sha256_update(user, data, len);
    return 0;
}

struct check {
    const struct fat *fat;
    struct manifest m;
    int rc; /* of the first difference; the others are logged as well */
};

static struct manifest_file *find(struct manifest *m, const char *name)
{
    size_t i;

    for (i = 0; i < m->n; i++) {
        if (!strcmp(m->files[i].name, name)) return &m->files[i];
    }
    return NULL;
}

static int check_file(void *user, const struct fat_file *file)
{
    struct check *c = user;
    struct manifest_file *f = find(&c->m, file->name);
    uint8_t digest[crypto_hash_sha256_BYTES];
    char hex[SHA256_HEX];
    crypto_hash_sha256_state hash;
    int rc = ERROR_INVAL;

    if (!strcmp(file->name, MANIFEST) ||
        !strcmp(file->name, MANIFEST_SIGNATURE))
        return 0;
    if (!f || file->directory || f->there) {
        log_error("%s: %s is not in the manifest", c->fat->dev->path,
                  file->name);
        goto out;
    }
    f->there = true;
    if (file->size != f->size) {
        log_error("%s: %s has %" PRIu32 " bytes, and %" PRIu32
                  " by the manifest",
                  c->fat->dev->path, file->name, file->size, f->size);
        goto out;
    }
    crypto_hash_sha256_init(&hash);
    rc = fat_read(c->fat, file, hash_sink, &hash);
    if (rc) goto out;
    crypto_hash_sha256_final(&hash, digest);
    sodium_bin2hex(hex, SHA256_HEX, digest, sizeof(digest));
    if (strcmp(hex, f->hash)) {
        log_error("%s: %s has SHA-256 %s, and %s by the manifest",
                  c->fat->dev->path, file->name, hex, f->hash);
        rc = ERROR_INVAL;
    }
out:
    if (rc && !c->rc) c->rc = rc;
    return 0;
}

int manifest_check(const struct fat *fat)
{
    struct check c = {.fat = fat};
    size_t i;
    int rc;

    rc = read_manifest(fat, &c.m);
    if (!rc) rc = fat_list(fat, NULL, check_file, &c);
    if (!rc) rc = c.rc;
    for (i = 0; i < c.m.n && !rc; i++) {
        if (c.m.files[i].there) continue;
        log_error("%s: %s is missing, and is in the manifest", fat->dev->path,
                  c.m.files[i].name);
        rc = ERROR_INVAL;
    }
    manifest_dispose(&c.m);
    return rc;
}
