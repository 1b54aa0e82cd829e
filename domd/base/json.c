#include "base/json.h"

#include <stdlib.h>
#include <string.h>

#include "base/visible.h"

yajl_gen json_new(void)
{
    yajl_gen g = yajl_gen_alloc(NULL);

    if (!g) abort();
    return g;
}

static void write_text(yajl_gen g, const char *text)
{
    size_t left = strlen(text);
    struct buf clean = {0};

    buf_add(&clean, "", 0);
    while (left) {
        size_t len = utf8_len(text, left);

        if (len)
            buf_add(&clean, text, len);
        else
            buf_add(&clean, "?", 1);
        len = len ? len : 1;
        text += len;
        left -= len;
    }
    yajl_gen_string(g, (const unsigned char *)clean.s, clean.len);
    buf_dispose(&clean);
}

static void write_key(yajl_gen g, const char *key)
{
    if (key) write_text(g, key);
}

void json_open(yajl_gen g, const char *key)
{
    write_key(g, key);
    yajl_gen_map_open(g);
}

void json_close(yajl_gen g)
{
    yajl_gen_map_close(g);
}

void json_array(yajl_gen g, const char *key)
{
    write_key(g, key);
    yajl_gen_array_open(g);
}

void json_array_end(yajl_gen g)
{
    yajl_gen_array_close(g);
}

void json_string(yajl_gen g, const char *key, const char *value)
{
    write_key(g, key);
    if (value)
        write_text(g, value);
    else
        yajl_gen_null(g);
}

void json_int(yajl_gen g, const char *key, int64_t value)
{
    write_key(g, key);
    yajl_gen_integer(g, value);
}

void json_bool(yajl_gen g, const char *key, bool value)
{
    write_key(g, key);
    yajl_gen_bool(g, value);
}

void json_strings(yajl_gen g, const char *key, const struct strlist *list)
{
    size_t i;

    json_array(g, key);
    for (i = 0; i < list->n; i++)
        json_string(g, NULL, list->v[i]);
    json_array_end(g);
}

void json_line(yajl_gen g, struct buf *out)
{
    const unsigned char *text;
    size_t len;

    yajl_gen_get_buf(g, &text, &len);
    buf_add(out, text, len);
    buf_add(out, "\n", 1);
    yajl_gen_free(g);
}

static yajl_val get_member(yajl_val v, const char *key, yajl_type type)
{
    const char *path[] = {key, NULL};

    if (!v || !YAJL_IS_OBJECT(v)) return NULL;
    return yajl_tree_get(v, path, type);
}

const char *json_get_string(yajl_val v, const char *key)
{
    yajl_val found = get_member(v, key, yajl_t_string);

    return found ? YAJL_GET_STRING(found) : NULL;
}

int64_t json_get_int(yajl_val v, const char *key, int64_t fallback)
{
    yajl_val found = get_member(v, key, yajl_t_number);

    return found && YAJL_IS_INTEGER(found) ? YAJL_GET_INTEGER(found)
                                           : fallback;
}

bool json_get_bool(yajl_val v, const char *key, bool fallback)
{
    yajl_val found = get_member(v, key, yajl_t_any);

    if (!found) return fallback;
    if (YAJL_IS_TRUE(found)) return true;
    if (YAJL_IS_FALSE(found)) return false;
    return fallback;
}

yajl_val json_get_array(yajl_val v, const char *key)
{
    return get_member(v, key, yajl_t_array);
}

size_t json_len(yajl_val array)
{
    return array && array->type == yajl_t_array ? array->u.array.len : 0;
}

yajl_val json_at(yajl_val array, size_t i)
{
    return i < json_len(array) ? array->u.array.values[i] : NULL;
}

void json_get_strings(yajl_val v, const char *key, struct strlist *list)
{
    yajl_val array = json_get_array(v, key);
    size_t i;

    for (i = 0; i < json_len(array); i++) {
        const char *text = YAJL_GET_STRING(json_at(array, i));

        if (text) strlist_add(list, text);
    }
}
