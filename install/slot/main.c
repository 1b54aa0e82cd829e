/*
 * slot: the boot state and the slots of an installed host, on block devices or
 * plain files. Nothing is mounted. docs/install.md describes both.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fat.h"
#include "identity.h"
#include "loader.h"
#include "manifest.h"
#include "options.h"
#include "state.h"
#include "write.h"

enum {
    EXIT_OK = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2
};

static int usage(void)
{
    fputs("usage: slot state ESP\n"
          "       slot set ESP KEY=VALUE...\n"
          "       slot options ESP 0|1 [XEN LINUX]\n"
          "       slot put ESP FILE <DATA\n"
          "       slot write PARTITION <IMAGE\n"
          "       slot cat PARTITION FILE\n"
          "       slot check PARTITION\n"
          "       slot identity DISK\n"
          "       slot identify DISK [LABEL TYPE]\n"
          "       slot loader DISK ESP DIRECTORY\n"
          "       slot loader-write DISK ESP DIRECTORY\n"
          "ESP, PARTITION and DISK are block devices or plain files.\n",
          stderr);
    return EXIT_USAGE;
}

/* Everything that was printed has been written. */
static int flush_output(void)
{
    if (!fflush(stdout) && !ferror(stdout)) return 0;
    log_error("cannot write to standard output: %s", strerror(errno));
    return ERROR_FAIL;
}

static int cmd_state(const struct device *dev, char **args)
{
    struct state_file files[STATE_FILES];
    enum state_key key;
    int newer;
    int rc = state_read(dev, files);

    (void)args;
    if (rc) return rc;
    newer = state_newer(files);
    if (newer < 0) {
        log_error("%s: the boot state is lost: no file of it is complete; "
                  "write it with \"slot set\"",
                  dev->path);
        return ERROR_INVAL;
    }
    for (key = 0; key < STATE_KEYS; key++) {
        if (key == STATE_END) continue;
        printf("%s=%s\n", state_key_name(key), files[newer].state.value[key]);
    }
    return 0;
}

/* Applies KEY=VALUE... to *S. */
static int change(struct state *s, char **args)
{
    for (; *args; args++) {
        size_t len = strcspn(*args, "=");
        enum state_key key = state_key_find(*args, len);
        const char *value = *args + len + 1;

        if (!(*args)[len] || key == STATE_KEYS || key == STATE_END) {
            log_error("cannot set \"%s\": expected KEY=VALUE with slot, try, "
                      "pending, failed, options, tryoptions, menu or seq",
                      *args);
            return ERROR_INVAL;
        }
        if (!state_value_valid(key, value)) {
            log_error("cannot set \"%s\": invalid value", *args);
            return ERROR_INVAL;
        }
        strcpy(s->value[key], value);
    }
    return 0;
}

static int cmd_set(const struct device *dev, char **args)
{
    struct state_file files[STATE_FILES];
    struct state s = {0};
    int newer;
    int rc = state_read(dev, files);

    if (rc) return rc;
    newer = state_newer(files);
    if (newer >= 0)
        s = files[newer].state;
    else
        strcpy(s.value[STATE_OPTIONS], "0");
    rc = change(&s, args);
    if (rc) return rc;
    if (!*s.value[STATE_SLOT]) {
        log_error("%s: no file of the boot state is complete; set slot= as "
                  "well",
                  dev->path);
        return ERROR_INVAL;
    }
    return state_write(dev, files, &s);
}

/* The number of a file of options, or -1 after a message. */
static int options_number(const char *arg)
{
    if (!strcmp(arg, "0") || !strcmp(arg, "1")) return arg[0] - '0';
    log_error("no options \"%s\": expected 0 or 1", arg);
    return -1;
}

static int cmd_options(const struct device *dev, char **args)
{
    int number = options_number(args[0]);
    char *text;
    int rc;

    if (number < 0) return ERROR_INVAL;
    rc = options_read(dev, (unsigned int)number, &text);
    if (!rc) fputs(text, stdout);
    free(text);
    return rc;
}

static int cmd_set_options(const struct device *dev, char **args)
{
    int number = options_number(args[0]);

    if (number < 0) return ERROR_INVAL;
    return options_write(dev, (unsigned int)number, args[1], args[2]);
}

static int cmd_write(const struct device *dev, char **args)
{
    char hash[SHA256_HEX];
    int rc = slot_write(dev, STDIN_FILENO, hash);

    (void)args;
    if (!rc) puts(hash);
    return rc;
}

/* Data for a file of this size or less. */
#define PUT_MAX 4096

static int cmd_put(const struct device *dev, char **args)
{
    char data[PUT_MAX + 1];
    size_t len = fread(data, 1, sizeof(data), stdin);
    struct fat fat;
    uint64_t offset;
    int rc;

    if (ferror(stdin)) {
        log_error("cannot read standard input: %s", strerror(errno));
        return ERROR_FAIL;
    }
    if (!len || len > PUT_MAX) {
        log_error("cannot overwrite %s: standard input has %s bytes", args[0],
                  len ? "too many" : "no");
        return ERROR_INVAL;
    }
    rc = fat_open(&fat, dev);
    if (!rc) rc = fat_fixed_file(&fat, args[0], (uint32_t)len, &offset);
    if (!rc) rc = device_write(dev, data, len, offset);
    if (!rc) rc = device_verify(dev, data, len, offset, "the file reads");
    return rc;
}

static int print_sink(void *user, const void *data, size_t len)
{
    (void)user;
    /* flush_output reports it; the rest of the file need not be read. */
    return fwrite(data, 1, len, stdout) == len ? 0 : ERROR_FAIL;
}

static int cmd_cat(const struct device *dev, char **args)
{
    struct fat fat;
    struct fat_file file;
    int rc = fat_open(&fat, dev);

    if (!rc) rc = fat_find_file(&fat, args[0], &file);
    if (!rc) rc = fat_read(&fat, &file, print_sink, NULL);
    return rc;
}

static int cmd_check(const struct device *dev, char **args)
{
    struct fat fat;
    int rc = fat_open(&fat, dev);

    (void)args;
    return rc ? rc : manifest_check(&fat);
}

static int cmd_identity(const struct device *dev, char **args)
{
    (void)args;
    return identity_print(dev);
}

static int cmd_identify(const struct device *dev, char **args)
{
    return identity_give(dev, args[0], args[0] ? args[1] : NULL);
}

static int cmd_loader(const struct device *dev, char **args)
{
    struct device esp;
    int rc = device_open(&esp, args[0], DEVICE_READ);

    if (!rc) rc = loader_print(dev, &esp, args[1]);
    device_close(&esp);
    return rc;
}

static int cmd_loader_write(const struct device *dev, char **args)
{
    struct device esp;
    int rc = device_open(&esp, args[0], DEVICE_SYNC);

    if (!rc) rc = loader_write(dev, &esp, args[1]);
    device_close(&esp);
    return rc;
}

static const struct {
    const char *name;
    enum device_mode mode;
    int min_args; /* behind the device */
    int max_args;
    int (*run)(const struct device *dev, char **args);
} commands[] = {
    {"state", DEVICE_READ, 0, 0, cmd_state},
    {"set", DEVICE_SYNC, 1, 2 * STATE_KEYS, cmd_set},
    {"options", DEVICE_READ, 1, 1, cmd_options},
    {"options", DEVICE_SYNC, 3, 3, cmd_set_options},
    {"put", DEVICE_SYNC, 1, 1, cmd_put},
    {"write", DEVICE_WRITE, 0, 0, cmd_write},
    {"cat", DEVICE_READ, 1, 1, cmd_cat},
    {"check", DEVICE_READ, 0, 0, cmd_check},
    {"identity", DEVICE_READ, 0, 0, cmd_identity},
    {"identify", DEVICE_WRITE, 0, 0, cmd_identify},
    {"identify", DEVICE_WRITE, 2, 2, cmd_identify},
    {"loader", DEVICE_READ, 2, 2, cmd_loader},
    {"loader-write", DEVICE_SYNC, 2, 2, cmd_loader_write},
};

int main(int argc, char **argv)
{
    struct device dev;
    size_t i;
    int rc;

    for (i = 0; i < ARRAY_SIZE(commands) && argc >= 3; i++) {
        if (strcmp(argv[1], commands[i].name) ||
            argc - 3 < commands[i].min_args || argc - 3 > commands[i].max_args)
            continue;
        rc = device_open(&dev, argv[2], commands[i].mode);
        if (!rc) rc = commands[i].run(&dev, argv + 3);
        if (flush_output() && !rc) rc = ERROR_FAIL;
        device_close(&dev);
        return rc ? EXIT_FAILED : EXIT_OK;
    }
    return usage();
}
