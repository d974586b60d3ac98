/* Messages to other nodes, as effects. A message to a node without a link is not sent: every
 * exchange has its own way of noticing that (a timer, a digest, a member's end). */
#ifndef CLUSTER_SEND_H
#define CLUSTER_SEND_H

#include "cluster/state.h"

/* False: no link, or no memory. References in the message are taken over in either case. */
bool send_control(struct cluster *c, uint16_t node, const struct msg *m);
bool send_bulk(struct cluster *c, uint16_t node, const struct msg *m);

/* The end of a claim, to one of its arbiters: these are kept until the other side has
 * confirmed them, and said again over a new link, in order. So no vote is left behind by a
 * link that broke, and none is released that was taken. Batched. */
/* For another, whose claim it was. */
void send_release_of(struct cluster *c, uint16_t node, const struct guid *guid,
                     const struct msg_claim_no *no);
void send_release(struct cluster *c, uint16_t node, const struct guid *guid, uint64_t counter);
void send_taken(struct cluster *c, uint16_t node, const struct msg_taken_item *item);

/* Says what was not said yet on this link. */
struct member;
void send_outbox(struct cluster *c, struct member *to);

/* One without references, to every member that has a control link. */
void send_to_all(struct cluster *c, const struct msg *m);

/* Before it is known who is at the other end. False: no memory. */
struct link;
bool send_on_link(struct cluster *c, const struct link *link, const struct msg *m);

#endif
