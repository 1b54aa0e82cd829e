/*
 * What one domd leaves to the next. Everything else comes from the hypervisor
 * and the configuration.
 *
 * The file is in RAM (/run) and is replaced by a rename, so it lives exactly
 * as long as the domains that it describes.
 */
#ifndef DOMD_DAEMON_JOURNAL_H
#define DOMD_DAEMON_JOURNAL_H

#include "hv/hv.h"
#include "machine/machine.h"
#include "probe/probe.h"

struct journal_entry {
    char *name;
    char uuid[HV_UUID_LEN]; /* of the instance; "": none */
    struct probe_mark mark; /* of the instance */
    struct machine_past past;
};

struct journal {
    bool booted; /* autostart has been done */
    struct journal_entry *v;
    size_t n;
    struct strlist enabled; /* until the next boot, whatever the files say */
    struct strlist disabled;
};

/* Reads PATH. A missing or invalid file yields an empty journal; *WHY_R then
 * says what is wrong (NULL: it is missing). The caller frees it. */
void journal_read(struct journal *journal, const char *path, char **why_r);
/* Writes it to PATH. Returns 0 or an errno value. */
int journal_write(const struct journal *journal, const char *path);
/* Parses LEN bytes of TEXT; false if invalid. */
bool journal_parse(struct journal *journal, const char *text, size_t len);
struct journal_entry *journal_find(const struct journal *journal,
                                   const char *name);
/* Appends an empty entry. */
struct journal_entry *journal_add(struct journal *journal, const char *name);
void journal_dispose(struct journal *journal);

#endif
