/* Events in order, each under a running number, in a ring that grows by doubling. Who reads
 * them keeps a number of his own; what all readers have passed is dropped. */
#ifndef CLUSTER_EVENT_RING_H
#define CLUSTER_EVENT_RING_H

#include <stdbool.h>
#include <stdint.h>

struct event {
    uint64_t seq;
    uint16_t origin; /* number of a node */
    uint8_t reason;  /* of an end */
};

/* Zeroed: empty. */
struct event_ring {
    struct event *at;
    uint32_t room;       /* a power of two, or 0 */
    uint64_t first, end; /* running numbers */
};

void event_ring_fini(struct event_ring *r);

/* The one of that number, which is at least `first` and below `end`. */
struct event *event_ring_at(const struct event_ring *r, uint64_t number);

/* False: no memory, and nothing has changed. */
bool event_ring_push(struct event_ring *r, const struct event *e);

/* Nobody needs what is below that number. */
void event_ring_drop_to(struct event_ring *r, uint64_t number);

#endif
