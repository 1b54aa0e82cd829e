/* The MAC address of a network card whose `vif` names none. */
#include "hv/xl/internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FNV_START UINT64_C(14695981039346656037)
#define FNV_PRIME UINT64_C(1099511628211)

/* FNV-1a over TEXT and its end, so that "a" "bc" differs from "ab" "c". */
static uint64_t add_text(uint64_t hash, const char *text)
{
    do {
        hash ^= (unsigned char)*text;
        hash *= FNV_PRIME;
    } while (*text++);
    return hash;
}

void xl_read_machine(const char *path, char *machine, size_t size)
{
    ssize_t length = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd >= 0) {
        length = read(fd, machine, size - 1);
        close(fd);
    }
    machine[length > 0 ? length : 0] = '\0';
    machine[strcspn(machine, "\n")] = '\0';
    /* Firmware that has no number of its own. */
    if (!strncasecmp(machine, "00000000-0000-", 14) ||
        !strncasecmp(machine, "ffffffff-ffff-", 14))
        *machine = '\0';
}

void xl_give_macs(libxl_domain_config *config, const char *machine)
{
    int i;

    if (!*machine) return;
    for (i = 0; i < config->num_nics; i++) {
        uint8_t *mac = config->nics[i].mac;
        char number[16];
        uint64_t hash = FNV_START;

        if (mac[0] | mac[1] | mac[2] | mac[3] | mac[4] | mac[5]) continue;
        snprintf(number, sizeof(number), "%d", i);
        hash = add_text(hash, machine);
        hash = add_text(hash, config->c_info.name);
        hash = add_text(hash, number);
        /* FNV mixes its low bits best last; fold them. */
        hash ^= hash >> 32;
        /* Xen's range, as libxl's random addresses. */
        mac[0] = 0x00;
        mac[1] = 0x16;
        mac[2] = 0x3e;
        mac[3] = hash >> 16 & 0x7f;
        mac[4] = hash >> 8 & 0xff;
        mac[5] = hash & 0xff;
    }
}
