#include "cluster/event_ring.h"

#include <stdlib.h>

enum {
    ROOM_FIRST = 64,
    ROOM_KEPT = 4096, /* larger ones are given back when they are empty */
};

void event_ring_fini(struct event_ring *r)
{
    free(r->at);
    *r = (struct event_ring){0};
}

struct event *event_ring_at(const struct event_ring *r, uint64_t number)
{
    return &r->at[number & (r->room - 1)];
}

bool event_ring_push(struct event_ring *r, const struct event *e)
{
    if (r->end - r->first == r->room) {
        uint32_t room = r->room == 0 ? ROOM_FIRST : r->room * 2;
        struct event *at = malloc(room * sizeof *at);
        if (at == NULL) {
            return false;
        }
        for (uint64_t n = r->first; n < r->end; n++) {
            at[n & (room - 1)] = *event_ring_at(r, n);
        }
        free(r->at);
        r->at = at;
        r->room = room;
    }
    *event_ring_at(r, r->end) = *e;
    r->end++;
    return true;
}

void event_ring_drop_to(struct event_ring *r, uint64_t number)
{
    r->first = number;
    if (r->first == r->end && r->room > ROOM_KEPT) {
        free(r->at);
        r->at = NULL;
        r->room = 0;
    }
}
