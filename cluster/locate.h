/* Who decides about a GUID that this node has never heard of? The home, whose tag is in it;
 * when that is dead, any other node may hold a copy (PROTOCOL.md 3). */
#ifndef CLUSTER_LOCATE_H
#define CLUSTER_LOCATE_H

#include "cluster/state.h"

/* Sends STATUS_REQ; the answer comes to claims_on_located() or questions.h. False: there is
 * nobody to ask, so nobody knows it. */
bool locate_ask(struct cluster *c, struct op *op);

#endif
