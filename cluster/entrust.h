/* Handing over the work of a home that leaves (PROTOCOL.md, last sentence of "Failure detection
 * and joining"): what is still queued at once; what still runs when it has had its time, if it
 * may run again.
 *
 *   EXEC(executor: another) -> ACCEPT_ACK: it runs there | ACCEPT_NAK, silence: it runs here
 *
 * It goes to the first of its arbiters that stays, because that is who would take it over once
 * this node is gone; the attempt that is told is the one to come, so waiting costs none. */
#ifndef CLUSTER_ENTRUST_H
#define CLUSTER_ENTRUST_H

#include "cluster/members.h"

/* While draining. Returns when it wants to be called again. */
uint64_t entrust_tick(struct cluster *c);

/* The op that waits for the answer. */
void entrust_on_ack(struct cluster *c, struct op *op, struct invocation *inv, uint8_t attempt);
void entrust_on_nak(struct cluster *c, struct op *op, struct invocation *inv,
                    const struct msg_ack *m);
void entrust_timeout(struct cluster *c, struct op *op, struct invocation *inv);

/* This node is asked to run it. */
void entrust_on_exec(struct cluster *c, struct member *from, const struct msg_exec *m);

#endif
