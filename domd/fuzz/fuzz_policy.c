/* Domain files. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "policy/keyscan.h"
#include "policy/read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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

        /* What was read can be written and read again. */
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
    /* It must bear what libxlutil has not accepted, too. */
    keyscan((const char *)data, size, &places);
    key_places_dispose(&places);
    return 0;
}
