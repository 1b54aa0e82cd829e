/* UUIDs, in the two orders of bytes that disks hold. */
#ifndef SLOT_UUID_H
#define SLOT_UUID_H

#include "util.h"

#define UUID_SIZE 16
#define UUID_TEXT 37 /* with the end of the string */

enum uuid_order {
    UUID_BIG,  /* a file system's */
    UUID_GUID, /* a GPT's: the first three fields with the lowest byte first */
};

void uuid_random(uint8_t uuid[UUID_SIZE], enum uuid_order order);
/* Lower case; a GPT's in upper case, as other tools write it. */
void uuid_format(const uint8_t uuid[UUID_SIZE], enum uuid_order order,
                 char text[UUID_TEXT]);
/* Whether TEXT is a UUID. */
bool uuid_parse(const char *text, enum uuid_order order,
                uint8_t uuid[UUID_SIZE]);
/* Whether the build computed it from the content of an image: version 8. A
 * random one has version 4. */
bool uuid_from_image(const uint8_t uuid[UUID_SIZE], enum uuid_order order);

#endif
