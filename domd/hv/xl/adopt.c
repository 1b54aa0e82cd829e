/* Adopts existing instances, started by an earlier domd or by hand. */
#include "hv/xl/internal.h"

#include <stdlib.h>

#include "hv/saved.h"

/* An earlier domd may have ended between the restore and the unpause. */
static void settle_taken(struct hv *hv, const struct slot *s)
{
    libxl_dominfo info;
    char *line;

    libxl_dominfo_init(&info);
    if (!xl_look_at(hv, s->domid, &info) || info.dying) {
        /* Unknown: saved_is_doubtful settles it at the next start. */
    } else if (!xl_never_ran(&info)) {
        saved_done(s->save_to, s->name);
    } else if (saved_give_back(s->save_to, s->name)) {
        line = xasprintf(
            "domain %s did not resume from its save, which is used again",
            s->name);
        hv->cb.mark(hv->cb.user, line);
        free(line);
    }
    libxl_dominfo_dispose(&info);
}

bool hv_adopt(struct hv *hv, unsigned int dom, unsigned int gen,
              const char *name, uint32_t domid, bool by_hand, bool saving,
              const char *save_to)
{
    struct slot *s = xl_slot_get(hv, dom);

    xl_slot_clear(hv, s);
    s->gen = gen;
    s->by_hand = by_hand;
    free(s->name);
    s->name = xstrdup(name);
    s->domid = domid;
    xl_set_save_to(s, save_to);
    /* An earlier domd ended during the save. Delete the partial save first:
     * memory older than the disks must not be used. */
    if (saving && xl_is_suspended(hv, domid)) {
        if (s->save_to) saved_drop(s->save_to, s->name);
        (void)libxl_domain_resume(hv->ctx, domid, 1, NULL);
    } else {
        s->cut_off = saving;
    }
    if (s->save_to) settle_taken(hv, s);
    xl_watch_on(hv, s);
    if (!xl_look_for_end(hv, s)) {
        xl_slot_clear(hv, s);
        return false;
    }
    return true;
}
