#include "uuid.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define VERSION_RANDOM 0x40
#define VERSION_IMAGE  0x80
#define VERSION_MASK   0xf0

/* Where byte I of the text is on the disk. */
static size_t place(size_t i, enum uuid_order order)
{
    static const uint8_t guid[8] = {3, 2, 1, 0, 5, 4, 7, 6};

    return order == UUID_GUID && i < sizeof(guid) ? guid[i] : i;
}

void uuid_random(uint8_t uuid[UUID_SIZE], enum uuid_order order)
{
    uint8_t *version = &uuid[place(6, order)];

    randombytes_buf(uuid, UUID_SIZE);
    *version = (uint8_t)((*version & ~VERSION_MASK) | VERSION_RANDOM);
    uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
}

bool uuid_from_image(const uint8_t uuid[UUID_SIZE], enum uuid_order order)
{
    return (uuid[place(6, order)] & VERSION_MASK) == VERSION_IMAGE;
}

static bool dash_before(size_t i)
{
    return i == 4 || i == 6 || i == 8 || i == 10;
}

void uuid_format(const uint8_t uuid[UUID_SIZE], enum uuid_order order,
                 char text[UUID_TEXT])
{
    size_t i;

    for (i = 0; i < UUID_SIZE; i++) {
        if (dash_before(i)) *text++ = '-';
        snprintf(text, 3, order == UUID_GUID ? "%02X" : "%02x",
                 uuid[place(i, order)]);
        text += 2;
    }
}

bool uuid_parse(const char *text, enum uuid_order order,
                uint8_t uuid[UUID_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    size_t i;

    for (i = 0; i < 2 * UUID_SIZE; i++, text++) {
        const char *digit;
        uint8_t *byte = &uuid[place(i / 2, order)];

        if (i % 2 == 0 && dash_before(i / 2) && *text++ != '-') return false;
        digit = *text ? strchr(digits, tolower((unsigned char)*text)) : NULL;
        if (!digit) return false;
        *byte =
            (uint8_t)(i % 2 ? *byte << 4 | (digit - digits) : digit - digits);
    }
    return !*text;
}
