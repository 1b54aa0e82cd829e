#include "device.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/blkpg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

int device_open(struct device *dev, const char *path, enum device_mode mode)
{
    struct stat st;
    off_t end;
    int flags = O_CLOEXEC;

    dev->fd = -1;
    dev->path = path;
    dev->sector = 0;
    if (stat(path, &st)) {
        log_error("cannot open %s: %s", path, strerror(errno));
        return ERROR_FAIL;
    }
    if (!S_ISBLK(st.st_mode) && !S_ISREG(st.st_mode)) {
        log_error("cannot use %s: not a block device, nor a plain file", path);
        return ERROR_INVAL;
    }
    switch (mode) {
    case DEVICE_READ:
        flags |= O_RDONLY;
        break;
    case DEVICE_SYNC:
        flags |= O_RDWR | O_DSYNC;
        break;
    case DEVICE_WRITE:
        flags |= O_RDWR;
        /* Elsewhere O_EXCL has no meaning without O_CREAT. */
        if (S_ISBLK(st.st_mode)) flags |= O_EXCL;
        break;
    }
    dev->fd = open(path, flags);
    if (dev->fd < 0) {
        log_error("cannot open %s%s: %s%s", path,
                  mode == DEVICE_READ ? "" : " for writing", strerror(errno),
                  errno == EBUSY ? "; it is mounted, or part of a volume"
                                 : "");
        return ERROR_FAIL;
    }
    end = lseek(dev->fd, 0, SEEK_END);
    if (end < 0) {
        log_error("cannot find the size of %s: %s", path, strerror(errno));
        device_close(dev);
        return ERROR_FAIL;
    }
    dev->size = (uint64_t)end;
    if (S_ISBLK(st.st_mode)) {
        int sector;

        if (ioctl(dev->fd, BLKSSZGET, &sector)) {
            log_error("cannot find the sector size of %s: %s", path,
                      strerror(errno));
            device_close(dev);
            return ERROR_FAIL;
        }
        dev->sector = (uint32_t)sector;
    }
    return 0;
}

void device_close(struct device *dev)
{
    if (dev->fd >= 0) close(dev->fd);
    dev->fd = -1;
}

static int check_range(const struct device *dev, size_t len, uint64_t offset)
{
    if (offset <= dev->size && len <= dev->size - offset) return 0;
    log_error("%s: byte %" PRIu64 " is beyond its end (%" PRIu64 " bytes)",
              dev->path, offset + len, dev->size);
    return ERROR_INVAL;
}

int device_read(const struct device *dev, void *data, size_t len,
                uint64_t offset)
{
    int rc = check_range(dev, len, offset);
    char *p = data;

    while (!rc && len) {
        ssize_t r = pread(dev->fd, p, len, (off_t)offset);

        if (r < 0 && errno == EINTR) continue;
        if (r <= 0) {
            log_error("cannot read %s at byte %" PRIu64 ": %s", dev->path,
                      offset, r ? strerror(errno) : "it became shorter");
            rc = ERROR_FAIL;
            break;
        }
        p += r;
        len -= (size_t)r;
        offset += (uint64_t)r;
    }
    return rc;
}

int device_write(const struct device *dev, const void *data, size_t len,
                 uint64_t offset)
{
    int rc = check_range(dev, len, offset);
    const char *p = data;

    while (!rc && len) {
        ssize_t r = pwrite(dev->fd, p, len, (off_t)offset);

        if (r < 0 && errno == EINTR) continue;
        if (r <= 0) {
            log_error("cannot write %s at byte %" PRIu64 ": %s", dev->path,
                      offset, strerror(r ? errno : ENOSPC));
            rc = ERROR_FAIL;
            break;
        }
        p += r;
        len -= (size_t)r;
        offset += (uint64_t)r;
    }
    return rc;
}

int device_flush(const struct device *dev)
{
    if (!fsync(dev->fd)) return 0;
    log_error("cannot flush %s: %s", dev->path, strerror(errno));
    return ERROR_FAIL;
}

int device_verify(const struct device *dev, const void *data, size_t len,
                  uint64_t offset, const char *what)
{
    char *back = xmalloc(len);
    int rc = device_drop_cache(dev);

    if (!rc) rc = device_read(dev, back, len, offset);
    if (!rc && memcmp(back, data, len)) {
        log_error("%s: %s back different from what was written; replace the "
                  "disk",
                  dev->path, what);
        rc = ERROR_FAIL;
    }
    free(back);
    return rc;
}

int device_drop_cache(const struct device *dev)
{
    int r = posix_fadvise(dev->fd, 0, 0, POSIX_FADV_DONTNEED);

    if (!r) return 0;
    log_error("cannot drop the cache of %s: %s", dev->path, strerror(r));
    return ERROR_FAIL;
}

void device_add_partition(const struct device *dev, unsigned int number,
                          uint64_t offset, uint64_t size)
{
    struct blkpg_partition part = {.start = (long long)offset,
                                   .length = (long long)size,
                                   .pno = (int)number};
    struct blkpg_ioctl_arg arg = {
        .op = BLKPG_ADD_PARTITION, .datalen = sizeof(part), .data = &part};

    if (dev->sector && ioctl(dev->fd, BLKPG, &arg))
        log_error("%s: the kernel does not add partition %u (%s): it is there "
                  "after the next restart",
                  dev->path, number, strerror(errno));
}
