/* The journal that a killed daemon left behind. */
#include <stdint.h>
#include <stdlib.h>

#include "daemon/journal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct journal j;
    size_t i;

    if (journal_parse(&j, (const char *)data, size)) {
        for (i = 0; i < j.n; i++) {
            if (j.v[i].past.state >= MACHINE_STATES) abort();
            if (j.v[i].past.next >= MACHINE_OUTCOMES) abort();
            if (j.v[i].past.n_failures > MACHINE_FAILURES_MAX) abort();
        }
    }
    journal_dispose(&j);
    return 0;
}
