/* Lines of the control protocol. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "control/proto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct request req;
    const char *bad = proto_parse((const char *)data, size, &req);
    struct buf out = {0};

    if (bad) {
        proto_error(&out, req.id, "%s", bad);
        /* An answer is one line, whatever the request was. */
        if (memchr(out.s, '\n', out.len) != out.s + out.len - 1) abort();
        if (req.names.n) abort();
    } else if (req.names.n > PROTO_NAMES_MAX) {
        abort();
    }
    buf_dispose(&out);
    request_dispose(&req);
    return 0;
}
