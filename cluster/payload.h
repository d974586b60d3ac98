/* Bodies too large for one message, in both directions: chunks follow ACCEPT and CREATE on the
 * bulk lane and are put together here; chunks are sent to claimers who ask. */
#ifndef CLUSTER_PAYLOAD_H
#define CLUSTER_PAYLOAD_H

#include "cluster/state.h"

/* All of it, as views into the one buffer. False: the link is gone. */
bool payload_send_all(struct cluster *c, uint16_t node, const struct guid *guid,
                      enum msg_payload_of of, struct buf *body);

/* A body that will follow. */
struct payload_coming {
    struct guid guid;
    enum msg_payload_of of;
    uint64_t size;       /* bytes */
    struct buf *headers; /* taken over */
    uint16_t status;     /* of a result */
    bool failed;
};

/* False: no room. */
bool payload_expect(struct cluster *c, uint16_t from, struct payload_coming *coming);

void payload_on_payload(struct cluster *c, uint16_t from, const struct msg_payload *m);
void payload_on_req(struct cluster *c, uint16_t from, const struct msg_payload_req *m);

/* What was on its way over a link to that node will not be complete. */
void payload_link_lost(struct cluster *c, uint16_t node);

void payload_forget(struct cluster *c, const struct invocation *inv);

/* A result's body for it is on its way here. */
bool payload_is_coming(const struct cluster *c, const struct invocation *inv);

#define PAYLOAD_ASK_MAX 32u

/* How many bodies may be asked for at a time: that, or 0 where there is no room for copies. */
uint32_t payload_may_ask(const struct cluster *c);

#endif
