/* What is told of an invocation, from an entry or from a tombstone. */
#ifndef CLUSTER_VIEW_H
#define CLUSTER_VIEW_H

#include "cluster/state.h"

/* The texts live as long as the entry. */
void view_of_entry(struct invocation_view *out, const struct cluster *c,
                   const struct invocation *inv);

void view_of_tomb(struct invocation_view *out, const struct cluster *c, const struct tomb *t);

/* Of whichever is here and that tenant's; false: neither, and `known` is false. */
bool view_find(struct invocation_view *out, const struct cluster *c, const struct guid *guid,
               uint16_t tenant);

#endif
