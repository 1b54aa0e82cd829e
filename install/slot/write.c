#include "write.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK ((size_t)1024 * 1024)
/* The boot sector, and the whole physical sector around it. */
#define HEAD ((size_t)4096)

/* Fills DATA from FD; *LEN_R is less than SIZE only at the end. */
static int read_chunk(int fd, uint8_t *data, size_t size, size_t *len_r)
{
    *len_r = 0;
    while (*len_r < size) {
        ssize_t r = read(fd, data + *len_r, size - *len_r);

        if (r < 0 && errno == EINTR) continue;
        if (r < 0) {
            log_error("cannot read the image from standard input: %s",
                      strerror(errno));
            return ERROR_FAIL;
        }
        if (!r) break;
        *len_r += (size_t)r;
    }
    return 0;
}

static int check_room(const struct device *dev, uint64_t total)
{
    if (total <= dev->size) return 0;
    log_error("cannot write the image to %s: it is larger than the partition "
              "(%llu bytes)",
              dev->path, (unsigned long long)dev->size);
    return ERROR_INVAL;
}

static int read_back(const struct device *dev, uint64_t total, uint8_t *data,
                     uint8_t digest[crypto_hash_sha256_BYTES])
{
    crypto_hash_sha256_state hash;
    uint64_t at;
    int rc = device_drop_cache(dev);

    crypto_hash_sha256_init(&hash);
    for (at = 0; at < total && !rc; at += CHUNK) {
        size_t n = total - at < CHUNK ? (size_t)(total - at) : CHUNK;

        rc = device_read(dev, data, n, at);
        if (!rc) crypto_hash_sha256_update(&hash, data, n);
    }
    crypto_hash_sha256_final(&hash, digest);
    return rc;
}

int slot_write(const struct device *dev, int fd, char hash[SHA256_HEX])
{
    uint8_t *data = xmalloc(CHUNK);
    uint8_t head[HEAD];
    /* Not all zeros: the installer knows its unfinished work by it
     * (installer/disks.sh). */
    char incomplete[HEAD] = "Xenith: incomplete\n";
    uint8_t wanted[crypto_hash_sha256_BYTES];
    uint8_t found[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_state sum;
    uint64_t total;
    size_t len;
    int rc;

    crypto_hash_sha256_init(&sum);
    rc = read_chunk(fd, head, sizeof(head), &len);
    if (rc) goto out;
    if (len < sizeof(head)) {
        log_error("cannot write the image to %s: standard input ends after "
                  "%zu bytes; it is no image",
                  dev->path, len);
        rc = ERROR_INVAL;
        goto out;
    }
    rc = check_room(dev, sizeof(head));
    if (!rc) rc = device_write(dev, incomplete, sizeof(incomplete), 0);
    if (!rc) rc = device_flush(dev);
    if (rc) goto out;
    crypto_hash_sha256_update(&sum, head, sizeof(head));
    for (total = sizeof(head);; total += len) {
        rc = read_chunk(fd, data, CHUNK, &len);
        if (!rc && !len) break;
        if (!rc) rc = check_room(dev, total + len);
        if (!rc) rc = device_write(dev, data, len, total);
        if (rc) goto out;
        crypto_hash_sha256_update(&sum, data, len);
    }
    rc = device_flush(dev);
    if (!rc) rc = device_write(dev, head, sizeof(head), 0);
    if (!rc) rc = device_flush(dev);
    if (!rc) rc = read_back(dev, total, data, found);
    if (rc) goto out;
    crypto_hash_sha256_final(&sum, wanted);
    if (memcmp(found, wanted, sizeof(found))) {
        log_error("%s: the image reads back different from what was written; "
                  "replace the disk",
                  dev->path);
        rc = ERROR_FAIL;
        goto out;
    }
    sodium_bin2hex(hash, SHA256_HEX, found, sizeof(found));
out:
    free(data);
    return rc;
}
