/*
 * The start order of domains: a graph whose nodes are policies and whose edges
 * are `after` and `requires`.
 */
#ifndef DOMD_POLICY_GRAPH_H
#define DOMD_POLICY_GRAPH_H

#include "policy/policy.h"

/* Finds a dependency cycle through policy FROM. Returns "a -> b -> a", with
 * every member named, which the caller frees; or NULL. Names that are not
 * among the N policies are ignored. */
char *graph_cycle(struct policy *const *v, size_t n, size_t from);

/* Append the order to *OUT: as text, one line per level, or in the language of
 * graphviz. */
void graph_text(struct policy *const *v, size_t n, struct buf *out);
void graph_dot(struct policy *const *v, size_t n, struct buf *out);

#endif
