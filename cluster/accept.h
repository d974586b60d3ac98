/* Taking work in at its home: arbiters chosen and frozen, copies sent, and the 202 only when
 * enough of them are confirmed (PROTOCOL.md 6). And the other side: keeping such
 * a copy.
 *
 *   cluster_accept -> ACCEPT to A[1], A[2] -> ACCEPT_ACK ... -> ACCEPTED
 *                                          -> too late, or too many ACCEPT_NAK
 *                                             -> REFUSED
 */
#ifndef CLUSTER_ACCEPT_H
#define CLUSTER_ACCEPT_H

#include "cluster/state.h"

/* Also for EXEC, which is confirmed in the same way. */
void accept_timeout(struct cluster *c, struct op *op);

/* The entry ends: nobody waits for its copies any more. */
void accept_forget(struct cluster *c, struct invocation *inv);

/* It is ready or ends while its copies are still waited for: then it was accepted, which the
 * core hears first. */
void accept_settle(struct cluster *c, struct invocation *inv);

/* `aged_ms`: how long the message was on its way. */
void accept_on_accept(struct cluster *c, uint16_t from, const struct msg_accept *m,
                      uint64_t aged_ms);
void accept_on_ack(struct cluster *c, uint16_t from, const struct msg_ack *m);
void accept_on_nak(struct cluster *c, uint16_t from, const struct msg_ack *m);

/* A new link to that arbiter: what it has not answered may have been lost with the old one. */
void accept_on_link_up(struct cluster *c, struct member *to);

/* The last piece of a large request has come; `body` is taken over. `inv` may be NULL. */
void accept_request_complete(struct cluster *c, struct invocation *inv, uint16_t from,
                             struct buf *body);

/* "I have the copy", or "I know of that attempt". */
void accept_confirm(struct cluster *c, uint16_t to, const struct guid *guid, uint8_t attempt);

#endif
