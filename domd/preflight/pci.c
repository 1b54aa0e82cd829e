#include "preflight/pci.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"

/* The driver of the device in the sysfs directory DIR; "none" without. */
static char *get_driver(const char *dir)
{
    char *path = xasprintf("%s/driver", dir);
    char *name = link_name(path, "none");

    free(path);
    return name;
}

char *pci_problem(const char *number, bool seize)
{
    char *dir = xasprintf("/sys/bus/pci/devices/%s", number);
    char *driver = get_driver(dir);
    char *problem = NULL;

    if (access(dir, F_OK))
        problem = xasprintf("no such PCI device: %s", number);
    else if (!seize && strcmp(driver, "pciback") != 0)
        problem = xasprintf("%s is in use by dom0 (driver: %s); write "
                            "\"%s,seize=1\" to detach it",
                            number, driver, number);
    free(driver);
    free(dir);
    return problem;
}
