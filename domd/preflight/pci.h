/* PCI devices that a domain file wants for its guest. */
#ifndef DOMD_PREFLIGHT_PCI_H
#define DOMD_PREFLIGHT_PCI_H

#include <stdbool.h>

/* What stands in the way of giving a guest the device NUMBER (0000:03:00.0);
 * NULL if nothing does. libxl finds it out when the domain has been built, and
 * says less clearly what to do. SEIZE: it may be taken from a driver of
 * dom0's. The caller frees the result. */
char *pci_problem(const char *number, bool seize);

#endif
