/* PCI devices that a domain file wants for its guest. */
#ifndef DOMD_PREFLIGHT_PCI_H
#define DOMD_PREFLIGHT_PCI_H

#include <stdbool.h>

/* Why the device NUMBER (0000:03:00.0) cannot be assigned to a guest; NULL: it
 * can. libxl finds out only after it has built the domain, with a less helpful
 * message. SEIZE: the device may be unbound from its dom0 driver. The caller
 * frees the result. */
char *pci_problem(const char *number, bool seize);

#endif
