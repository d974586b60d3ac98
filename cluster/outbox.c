#include "cluster/outbox.h"

#include <stdlib.h>

#define FIRST_ROOM 16u

void outbox_fini(struct outbox *o)
{
    free(o->ring);
    *o = (struct outbox){0};
}

uint32_t outbox_redeliver_left(uint32_t redeliver_ms, uint64_t aged_ms)
{
    return aged_ms < redeliver_ms ? redeliver_ms - (uint32_t)aged_ms : redeliver_ms > 0;
}

static bool grow(struct outbox *o)
{
    uint32_t room = o->room == 0 ? FIRST_ROOM : o->room * 2;
    struct outbox_item *ring = calloc(room, sizeof *ring);
    if (ring == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < o->count; i++) {
        ring[i] = *outbox_at(o, i);
    }
    free(o->ring);
    o->ring = ring;
    o->room = room;
    o->first = 0;
    return true;
}

static void drop_first(struct outbox *o)
{
    o->first = (o->first + 1) & (o->room - 1);
    o->count--;
    if (o->sent > 0) {
        o->sent--;
    }
}

bool outbox_add(struct outbox *o, const struct outbox_item *item)
{
    if (o->count == OUTBOX_MAX) {
        drop_first(o);
    }
    if (o->count == o->room && !grow(o)) {
        return false;
    }
    o->count++;
    *outbox_at(o, o->count - 1) = *item;
    return true;
}

struct outbox_item *outbox_at(const struct outbox *o, uint32_t n)
{
    return &o->ring[(o->first + n) & (o->room - 1)];
}

void outbox_confirm(struct outbox *o, uint64_t through)
{
    while (o->sent > 0 && outbox_at(o, 0)->sent_at <= through) {
        drop_first(o);
    }
    if (o->count == 0 && o->room > FIRST_ROOM) {
        outbox_fini(o); /* after a burst, small again */
    }
}

void outbox_rewind(struct outbox *o)
{
    o->sent = 0;
}
