/* How a claim ends, and what its end gives back: RELEASE when it did not finish, TAKEN when it
 * did. In each of these the op is no more afterwards, and the next in line may have begun. */
#ifndef CLUSTER_CLAIM_END_H
#define CLUSTER_CLAIM_END_H

#include "cluster/answer.h"
#include "cluster/state.h"

/* It did not finish; nothing is answered. */
void claim_give_up(struct cluster *c, struct op *op);

/* Answers, and gives up. */
void claim_finish(struct cluster *c, struct op *op, enum answer answer,
                  enum invocation_state end);

/* Its client may ask again for what it has got, or was about to. A webhook's attempts share a
 * token as well, but each ends for itself. */
bool claim_is_by_client_token(const struct op *op);

/* It has finished: the entry ends everywhere, or is kept for the claim's token only. */
void claim_take(struct cluster *c, struct op *op, enum invocation_state end);

/* The entry itself has ended: other arbiters only are told, the line is not looked at. */
void claim_forget(struct cluster *c, struct op *op);

/* One vote or place back to one arbiter. */
void claim_release_one(struct cluster *c, const struct guid *guid, uint16_t node,
                       uint64_t counter);

/* Those of this node who wait without need begin. */
void claim_wake_line(struct cluster *c, const struct guid *guid);

#endif
