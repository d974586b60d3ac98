/* The callback's bytes for a claim that has its votes: from this node's own entry, or from an
 * arbiter that granted, in chunks that are asked for as they arrive. */
#ifndef CLUSTER_FETCH_H
#define CLUSTER_FETCH_H

#include "cluster/state.h"

/* Serves at once when the payload is here. The claim may be over afterwards. */
void fetch_begin(struct cluster *c, struct op *op);

/* Time passed, or a member was lost: the next source. */
void fetch_again(struct cluster *c, struct op *op);

void fetch_on_payload(struct cluster *c, uint16_t from, const struct msg_payload *m);

/* The payload is here now, by its own way. */
void fetch_on_arrived(struct cluster *c, struct op *op);

#endif
