/* Taking work in at its home: arbiters chosen and frozen, copies sent, and the 202 only when
 * enough of them are confirmed (PROTOCOL.md 6; reference 5).
 *
 *   cluster_accept -> ACCEPT to A[1], A[2] -> ACCEPT_ACK ... -> ACCEPTED
 *                                          -> 250 ms, or too many ACCEPT_NAK -> REFUSED
 */
#ifndef CLUSTER_ACCEPT_H
#define CLUSTER_ACCEPT_H

#include "cluster/state.h"

/* Also for EXEC, which is confirmed in the same way. */
void accept_timeout(struct cluster *c, struct op *op);

void accept_on_accept(struct cluster *c, uint16_t from, uint64_t link,
                      const struct msg_accept *m, uint64_t aged_ms);
void accept_on_ack(struct cluster *c, uint16_t from, const struct msg_ack *m);
void accept_on_nak(struct cluster *c, uint16_t from, const struct msg_ack *m);

#endif
