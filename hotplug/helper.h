/* What needs iptables or tc is done by the shell functions of the networks. */
#ifndef HOTPLUG_HELPER_H
#define HOTPLUG_HELPER_H

/* Room for what a function prints, or for the reason that it did not. */
#define HELPER_OUTPUT 1024

/* Runs a function of network/packets.sh: WORDS are its name and its arguments,
 * up to NULL. OUTPUT has HELPER_OUTPUT bytes: what it printed, in case of a
 * failure at least a reason. Reports nothing. */
int helper_run(char *output, const char *const *words);

#endif
