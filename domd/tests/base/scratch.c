#include "tests/base/harness.h"

char scratch[] = "/tmp/domd-test.XXXXXX";

int scratch_make(void **state)
{
    (void)state;
    return mkdtemp(scratch) ? 0 : -1;
}

int scratch_drop(void **state)
{
    (void)state;
    return rmdir(scratch);
}
