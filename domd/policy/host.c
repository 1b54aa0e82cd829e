#include "policy/host.h"

#include <string.h>
#include <unistd.h>

#define XL_CONF      "/etc/xen/xl.conf"
#define DEVICE_MODEL "/usr/libexec/xen/bin/qemu-system-i386"

void host_facts(libxl_ctx *ctx, struct host *host)
{
    libxl_physinfo info;
    libxl_dominfo dom0;

    memset(host, 0, sizeof(*host));
    host->unknown = true;
    libxl_physinfo_init(&info);
    libxl_dominfo_init(&dom0);
    if (libxl_get_physinfo(ctx, &info)) goto out;
    host->unknown = false;
    if (info.cap_hvm) strlist_add(&host->words, "hvm");
    if (info.cap_pv) strlist_add(&host->words, "pv");
    if (info.cap_hap) strlist_add(&host->words, "hap");
    if (info.cap_hvm_directio) strlist_add(&host->words, "iommu");
    host->bridge = xl_default_bridge(XL_CONF);
    if (!access(DEVICE_MODEL, X_OK))
        strlist_add(&host->words, HOST_DEVICE_MODEL);
    /* Pages of 4 KiB, as everywhere on x86. */
    host->total_mb = (long)(info.total_pages / 256);
    if (!libxl_domain_info(ctx, &dom0, 0))
        host->total_mb -= (long)(dom0.current_memkb / 1024);
out:
    libxl_dominfo_dispose(&dom0);
    libxl_physinfo_dispose(&info);
}
