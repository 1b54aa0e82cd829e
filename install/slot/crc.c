#include "crc.h"

uint32_t crc_add(uint32_t polynomial, uint32_t crc, const void *data,
                 size_t len)
{
    const uint8_t *p = data;
    size_t i;
    int bit;

    for (i = 0; i < len; i++) {
        crc ^= p[i];
        for (bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ polynomial : crc >> 1;
    }
    return crc;
}

uint32_t crc_remove(uint32_t polynomial, uint32_t crc, const void *data,
                    size_t len)
{
    const uint8_t *p = data;
    int bit;

    while (len--) {
        /* Only a polynomial that was applied has set the highest bit. */
        for (bit = 0; bit < 8; bit++)
            crc = crc >> 31 ? (crc ^ polynomial) << 1 | 1 : crc << 1;
        crc ^= p[len];
    }
    return crc;
}
