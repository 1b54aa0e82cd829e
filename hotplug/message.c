#include "message.h"

#include <stdlib.h>
#include <string.h>

/* Room for SIZE more bytes, aligned and zeroed. */
static void *extend(struct message *m, size_t size)
{
    size_t at = NLMSG_ALIGN(m->header.nlmsg_len);
    char *room = (char *)m + at;

    /* Our messages are of fixed kinds; the longest has 100 bytes. */
    if (size > sizeof(*m) || at > sizeof(*m) - size) abort();
    memset(room, 0, size);
    m->header.nlmsg_len = (uint32_t)(at + size);
    return room;
}

void message_begin(struct message *m, uint16_t type, uint16_t flags,
                   const void *fixed, size_t size)
{
    memset(m, 0, sizeof(*m));
    m->header.nlmsg_len = NLMSG_HDRLEN;
    m->header.nlmsg_type = type;
    m->header.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
    memcpy(extend(m, size), fixed, size);
}

void message_add(struct message *m, uint16_t type, const void *data,
                 size_t size)
{
    struct rtattr *attribute = extend(m, RTA_LENGTH(size));

    attribute->rta_type = type;
    attribute->rta_len = (uint16_t)RTA_LENGTH(size);
    if (size) memcpy(RTA_DATA(attribute), data, size);
}

void message_add_u32(struct message *m, uint16_t type, uint32_t value)
{
    message_add(m, type, &value, sizeof(value));
}

void message_add_string(struct message *m, uint16_t type, const char *text)
{
    message_add(m, type, text, strlen(text) + 1);
}

struct rtattr *message_nest(struct message *m, uint16_t type)
{
    struct rtattr *nest = extend(m, RTA_LENGTH(0));

    nest->rta_type = type;
    return nest;
}

void message_nest_end(struct message *m, struct rtattr *nest)
{
    nest->rta_len = (uint16_t)((char *)m + m->header.nlmsg_len - (char *)nest);
}

const void *attribute_find(const void *data, size_t len, uint16_t type,
                           size_t size, size_t *found)
{
    const char *at = data;

    while (len >= sizeof(struct rtattr)) {
        struct rtattr attribute;
        size_t step;

        memcpy(&attribute, at, sizeof(attribute));
        if (attribute.rta_len < sizeof(attribute) || attribute.rta_len > len)
            break;
        if ((attribute.rta_type & NLA_TYPE_MASK) == type) {
            *found = attribute.rta_len - RTA_LENGTH(0);
            return *found >= size ? at + RTA_LENGTH(0) : NULL;
        }
        step = RTA_ALIGN(attribute.rta_len);
        if (step > len) break;
        at += step;
        len -= step;
    }
    return NULL;
}

uint32_t attribute_u32(const void *data, size_t len, uint16_t type,
                       uint32_t fallback)
{
    size_t found;
    const void *at = attribute_find(data, len, type, sizeof(fallback), &found);

    if (at) memcpy(&fallback, at, sizeof(fallback));
    return fallback;
}

uint16_t attribute_u16(const void *data, size_t len, uint16_t type,
                       uint16_t fallback)
{
    size_t found;
    const void *at = attribute_find(data, len, type, sizeof(fallback), &found);

    if (at) memcpy(&fallback, at, sizeof(fallback));
    return fallback;
}

uint8_t attribute_u8(const void *data, size_t len, uint16_t type,
                     uint8_t fallback)
{
    size_t found;
    const uint8_t *at =
        attribute_find(data, len, type, sizeof(fallback), &found);

    return at ? *at : fallback;
}
