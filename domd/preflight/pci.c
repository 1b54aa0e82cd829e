#include "preflight/pci.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"

/* The driver of the device with that directory in sysfs; "none" without. */
static char *driver_of(const char *dir)
{
    char *path = xasprintf("%s/driver", dir);
    char *driver = realpath(path, NULL);
    char *name = xstrdup(driver ? strrchr(driver, '/') + 1 : "none");

    free(driver);
    free(path);
    return name;
}

/* Where sysfs has the device. */
static char *sysfs_dir(const libxl_device_pci *pci)
{
    return xasprintf("/sys/bus/pci/devices/%04x:%02x:%02x.%x",
                     (unsigned int)pci->domain, (unsigned int)pci->bus,
                     (unsigned int)pci->dev, (unsigned int)pci->func);
}

char *pci_problem(XLU_Config *cfg, const char *spec, bool seize, bool here)
{
    libxl_device_pci pci;
    char *problem = NULL;
    char *driver = NULL;
    char *dir = NULL;
    const char *bdf;

    libxl_device_pci_init(&pci);
    if (xlu_pci_parse_spec_string(cfg, &pci, spec)) {
        problem = xasprintf("\"%s\" cannot be understood", spec);
        goto out;
    }
    /* A name is one that xl pci-assignable-add has given to it. */
    if (pci.name || !here) goto out;
    dir = sysfs_dir(&pci);
    bdf = strrchr(dir, '/') + 1;
    if (access(dir, F_OK)) {
        problem = xasprintf("there is no PCI device %s", bdf);
        goto out;
    }
    driver = driver_of(dir);
    if (!seize && !pci.seize && strcmp(driver, "pciback") != 0)
        problem = xasprintf("%s belongs to dom0 (driver: %s); with "
                            "\"%s,seize=1\" the domain takes it from there",
                            bdf, driver, bdf);
out:
    free(driver);
    free(dir);
    libxl_device_pci_dispose(&pci);
    return problem;
}
