#include "options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fat.h"
#include "state.h"

static const char *const paths[] = {"xenith/options0", "xenith/options1"};

static int find(const struct device *dev, unsigned int number,
                uint64_t *offset_r)
{
    struct fat fat;
    int rc = fat_open(&fat, dev);

    if (rc) return rc;
    return fat_fixed_file(&fat, paths[number], OPTIONS_BLOCK, offset_r);
}

/* Moves *P behind PREFIX, or returns false. */
static bool skip(const char **p, const char *prefix)
{
    size_t len = strlen(prefix);

    if (strncmp(*p, prefix, len)) return false;
    *p += len;
    return true;
}

/* Whether TEXT is a complete block; *END_R points behind its two options. */
static bool parse(const char *text, const char **begin_r, const char **end_r)
{
    const char *p = text;

    if (!skip(&p, GRUB_BLOCK_SIGNATURE)) return false;
    *begin_r = p;
    if (!skip(&p, "xen=")) return false;
    p += strcspn(p, "\n");
    if (!skip(&p, "\nlinux=")) return false;
    p += strcspn(p, "\n");
    if (!skip(&p, "\n")) return false;
    *end_r = p;
    return skip(&p, "end=1\n");
}

int options_read(const struct device *dev, unsigned int number, char **text_r)
{
    char *block = xmalloc(OPTIONS_BLOCK + 1);
    const char *begin;
    const char *end;
    uint64_t offset;
    int rc = find(dev, number, &offset);

    *text_r = NULL;
    if (!rc) rc = device_read(dev, block, OPTIONS_BLOCK, offset);
    if (rc) goto out;
    block[OPTIONS_BLOCK] = '\0';
    if (!parse(block, &begin, &end)) {
        log_error("%s: %s is not complete", dev->path, paths[number]);
        rc = ERROR_INVAL;
        goto out;
    }
    *text_r = xmalloc((size_t)(end - begin) + 1);
    memcpy(*text_r, begin, (size_t)(end - begin));
    (*text_r)[end - begin] = '\0';
out:
    free(block);
    return rc;
}

/* One line, and without GRUB's own escapes. */
static int check(const char *what, const char *value)
{
    size_t i;

    for (i = 0; value[i]; i++) {
        if ((unsigned char)value[i] >= ' ' && value[i] != '\\' &&
            value[i] != 0x7f)
            continue;
        log_error("cannot set the options for %s: invalid character at byte "
                  "%zu of \"%s\"",
                  what, i + 1, value);
        return ERROR_INVAL;
    }
    return 0;
}

static int write_block(const struct device *dev, const char *block,
                       uint64_t offset)
{
    char nothing[STATE_HALF];
    int rc;

    /* The first sector holds the signature: it goes first, and comes last. */
    memset(nothing, '#', sizeof(nothing));
    rc = device_write(dev, nothing, sizeof(nothing), offset);
    if (!rc)
        rc = device_write(dev, block + STATE_HALF, OPTIONS_BLOCK - STATE_HALF,
                          offset + STATE_HALF);
    if (!rc) rc = device_write(dev, block, STATE_HALF, offset);
    return rc;
}

int options_write(const struct device *dev, unsigned int number,
                  const char *xen, const char *linux_options)
{
    char block[OPTIONS_BLOCK + 1];
    uint64_t offset;
    int len;
    int rc = check("Xen", xen);

    if (!rc) rc = check("Linux", linux_options);
    if (rc) return rc;
    memset(block, '#', sizeof(block));
    len = snprintf(block, sizeof(block), "%sxen=%s\nlinux=%s\nend=1\n",
                   GRUB_BLOCK_SIGNATURE, xen, linux_options);
    if (len < 0 || len > OPTIONS_BLOCK) {
        log_error("cannot set the options: they have more than %d bytes",
                  OPTIONS_BLOCK - 64);
        return ERROR_INVAL;
    }
    block[len] = '#';
    rc = find(dev, number, &offset);
    if (!rc) rc = write_block(dev, block, offset);
    if (!rc)
        rc = device_verify(dev, block, OPTIONS_BLOCK, offset,
                           "the options read");
    return rc;
}
