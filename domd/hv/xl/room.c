/* Checks a directory for room for an instance's memory. */
#include "hv/xl/internal.h"

#include <errno.h>
#include <string.h>
#include <sys/statfs.h>

/* Whether a file system is lost with this machine's power. */
static bool is_ram(const struct statfs *fs)
{
    switch ((unsigned long)fs->f_type) {
    case 0x01021994UL: /* tmpfs */
    case 0x858458f6UL: /* ramfs */
    case 0x794c7630UL: /* overlayfs: the root, which is in RAM */
    case 0x73717368UL: /* squashfs */
        return true;
    default:
        return false;
    }
}

char *xl_no_room(struct hv *hv, const struct slot *s, const char *dir,
                 uint64_t spare)
{
    libxl_dominfo info;
    struct statfs fs;
    char *text = NULL;
    uint64_t need;
    uint64_t room;

    libxl_dominfo_init(&info);
    if (statfs(dir, &fs)) {
        text = xasprintf("%s: %s", dir, strerror(errno));
        goto out;
    }
    if (is_ram(&fs)) {
        text = xasprintf("%s is in memory, not on a disk", dir);
        goto out;
    }
    if (!xl_look_at(hv, s->domid, &info)) {
        text = xstrdup("the domain no longer exists");
        goto out;
    }
    need = info.current_memkb / 1024 + 32;
    room = ((uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize + spare) / 1048576;
    if (room < need)
        text = xasprintf("%s has %llu MiB free, but %llu MiB are needed", dir,
                         (unsigned long long)room, (unsigned long long)need);
out:
    libxl_dominfo_dispose(&info);
    return text;
}
