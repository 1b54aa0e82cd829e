/* The keys that xl itself knows, see xl.cfg(5). */
#ifndef DOMD_POLICY_XLKEYS_H
#define DOMD_POLICY_XLKEYS_H

#include <stdbool.h>

bool xl_knows(const char *name);

#endif
