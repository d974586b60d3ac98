/* What the home of an entry (or who acts for a dead one) tells all others about it. */
#ifndef CLUSTER_PUBLISH_H
#define CLUSTER_PUBLISH_H

#include "cluster/state.h"

/* Does this node speak, and count, for the entry? Its home does; of a dead one, the first of
 * its arbiters that lives. */
bool publish_is_owner(const struct cluster *c, const struct invocation *inv);

/* The callback exists, made here. */
void publish_created(struct cluster *c, struct invocation *inv);

/* It ends; said by the owner only. */
void publish_ended(struct cluster *c, struct invocation *inv, enum invocation_state end);

#endif
