/* Handing the votes of a leaving node to an heir (docs/protocol.md, "Leaving"; seats.h says
 * what a seat is).
 *
 *   choose -> OFFER what it may lack -> SEAT, SEAT_ACK for each entry -> MOVED, until it is
 *   heard from the heir, who tells everybody
 *
 * With SEAT this node stops voting there for ever, before the heir begins to; whether the heir
 * has begun or not is all that is uncertain. What comes for such a seat is passed on to the
 * heir in the order in which it came, so that no claim, RELEASE or TAKEN is lost meanwhile.
 * Nothing is ever taken back: a hand-off that does not succeed costs a vote, as a crash does.
 * Only in strict mode: in available mode the next arbiter votes for the dead anyway. */
#ifndef CLUSTER_HANDOFF_H
#define CLUSTER_HANDOFF_H

#include "cluster/members.h"

/* 0: none, as long as this node does not leave. */
uint16_t handoff_heir(const struct cluster *c);

/* While draining. Returns when it wants to be called again. */
uint64_t handoff_tick(struct cluster *c);

/* All that this node had to vote on is its heir's, and everybody can know. */
bool handoff_is_done(const struct cluster *c);

void handoff_fini(struct cluster *c);

/* Something for a seat that may have been given away: passed on if so. */
bool handoff_claim(struct cluster *c, const struct msg_claim *m, uint32_t seat);
void handoff_release(struct cluster *c, const struct guid *guid, uint16_t node,
                     uint64_t counter);
void handoff_taken(struct cluster *c, const struct msg_taken_item *item);

void handoff_on_seat(struct cluster *c, struct member *from, const struct msg_seat *m);
void handoff_on_seat_ack(struct cluster *c, struct member *from, const struct msg_seat_ack *m);
void handoff_on_moved(struct cluster *c, const struct member *from, const struct msg_moved *m);

#endif
