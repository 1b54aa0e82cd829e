/* Messages of rtnetlink: a header, a fixed part, and attributes. */
#ifndef HOTPLUG_MESSAGE_H
#define HOTPLUG_MESSAGE_H

#include <linux/rtnetlink.h>
#include <stddef.h>
#include <stdint.h>

/* No message of ours is longer. */
#define MESSAGE_MAX 256

struct message {
    struct nlmsghdr header;
    char rest[MESSAGE_MAX - sizeof(struct nlmsghdr)];
};

/* Begins a message that the kernel acknowledges, with the fixed part of SIZE
 * bytes. FLAGS are NLM_F_*. */
void message_begin(struct message *m, uint16_t type, uint16_t flags,
                   const void *fixed, size_t size);

/* Appends an attribute. */
void message_add(struct message *m, uint16_t type, const void *data,
                 size_t size);
void message_add_u32(struct message *m, uint16_t type, uint32_t value);
void message_add_string(struct message *m, uint16_t type, const char *text);

/* Begins an attribute that consists of those that follow, up to its end. */
struct rtattr *message_nest(struct message *m, uint16_t type);
void message_nest_end(struct message *m, struct rtattr *nest);

/* Finds an attribute of at least SIZE bytes among the LEN bytes at DATA, which
 * are not trusted. Returns its content, with its length in *FOUND, or NULL. */
const void *attribute_find(const void *data, size_t len, uint16_t type,
                           size_t size, size_t *found);

/* As that, and returns an integer; FALLBACK if it is missing. */
uint32_t attribute_u32(const void *data, size_t len, uint16_t type,
                       uint32_t fallback);
uint16_t attribute_u16(const void *data, size_t len, uint16_t type,
                       uint16_t fallback);
uint8_t attribute_u8(const void *data, size_t len, uint16_t type,
                     uint8_t fallback);

#endif
