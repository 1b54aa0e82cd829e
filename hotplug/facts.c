#include "facts.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool facts_guard_bridge(const char *bridge)
{
    const char *run = getenv("XENITH_RUN_DIR"); /* only tests set it */
    char path[PATH_MAX];
    char *line = NULL;
    size_t size = 0;
    bool found = false;
    size_t len = strlen(bridge);
    FILE *f;

    snprintf(path, sizeof(path), "%s/networks/facts",
             run ? run : "/run/xenith");
    f = fopen(path, "re");
    if (!f) return false;
    while (!found && getline(&line, &size, f) > 0)
        found = !strncmp(line, bridge, len) &&
                !strcmp(line + len, "\tBridge.AntiSpoofing\tyes\n");
    free(line);
    fclose(f);
    return found;
}
