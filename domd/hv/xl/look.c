/* Asks the hypervisor and xenstore. */
#include "hv/xl/internal.h"

#include <stdlib.h>
#include <string.h>

bool xl_look_at(struct hv *hv, uint32_t domid, libxl_dominfo *info)
{
    int n = 0;
    int i;
    bool found = false;
    libxl_dominfo *all = libxl_list_domain(hv->ctx, &n);

    for (i = 0; all && i < n; i++) {
        if (all[i].domid != domid) continue;
        libxl_dominfo_copy(hv->ctx, info, &all[i]);
        found = true;
    }
    if (all) libxl_dominfo_list_free(all, n);
    return found;
}

bool xl_has_ended(const libxl_dominfo *info)
{
    return info->shutdown &&
           info->shutdown_reason != LIBXL_SHUTDOWN_REASON_SUSPEND;
}

bool xl_never_ran(const libxl_dominfo *info)
{
    return info->paused && !info->cpu_time;
}

bool xl_is_suspended(struct hv *hv, uint32_t domid)
{
    libxl_dominfo info;
    bool suspended;

    libxl_dominfo_init(&info);
    suspended = xl_look_at(hv, domid, &info) && info.shutdown &&
                info.shutdown_reason == LIBXL_SHUTDOWN_REASON_SUSPEND;
    libxl_dominfo_dispose(&info);
    return suspended;
}

bool xl_exists(struct hv *hv, uint32_t domid)
{
    libxl_dominfo info;
    bool found;

    libxl_dominfo_init(&info);
    found = xl_look_at(hv, domid, &info);
    libxl_dominfo_dispose(&info);
    return found;
}

char *xl_in_store(struct hv *hv, uint32_t domid, const char *node)
{
    char *path = xasprintf("/local/domain/%u/%s", (unsigned int)domid, node);
    unsigned int len;
    char *value = xs_read(hv->xs, XBT_NULL, path, &len);

    free(path);
    return value;
}
