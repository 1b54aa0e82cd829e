/*
 * Every key that xl looks up in a domain file; xl silently ignores all others,
 * so that a misspelt key deserves a warning. The recipe xen-tools takes the
 * list from xl's source. The Xen of other hosts has no such list: for the
 * tests there is a copy, see `make xl-keys`.
 */
#include "policy/xlkeys.h"

#include <string.h>

#include "base/util.h"

static const char *const names[] = {
#if __has_include(<xl-keys.inc>)
#include <xl-keys.inc>
#else
#include "policy/xl-keys.inc"
#endif
};

bool xl_knows(const char *name)
{
    size_t i;

    for (i = 0; i < ARRAY_SIZE(names); i++)
        if (!strcmp(name, names[i])) return true;
    return false;
}
