#include "policy/graph.h"

#include <stdlib.h>
#include <string.h>

static size_t find_index(struct policy *const *v, size_t n, const char *name)
{
    size_t i;

    for (i = 0; i < n; i++) {
        if (!strcmp(v[i]->name, name)) return i;
    }
    return n;
}

/* The K-th dependency of a policy, over both lists; NULL after the last. */
static const char *get_dependency(const struct policy *p, size_t k)
{
    if (k < p->requires.n) return p->requires.v[k];
    k -= p->requires.n;
    return k < p->after.n ? p->after.v[k] : NULL;
}

/* Depth-first search from AT to GOAL, over nodes that are not yet SEEN. The
 * path is in PATH, its length in *LEN. */
static bool find_path(struct policy *const *v, size_t n, size_t at,
                      size_t goal, bool *seen, size_t *path, size_t *len)
{
    const char *name;
    size_t k;

    path[(*len)++] = at;
    for (k = 0; (name = get_dependency(v[at], k)); k++) {
        size_t next = find_index(v, n, name);

        if (next == goal) return true;
        if (next == n || seen[next]) continue;
        seen[next] = true;
        if (find_path(v, n, next, goal, seen, path, len)) return true;
    }
    (*len)--;
    return false;
}

char *graph_cycle(struct policy *const *v, size_t n, size_t from)
{
    bool *seen = xcalloc(n, sizeof(*seen));
    size_t *path = xcalloc(n + 1, sizeof(*path));
    size_t len = 0;
    struct buf text = {0};
    size_t i;

    if (find_path(v, n, from, from, seen, path, &len)) {
        for (i = 0; i < len; i++)
            buf_addf(&text, "%s -> ", v[path[i]]->name);
        buf_addf(&text, "%s", v[from]->name);
    }
    free(seen);
    free(path);
    return text.s;
}

/* The level of each policy: 0 without dependencies, otherwise one more than
 * its highest dependency. LEVELS has room for N. Members of a cycle get level
 * 0. Returns the number of levels. */
static unsigned int find_levels(struct policy *const *v, size_t n,
                                unsigned int *levels)
{
    unsigned int highest = 0;
    bool changed = true;
    size_t rounds;
    size_t i;
    size_t k;

    memset(levels, 0, n * sizeof(*levels));
    /* Without a cycle, no level exceeds the number of nodes. */
    for (rounds = 0; changed && rounds < n; rounds++) {
        changed = false;
        for (i = 0; i < n; i++) {
            const char *name;

            for (k = 0; (name = get_dependency(v[i], k)); k++) {
                size_t on = find_index(v, n, name);

                if (on == n || levels[i] > levels[on]) continue;
                levels[i] = levels[on] + 1;
                changed = true;
            }
        }
    }
    for (i = 0; i < n; i++) {
        char *cycle = levels[i] ? graph_cycle(v, n, i) : NULL;

        if (cycle) levels[i] = 0;
        free(cycle);
    }
    for (i = 0; i < n; i++) {
        if (levels[i] > highest) highest = levels[i];
    }
    return n ? highest + 1 : 0;
}

void graph_text(struct policy *const *v, size_t n, struct buf *out)
{
    unsigned int *levels = xcalloc(n, sizeof(*levels));
    unsigned int count = find_levels(v, n, levels);
    unsigned int level;
    const char *name;
    size_t i;
    size_t k;

    for (level = 0; level < count; level++) {
        buf_addf(out, "%u\n", level + 1);
        for (i = 0; i < n; i++) {
            if (levels[i] != level) continue;
            buf_addf(out, "   %s%s", v[i]->name,
                     v[i]->autostart ? "" : " (not at boot)");
            for (k = 0; (name = get_dependency(v[i], k)); k++)
                buf_addf(out, "%s %s %s", k ? "," : ":",
                         k < v[i]->requires.n ? "requires" : "after", name);
            buf_add(out, "\n", 1);
        }
    }
    free(levels);
}

void graph_dot(struct policy *const *v, size_t n, struct buf *out)
{
    const char *name;
    size_t i;
    size_t k;

    buf_addf(out, "digraph domains {\n    rankdir = RL;\n");
    for (i = 0; i < n; i++) {
        buf_addf(out, "    \"%s\"%s;\n", v[i]->name,
                 v[i]->autostart ? "" : " [style = dashed]");
        for (k = 0; (name = get_dependency(v[i], k)); k++)
            buf_addf(out, "    \"%s\" -> \"%s\"%s;\n", v[i]->name, name,
                     k < v[i]->requires.n ? "" : " [style = dotted]");
    }
    buf_addf(out, "}\n");
}
