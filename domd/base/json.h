/* JSON with yajl: short calls to write it, and lookups by key. */
#ifndef DOMD_BASE_JSON_H
#define DOMD_BASE_JSON_H

#include <yajl/yajl_gen.h>
#include <yajl/yajl_tree.h>

#include "base/util.h"

/* Writing. A KEY of NULL writes the bare value, as an element of an array.
 * Invalid UTF-8 (from a guest, say) is replaced. */
yajl_gen json_new(void);
void json_open(yajl_gen g, const char *key);  /* { */
void json_close(yajl_gen g);                  /* } */
void json_array(yajl_gen g, const char *key); /* [ */
void json_array_end(yajl_gen g);              /* ] */
void json_string(yajl_gen g, const char *key, const char *value);
void json_int(yajl_gen g, const char *key, int64_t value);
void json_bool(yajl_gen g, const char *key, bool value);
/* An array of strings. */
void json_strings(yajl_gen g, const char *key, const struct strlist *list);
/* Appends the document and a newline to *OUT, and frees G. */
void json_line(yajl_gen g, struct buf *out);

/* Reading. A member that is missing or of another type yields NULL, FALLBACK
 * and so on. */
const char *json_get_string(yajl_val v, const char *key);
int64_t json_get_int(yajl_val v, const char *key, int64_t fallback);
bool json_get_bool(yajl_val v, const char *key, bool fallback);
yajl_val json_get_array(yajl_val v, const char *key);
/* Appends the strings of an array to *LIST; skips other elements. */
void json_get_strings(yajl_val v, const char *key, struct strlist *list);
/* Number of elements of an array; a NULL array is empty. */
size_t json_len(yajl_val array);
yajl_val json_at(yajl_val array, size_t i);

#endif
