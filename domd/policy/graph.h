/*
 * The order in which domains start: a graph whose nodes are policies and whose
 * edges are `after` and `requires`.
 */
#ifndef DOMD_POLICY_GRAPH_H
#define DOMD_POLICY_GRAPH_H

#include "policy/policy.h"

/* Finds a cycle that goes through policy FROM. Returns "a -> b -> a", with
 * every member named, which the caller frees; or NULL. Names that are not
 * among the N policies count as no edge. */
char *graph_cycle(struct policy *const *v, size_t n, size_t from);

/* The level of each policy: 0 for those that depend on nothing, and one more
 * than the highest that it depends on for the others. LEVELS has room for N.
 * Members of a cycle get level 0. Returns the number of levels. */
unsigned int graph_levels(struct policy *const *v, size_t n,
                          unsigned int *levels);

/* The order as text, one line for each level, or in the language of
 * graphviz. Both are appended to *OUT. */
void graph_text(struct policy *const *v, size_t n, struct buf *out);
void graph_dot(struct policy *const *v, size_t n, struct buf *out);

#endif
