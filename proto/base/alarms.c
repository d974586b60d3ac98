#include "base/alarms.h"

#include <assert.h>
#include <stdlib.h>

#define ALARMS_FIRST_ROOM 64u

void alarms_fini(struct alarms *as)
{
    free(as->heap);
    *as = (struct alarms){0};
}

bool alarms_reserve(struct alarms *as, uint32_t count)
{
    if (count <= as->room) {
        return true;
    }
    uint32_t room = as->room == 0 ? ALARMS_FIRST_ROOM : as->room * 2;
    while (room < count) {
        room *= 2;
    }
    struct alarm **heap = realloc(as->heap, room * sizeof(struct alarm *));
    if (heap == NULL) {
        return false;
    }
    as->heap = heap;
    as->room = room;
    return true;
}

static void put(struct alarms *as, uint32_t at, struct alarm *a)
{
    as->heap[at] = a;
    a->place = at + 1;
}

static void sift_up(struct alarms *as, uint32_t at)
{
    struct alarm *a = as->heap[at];
    while (at > 0 && as->heap[(at - 1) / 2]->at_ms > a->at_ms) {
        put(as, at, as->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    put(as, at, a);
}

static void sift_down(struct alarms *as, uint32_t at)
{
    struct alarm *a = as->heap[at];
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= as->size) {
            break;
        }
        if (child + 1 < as->size && as->heap[child + 1]->at_ms < as->heap[child]->at_ms) {
            child++;
        }
        if (as->heap[child]->at_ms >= a->at_ms) {
            break;
        }
        put(as, at, as->heap[child]);
        at = child;
    }
    put(as, at, a);
}

void alarm_clear(struct alarms *as, struct alarm *a)
{
    if (a->place == 0) {
        return;
    }
    uint32_t at = a->place - 1;
    a->place = 0;
    struct alarm *last = as->heap[--as->size];
    if (last == a) {
        return;
    }
    put(as, at, last);
    sift_up(as, at);
    sift_down(as, last->place - 1);
}

void alarm_set(struct alarms *as, struct alarm *a, uint64_t at_ms)
{
    alarm_clear(as, a);
    assert(as->size < as->room); /* alarms_reserve() */
    a->at_ms = at_ms;
    as->heap[as->size] = a;
    as->size++;
    sift_up(as, as->size - 1);
}

struct alarm *alarms_due(struct alarms *as, uint64_t now_ms)
{
    if (as->size == 0 || as->heap[0]->at_ms > now_ms) {
        return NULL;
    }
    struct alarm *a = as->heap[0];
    alarm_clear(as, a);
    return a;
}

uint64_t alarms_deadline_ms(const struct alarms *as)
{
    return as->size == 0 ? UINT64_MAX : as->heap[0]->at_ms;
}
