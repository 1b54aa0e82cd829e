/* A minimal stream, as libxl writes it. */
#ifndef DOMD_TESTS_HV_STREAM_WRITE_H
#define DOMD_TESTS_HV_STREAM_WRITE_H

#include <endian.h>

#include "base/util.h"

static inline void stream_write_head(struct buf *stream)
{
    uint32_t rest[2] = {htobe32(2), 0};

    buf_add(stream, "LibxlFmt", 8);
    buf_add(stream, (const char *)rest, sizeof(rest));
}

/* A record with LENGTH bytes in it. */
static inline void stream_write_record(struct buf *stream, uint32_t type,
                                       uint32_t length)
{
    uint32_t head[2] = {htole32(type), htole32(length)};
    uint32_t i;

    buf_add(stream, (const char *)head, sizeof(head));
    for (i = 0; i < ((length + 7) & ~7u); i++)
        buf_add(stream, "m", 1);
}

static inline void stream_write(struct buf *stream)
{
    static const char image[40] =
        "\xff\xff\xff\xff\xff\xff\xff\xffXENF\0\0\0\3";

    stream_write_head(stream);
    stream_write_record(stream, 1, 0); /* the stream of libxc */
    buf_add(stream, image, sizeof(image));
    stream_write_record(stream, 1, 4096); /* pages */
    stream_write_record(stream, 9, 13);
    stream_write_record(stream, 0, 0);
    stream_write_record(stream, 3, 21); /* the device model */
    stream_write_record(stream, 0, 0);
}

#endif
