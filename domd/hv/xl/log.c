/* Keeps libxl's errors, and finds the reason of a failure. */
#include "hv/xl/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCRIPT "script: " /* before a hotplug script's words */

static void logger_message(struct xentoollog_logger *l, xentoollog_level level,
                           int errnoval, const char *context,
                           const char *format, va_list args)
    __attribute__((format(printf, 5, 0)));

static void logger_message(struct xentoollog_logger *l, xentoollog_level level,
                           int errnoval, const char *context,
                           const char *format, va_list args)
{
    struct hv *hv = ((struct logger *)l)->hv;
    char *text;
    char *line;

    if (level < XTL_WARN) return;
    text = xvasprintf(format, args);
    if (errnoval >= 0) {
        line = xasprintf("%s: %s", text, strerror(errnoval));
        free(text);
        text = line;
    }
    if (level >= XTL_ERROR) {
        struct logged *e = &hv->errors[hv->n_errors % ERRORS_MAX];
        const char *from = text;
        unsigned int domid;
        int used = 0;

        /* "libxl_x.c:123:function: Domain 7:what went wrong" */
        if (strstr(from, "Domain ")) from = strstr(from, "Domain ");
        e->number = hv->n_errors++;
        e->domid = HV_NO_DOMID;
        if (sscanf(from, "Domain %u:%n", &domid, &used) == 1 && used) {
            e->domid = domid;
            from += used;
        } else if (!strncmp(from, "libxl", 5)) {
            const char *colon = strstr(from, ": ");

            if (colon) from = colon + 2;
        }
        snprintf(e->text, sizeof(e->text), "%s", from);
    }
    line = xasprintf("%s: %s", context ? context : "libxl", text);
    hv->cb.log(hv->cb.user, line);
    free(line);
    free(text);
}

static void logger_progress(struct xentoollog_logger *l, const char *context,
                            const char *what, int percent, unsigned long done,
                            unsigned long total)
{
    (void)l;
    (void)context;
    (void)what;
    (void)percent;
    (void)done;
    (void)total;
}

static void logger_destroy(struct xentoollog_logger *l)
{
    (void)l;
}

void xl_logger_init(struct hv *hv)
{
    hv->logger.vtable.vmessage = logger_message;
    hv->logger.vtable.progress = logger_progress;
    hv->logger.vtable.destroy = logger_destroy;
    hv->logger.hv = hv;
}

/* Whether an error about DOMID may be about this slot. */
static bool may_be_about(const struct hv *hv, const struct slot *s,
                         uint32_t domid)
{
    unsigned int i;

    if (domid == HV_NO_DOMID) return true;
    if (s->domid != HV_NO_DOMID) return domid == s->domid;
    if (s->guess != HV_NO_DOMID) return domid == s->guess;
    for (i = 0; i < hv->n_slots; i++) {
        const struct slot *o = hv->slots[i];

        if (o && (o->domid == domid || o->guess == domid)) return false;
    }
    return true;
}

/* The first error since the operation began: later ones are consequences. But
 * the words of a hotplug script come after its status. */
const char *xl_why(const struct hv *hv, const struct slot *s, int rc)
{
    static char text[256];
    uint64_t i = hv->n_errors > ERRORS_MAX ? hv->n_errors - ERRORS_MAX : 0;

    text[0] = '\0';
    for (; i < hv->n_errors; i++) {
        const struct logged *e = &hv->errors[i % ERRORS_MAX];

        if (e->number < s->first_error || !may_be_about(hv, s, e->domid))
            continue;
        if (!strncmp(e->text, SCRIPT, strlen(SCRIPT))) {
            snprintf(text, sizeof(text), "%s", e->text + strlen(SCRIPT));
            return text;
        }
        if (!text[0]) snprintf(text, sizeof(text), "%s", e->text);
    }
    if (text[0]) return text;
    snprintf(text, sizeof(text), "libxl error %s",
             libxl_error_to_string(rc) ? libxl_error_to_string(rc) : "?");
    return text;
}
