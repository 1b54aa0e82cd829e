#include "state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fat.h"
#include "manifest.h"

#define SEQ_DIGITS 8
#define SEQ_MAX    99999999L

static const char *const paths[STATE_FILES] = {"xenith/state0",
                                               "xenith/state1"};

static bool seq_valid(const char *s)
{
    return strlen(s) == SEQ_DIGITS && strspn(s, "0123456789") == SEQ_DIGITS;
}

static bool slot_valid(const char *s)
{
    return !strcmp(s, "a") || !strcmp(s, "b");
}

static bool slot_or_none(const char *s)
{
    return !*s || slot_valid(s);
}

static bool version_or_none(const char *s)
{
    return !*s || manifest_version_valid(s);
}

static bool pair_valid(const char *s)
{
    return !strcmp(s, "0") || !strcmp(s, "1");
}

static bool pair_or_none(const char *s)
{
    return !*s || pair_valid(s);
}

static bool is_set(const char *s)
{
    return !strcmp(s, "1");
}

static bool set_or_none(const char *s)
{
    return !*s || is_set(s);
}

/* In the order of the block. */
static const struct {
    const char *name;
    bool (*valid)(const char *value);
} keys[STATE_KEYS] = {
    [STATE_SEQ] = {"seq", seq_valid},
    [STATE_SLOT] = {"slot", slot_valid},
    [STATE_TRY] = {"try", slot_or_none},
    [STATE_PENDING] = {"pending", slot_or_none},
    [STATE_FAILED] = {"failed", version_or_none},
    [STATE_OPTIONS] = {"options", pair_valid},
    [STATE_TRYOPTIONS] = {"tryoptions", pair_or_none},
    [STATE_END] = {"end", is_set},
    [STATE_MENU] = {"menu", set_or_none},
};

const char *state_key_name(enum state_key key)
{
    return keys[key].name;
}

enum state_key state_key_find(const char *name, size_t len)
{
    enum state_key key;

    for (key = 0; key < STATE_KEYS; key++) {
        if (strlen(keys[key].name) == len &&
            !memcmp(keys[key].name, name, len))
            break;
    }
    return key;
}

bool state_value_valid(enum state_key key, const char *value)
{
    return keys[key].valid(value);
}

/* Takes "KEY=VALUE\n" off *LINE, and the value into S. */
static bool parse_line(struct state *s, enum state_key key, char **line)
{
    size_t len = strlen(keys[key].name);
    char *end = strchr(*line, '\n');
    char *value = *line + len + 1;

    if (!end) return false;
    *end = '\0';
    if (strncmp(*line, keys[key].name, len) || (*line)[len] != '=' ||
        strlen(value) >= sizeof(s->value[key]) || !keys[key].valid(value))
        return false;
    strcpy(s->value[key], value);
    *line = end + 1;
    return true;
}

bool state_parse(struct state *s, const char block[STATE_BLOCK])
{
    char half[STATE_HALF + 1];
    char *line = half + strlen(GRUB_BLOCK_SIGNATURE);
    enum state_key key;

    memset(s, 0, sizeof(*s));
    memcpy(half, block, STATE_HALF);
    half[STATE_HALF] = '\0';
    if (strncmp(half, GRUB_BLOCK_SIGNATURE, strlen(GRUB_BLOCK_SIGNATURE)))
        return false;
    for (key = 0; key <= STATE_END; key++) {
        if (!parse_line(s, key, &line)) return false;
    }
    parse_line(s, STATE_MENU, &line);
    return true;
}

void state_format(const struct state *s, char block[STATE_BLOCK])
{
    enum state_key key;
    int len = snprintf(block, STATE_HALF, "%s", GRUB_BLOCK_SIGNATURE);

    /* The longest values of all keys need less than half of the half. */
    for (key = 0; key < STATE_KEYS; key++) {
        if (key == STATE_MENU && !*s->value[key]) continue;
        len += snprintf(block + len, (size_t)(STATE_HALF - len), "%s=%s\n",
                        keys[key].name, s->value[key]);
    }
    memset(block + len, '#', (size_t)(STATE_BLOCK - len));
}

int state_read(const struct device *dev, struct state_file files[STATE_FILES])
{
    struct fat fat;
    char block[STATE_BLOCK];
    int rc = fat_open(&fat, dev);
    unsigned int i;

    for (i = 0; i < STATE_FILES && !rc; i++) {
        files[i].readable = false;
        rc = fat_fixed_file(&fat, paths[i], STATE_BLOCK, &files[i].offset);
        if (rc) break;
        /* One bad sector must not hide the other file. */
        if (device_read(dev, block, sizeof(block), files[i].offset)) continue;
        files[i].readable = state_parse(&files[i].state, block);
        if (!files[i].readable)
            log_error("%s: %s is not complete", dev->path, paths[i]);
    }
    return rc;
}

int state_newer(const struct state_file files[STATE_FILES])
{
    int newer = -1;
    int i;

    for (i = 0; i < STATE_FILES; i++) {
        if (!files[i].readable) continue;
        /* All numbers have the same length. */
        if (newer < 0 || strcmp(files[i].state.value[STATE_SEQ],
                                files[newer].state.value[STATE_SEQ]) > 0)
            newer = i;
    }
    return newer;
}

/* The first half holds all that matters, so the write is complete with it. */
static int write_block(const struct device *dev, const char block[STATE_BLOCK],
                       uint64_t offset)
{
    int rc = device_write(dev, block + STATE_HALF, STATE_BLOCK - STATE_HALF,
                          offset + STATE_HALF);

    if (rc) return rc;
    return device_write(dev, block, STATE_HALF, offset);
}

int state_write(const struct device *dev, struct state_file files[STATE_FILES],
                struct state *s)
{
    int newer = state_newer(files);
    struct state_file *to = &files[newer == 0 ? 1 : 0];
    char block[STATE_BLOCK];
    long wanted = strtol(s->value[STATE_SEQ], NULL, 10);
    long seq = 1;
    int rc;

    if (newer >= 0)
        seq = strtol(files[newer].state.value[STATE_SEQ], NULL, 10) + 1;
    if (seq < wanted) seq = wanted;
    if (seq > SEQ_MAX) {
        log_error("%s: no number is left for the boot state; install anew",
                  dev->path);
        return ERROR_INVAL;
    }
    snprintf(s->value[STATE_SEQ], sizeof(s->value[STATE_SEQ]), "%0*ld",
             SEQ_DIGITS, seq);
    strcpy(s->value[STATE_END], "1");
    state_format(s, block);

    rc = write_block(dev, block, to->offset);
    if (!rc)
        rc = device_verify(dev, block, sizeof(block), to->offset,
                           "the boot state reads");
    if (rc) return rc;
    to->state = *s;
    to->readable = true;
    return 0;
}
