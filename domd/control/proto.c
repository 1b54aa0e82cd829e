#include "control/proto.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    bool needs_names;
} cmds[] = {
    [PROTO_STATUS] = {"status", false},
    [PROTO_START] = {"start", true},
    [PROTO_STOP] = {"stop", true},
    [PROTO_RESTART] = {"restart", true},
    [PROTO_RELOAD] = {"reload", false},
    [PROTO_ENABLE] = {"enable", true},
    [PROTO_DISABLE] = {"disable", true},
    [PROTO_EVENTS] = {"events", false},
    [PROTO_METRICS] = {"metrics", false},
    [PROTO_PING] = {"ping", false},
    [PROTO_SHUTDOWN] = {"shutdown", false},
};

const char *proto_cmd_name(enum proto_cmd cmd)
{
    return cmds[cmd].name;
}

static const char *read_names(yajl_val root, struct request *req)
{
    yajl_val names = json_get_array(root, "names");
    size_t i;

    if (!names) return NULL;
    if (json_len(names) > PROTO_NAMES_MAX) return "too many names";
    for (i = 0; i < json_len(names); i++) {
        const char *name = YAJL_GET_STRING(json_at(names, i));

        if (!name) return "names must be strings";
        strlist_add(&req->names, name);
    }
    return NULL;
}

static const char *read_request(yajl_val root, struct request *req)
{
    const char *name;
    const char *bad;
    size_t i;

    if (!root || !YAJL_IS_OBJECT(root)) return "not a JSON object";
    req->id = json_get_int(root, "id", 0);
    if (json_get_int(root, "v", 0) != PROTO_VERSION)
        return "unsupported protocol version: \"v\" must be 1";
    name = json_get_string(root, "cmd");
    if (!name) return "missing \"cmd\"";
    for (i = 0; i < ARRAY_SIZE(cmds) && strcmp(name, cmds[i].name); i++)
        ;
    if (i == ARRAY_SIZE(cmds)) return "unknown command";
    req->cmd = (enum proto_cmd)i;
    bad = read_names(root, req);
    if (bad) return bad;
    if (cmds[i].needs_names && !req->names.n) return "missing domain name";
    return NULL;
}

const char *proto_parse(const char *line, size_t len, struct request *req)
{
    char error[64];
    const char *bad;
    yajl_val root = NULL;
    char *text = NULL;

    memset(req, 0, sizeof(*req));
    if (len > PROTO_LINE_MAX) return "the line is too long";
    if (memchr(line, '\0', len)) return "the line contains a NUL byte";
    text = xstrndup(line, len);
    root = yajl_tree_parse(text, error, sizeof(error));
    bad = read_request(root, req);
    if (bad) strlist_dispose(&req->names);
    yajl_tree_free(root);
    free(text);
    return bad;
}

void request_dispose(struct request *req)
{
    strlist_dispose(&req->names);
}

yajl_gen proto_reply(int64_t id, bool ok)
{
    yajl_gen g = json_new();

    json_open(g, NULL);
    json_int(g, "v", PROTO_VERSION);
    json_int(g, "id", id);
    json_bool(g, "ok", ok);
    return g;
}

void proto_error(struct buf *out, int64_t id, const char *format, ...)
{
    yajl_gen g = proto_reply(id, false);
    va_list args;
    char *text;

    va_start(args, format);
    text = xvasprintf(format, args);
    va_end(args);
    json_string(g, "error", text);
    json_close(g);
    json_line(g, out);
    free(text);
}
