/* RELEASE and TAKEN for one member, in order, until it has confirmed them; over a new link
 * they are said again. So a broken link leaves no vote behind, and releases none that was
 * taken. Bounded: the oldest is dropped, which costs a vote its time, never its safety. */
#ifndef CLUSTER_OUTBOX_H
#define CLUSTER_OUTBOX_H

#include "proto/msg.h"

#define OUTBOX_MAX 65536u /* items */

struct outbox_item {
    struct msg_taken_item taken; /* RELEASE: guid and counter only */
    uint64_t since_ms;           /* TAKEN: redeliver_ms counts from then */
    uint64_t sent_at;            /* the lane's flow after it; 0: not sent on this link */
    bool is_release;
};

struct outbox {
    struct outbox_item *ring;
    uint32_t room, first, count;
    uint32_t sent; /* the first so many are on their way */
};

void outbox_fini(struct outbox *o);

/* What is left of redeliver_ms after that time; never 0, which would be "for good". */
uint32_t outbox_redeliver_left(uint32_t redeliver_ms, uint64_t aged_ms);

/* False: no memory. */
bool outbox_add(struct outbox *o, const struct outbox_item *item);

/* The n-th, the oldest being 0. */
struct outbox_item *outbox_at(const struct outbox *o, uint32_t n);

/* All that was sent up to that flow has arrived. */
void outbox_confirm(struct outbox *o, uint64_t through);

/* The link is gone: nothing is on its way. */
void outbox_rewind(struct outbox *o);

#endif
