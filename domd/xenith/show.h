/* Formats domd's answers. */
#ifndef DOMD_XENITH_SHOW_H
#define DOMD_XENITH_SHOW_H

#include "base/json.h"

/* The table of `xenith status`. */
void show_status(yajl_val answer, struct buf *out);
/* An event as one line of text. */
void show_event(yajl_val event, struct buf *out);
/* An answer to "metrics" in Prometheus' text format, version 0.0.4. */
void show_metrics(yajl_val answer, struct buf *out);
/* "3 d 4 h", "12 min", "5 s". The caller frees it. */
char *show_duration(int64_t ms);

#endif
