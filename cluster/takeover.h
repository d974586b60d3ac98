/* What becomes of the invocations of a dead home (PROTOCOL.md 6): its first
 * arbiter that lives acts for it. Level-triggered: as long as the home is held for dead, all of
 * its entries are looked at again and again, and offered to the arbiters that may lack them;
 * a suspicion that was wrong, or a message that was lost, changes nothing for good.
 *
 * An attempt is counted and told before it runs, so that a request that kills its node cannot
 * take one node after the other with it. */
#ifndef CLUSTER_TAKEOVER_H
#define CLUSTER_TAKEOVER_H

#include "cluster/members.h"

/* A member's state has changed. */
void takeover_wake(struct cluster *c);

/* The request is here, whole. */
bool takeover_has_request(const struct cluster *c, const struct invocation *inv);

/* What whoever gets a copy is told: the attempt that runs, that is announced, or that will run
 * where it waits now. So none is forgotten. */
uint8_t takeover_attempt(const struct cluster *c, const struct invocation *inv);

/* Returns when to look again. */
uint64_t takeover_tick(struct cluster *c);

void takeover_on_offer(struct cluster *c, struct member *from, const struct msg_seqs *m);
void takeover_on_exec(struct cluster *c, struct member *from, const struct msg_exec *m);

/* For the op that waits for EXEC to be confirmed. */
void takeover_on_ack(struct cluster *c, struct op *op, struct invocation *inv, uint16_t from,
                     uint8_t attempt);
void takeover_timeout(struct cluster *c, struct op *op, struct invocation *inv);

#endif
