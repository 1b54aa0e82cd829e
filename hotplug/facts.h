/* The facts of the networks in force, which the boot and `xenith network`
 * write for all programs: lines of a link, a key and a value. */
#ifndef HOTPLUG_FACTS_H
#define HOTPLUG_FACTS_H

#include <stdbool.h>

/* Whether the file of BRIDGE has AntiSpoofing=yes. */
bool facts_guard_bridge(const char *bridge);

#endif
