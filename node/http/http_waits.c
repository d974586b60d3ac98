#include "http/http_waits.h"

#include "io/timer.h"

#include <assert.h>

/* Ended in one turn. Who came together is due together: thousands of connections closed in one
 * go would hold up everybody else. */
#define ENDS_A_TURN 8u
#define AGAIN_MS    1u

static void arm(struct http_waits *ws, uint64_t at_ms)
{
    uint64_t now_ms = loop_now_ms(ws->loop);
    ws->armed_at_ms = at_ms;
    timer_start(ws->timer, at_ms > now_ms ? at_ms - now_ms : 0);
}

static struct http_wait *first_of(const struct http_waits *ws, size_t kind)
{
    const struct list *list = &ws->lists[kind];
    return list_is_empty(list) ? NULL : list_item(list->next, struct http_wait, link);
}

static struct http_wait *first_due(const struct http_waits *ws)
{
    struct http_wait *first = NULL;
    for (size_t kind = 0; kind < HTTP_WAIT_COUNT; kind++) {
        struct http_wait *w = first_of(ws, kind);
        first = first == NULL || (w != NULL && w->due_at_ms < first->due_at_ms) ? w : first;
    }
    return first;
}

static void on_timer(void *owner)
{
    struct http_waits *ws = owner;
    uint64_t now_ms = loop_now_ms(ws->loop);
    unsigned ended = 0;
    struct http_wait *w;
    ws->armed_at_ms = UINT64_MAX;
    while ((w = first_due(ws)) != NULL && w->due_at_ms <= now_ms && ended++ < ENDS_A_TURN) {
        http_wait_end(w);
        ws->on_due(ws->owner, w);
    }
    if (w != NULL) {
        arm(ws, w->due_at_ms > now_ms ? w->due_at_ms : now_ms + AGAIN_MS);
    }
}

bool http_waits_init(struct http_waits *ws, struct loop *loop,
                     void (*on_due)(void *owner, struct http_wait *w), void *owner)
{
    *ws = (struct http_waits){
        .loop = loop, .armed_at_ms = UINT64_MAX, .on_due = on_due, .owner = owner};
    for (size_t kind = 0; kind < HTTP_WAIT_COUNT; kind++) {
        list_init(&ws->lists[kind]);
    }
    ws->timer = timer_new(loop, on_timer, ws);
    return ws->timer != NULL;
}

void http_waits_fini(struct http_waits *ws)
{
    for (size_t kind = 0; kind < HTTP_WAIT_COUNT; kind++) {
        assert(list_is_empty(&ws->lists[kind]));
    }
    timer_close(&ws->timer);
}

void http_wait_init(struct http_wait *w)
{
    *w = (struct http_wait){0};
    list_init(&w->link);
}

void http_wait_begin(struct http_waits *ws, struct http_wait *w, enum http_wait_kind kind)
{
    list_remove(&w->link);
    if (ws->spans_ms[kind] == 0) {
        return;
    }
    w->kind = (uint8_t)kind;
    w->due_at_ms = loop_now_ms(ws->loop) + ws->spans_ms[kind];
    list_push_back(&ws->lists[kind], &w->link);
    if (w->due_at_ms < ws->armed_at_ms) {
        arm(ws, w->due_at_ms);
    }
}

void http_wait_end(struct http_wait *w)
{
    list_remove(&w->link);
}

struct http_wait *http_waits_eldest(const struct http_waits *ws, enum http_wait_kind kind,
                                    uint32_t age_ms)
{
    struct http_wait *w = first_of(ws, kind);
    uint64_t began_at_ms = w == NULL ? UINT64_MAX : w->due_at_ms - ws->spans_ms[kind];
    return w != NULL && loop_now_ms(ws->loop) >= began_at_ms + age_ms ? w : NULL;
}
