#include "agenda.h"

#include <assert.h>
#include <stdlib.h>

static bool is_before(const struct event *x, const struct event *y)
{
    return x->at_us != y->at_us ? x->at_us < y->at_us : x->order < y->order;
}

static void grow(struct agenda *g)
{
    size_t room = g->room == 0 ? 256 : g->room * 2;
    struct event *heap = realloc(g->heap, room * sizeof *heap);
    assert(heap != NULL);
    g->heap = heap;
    g->room = room;
}

void agenda_fini(struct agenda *g)
{
    free(g->heap);
    *g = (struct agenda){0};
}

void agenda_add(struct agenda *g, struct event e)
{
    if (g->count == g->room) {
        grow(g);
    }
    if (e.order == 0) {
        e.order = ++g->added;
    }
    size_t i = g->count++;
    while (i > 0 && is_before(&e, &g->heap[(i - 1) / 2])) {
        g->heap[i] = g->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    g->heap[i] = e;
}

bool agenda_next(struct agenda *g, struct event *out)
{
    if (g->count == 0) {
        return false;
    }
    *out = g->heap[0];
    struct event last = g->heap[--g->count];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= g->count) {
            break;
        }
        if (child + 1 < g->count && is_before(&g->heap[child + 1], &g->heap[child])) {
            child++;
        }
        if (!is_before(&g->heap[child], &last)) {
            break;
        }
        g->heap[i] = g->heap[child];
        i = child;
    }
    g->heap[i] = last;
    return true;
}

const char *event_kind_text(enum event_kind kind)
{
    static const char *const texts[EVENT_KIND_COUNT] = {
#define EVENT_TEXT(NAME) [EVENT_##NAME] = #NAME,
        EVENT_KINDS(EVENT_TEXT)
#undef EVENT_TEXT
    };
    assert(kind < EVENT_KIND_COUNT);
    return texts[kind];
}
