/* PCI devices that a domain file wants for its guest. */
#ifndef DOMD_PREFLIGHT_PCI_H
#define DOMD_PREFLIGHT_PCI_H

#include <stdbool.h>

#include <libxlutil.h>

/* What stands in the way of giving the guest what SPEC, an element of `pci`,
 * asks for; NULL if nothing does. libxl finds it out when the domain has been
 * built, and says less clearly what to do. SEIZE: it may be taken from a
 * driver of dom0's. HERE: this is the host that it is meant for. The caller
 * frees the result. */
char *pci_problem(XLU_Config *cfg, const char *spec, bool seize, bool here);

#endif
