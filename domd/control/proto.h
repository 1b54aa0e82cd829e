/*
 * The control protocol: one JSON object per line each way. docs/domd.md
 * describes it; this is the part that turns a line into a request. It makes no
 * system call, and is fuzzed (fuzz/fuzz_proto.c).
 */
#ifndef DOMD_CONTROL_PROTO_H
#define DOMD_CONTROL_PROTO_H

#include "base/json.h"

#define PROTO_VERSION 1
/* A longer line is refused. */
#define PROTO_LINE_MAX ((size_t)8 * 1024)
/* A request with more names is refused. */
#define PROTO_NAMES_MAX 256

#define DOMD_SOCKET "/run/xenith/domd.sock"

enum proto_cmd {
    PROTO_STATUS,
    PROTO_START,
    PROTO_STOP,
    PROTO_RESTART,
    PROTO_RELOAD,
    PROTO_ENABLE,
    PROTO_DISABLE,
    PROTO_EVENTS,
    PROTO_METRICS,
    PROTO_PING,
    PROTO_SHUTDOWN,
};

struct request {
    enum proto_cmd cmd;
    int64_t id;           /* chosen by the client; 0 if it gave none */
    struct strlist names; /* of domains */
};

/* Parses a line of LEN bytes, without its newline. Returns NULL, or a static
 * error text; *REQ is then empty but for the id, if one was found. The caller
 * disposes of *REQ in both cases. */
const char *proto_parse(const char *line, size_t len, struct request *req);
void request_dispose(struct request *req);

const char *proto_cmd_name(enum proto_cmd cmd);

/* Begins a reply: {"v":1,"id":ID,"ok":OK. The caller adds members, closes the
 * object and hands it to json_line. */
yajl_gen proto_reply(int64_t id, bool ok);
/* Appends a complete error reply. */
void proto_error(struct buf *out, int64_t id, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
