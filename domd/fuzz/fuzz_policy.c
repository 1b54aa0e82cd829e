/* Domain files. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "policy/clone.h"
#include "policy/keyscan.h"
#include "policy/read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A file that libxlutil accepts can be cloned, and the clone is valid. */
static void check_copy(const char *text, size_t size)
{
    static const struct clone clone = {.name = "copy",
                                       .mac = "00:16:3e:01:02:03",
                                       .bridge = "b",
                                       .memory = "64",
                                       .address =
                                           "ip=10.0.0.1::::copy:eth0:off"};
    struct problems problems = {0};
    struct domfile f;
    struct buf out = {0};

    if (domfile_parse(&f, text, size, "f.cfg", &problems) &&
        domfile_string(&f, "name") && !clone_text(&f, &clone, &out, &problems))
        abort();
    problems_dispose(&problems);
    domfile_dispose(&f);
    buf_dispose(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct host host = {.unknown = true};
    struct problems problems = {0};
    struct key_places places = {0};
    struct policy *p =
        policy_parse((const char *)data, size, "f.cfg", &host, &problems);

    if (p) {
        char *ready = ready_text(&p->ready);
        struct ready again = {0};

        /* The written form of a value can be read again. */
        if (ready_parse(ready, &again)) abort();
        ready_dispose(&again);
        free(ready);
        if (!policy_name_ok(p->name)) abort();
        if (problem_errors(&problems) && !p->bar) abort();
    } else if (!problems.n) {
        abort();
    }
    policy_free(p);
    problems_dispose(&problems);
    check_copy((const char *)data, size);
    /* The scanner must survive text that libxlutil refuses, too. */
    keyscan((const char *)data, size, &places);
    key_places_dispose(&places);
    return 0;
}
