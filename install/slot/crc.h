/* The two CRC-32 of a disk's own tables. */
#ifndef SLOT_CRC_H
#define SLOT_CRC_H

#include "util.h"

#define CRC_IEEE       0xedb88320U /* a GPT's */
#define CRC_CASTAGNOLI 0x82f63b78U /* ext4's */

/* The register after LEN more bytes; it begins as ~0. A GPT stores it
 * inverted, ext4 as it is. */
uint32_t crc_add(uint32_t polynomial, uint32_t crc, const void *data,
                 size_t len);
/* The register before the last LEN bytes, which were DATA. */
uint32_t crc_remove(uint32_t polynomial, uint32_t crc, const void *data,
                    size_t len);

#endif
