#include "core/work.h"

#include "base/err.h"

#include <assert.h>
#include <stdlib.h>

struct slot {
    struct work *work; /* NULL: free */
    uint32_t turn;     /* raised at each use, so that no execution id comes twice */
    uint32_t next_free;
};

#define NO_SLOT UINT32_MAX

struct works {
    struct slot *slots;
    uint32_t slot_count, free_slot;
    struct work **heap; /* the timers: a binary heap by due_at_ms */
    uint32_t heap_size, heap_room;
    uint32_t count;
};

struct works *works_new(uint32_t slots)
{
    struct works *ws = calloc(1, sizeof *ws);
    if (ws == NULL) {
        return NULL;
    }
    ws->slots = calloc((size_t)slots + 1, sizeof *ws->slots);
    if (ws->slots == NULL) {
        free(ws);
        return NULL;
    }
    ws->slot_count = slots;
    ws->free_slot = slots == 0 ? NO_SLOT : 0;
    for (uint32_t i = 0; i < slots; i++) {
        ws->slots[i].next_free = i + 1 < slots ? i + 1 : NO_SLOT;
    }
    return ws;
}

void works_free(struct works **ws)
{
    struct works *mine = *ws;
    *ws = NULL;
    if (mine == NULL) {
        return;
    }
    free(mine->slots);
    free(mine->heap);
    free(mine);
}

void works_free_running(struct works *ws)
{
    for (uint32_t i = 0; i < ws->slot_count; i++) {
        if (ws->slots[i].work != NULL) {
            work_free(ws, ws->slots[i].work);
        }
    }
    while (ws->heap_size > 0) { /* what is left rests for a retry, with a timer */
        work_free(ws, ws->heap[0]);
    }
}

/* --- timers ----------------------------------------------------------------------------- */

static void heap_put(struct works *ws, uint32_t at, struct work *w)
{
    ws->heap[at] = w;
    w->heap_at = at + 1;
}

static void heap_sift_up(struct works *ws, uint32_t at)
{
    struct work *w = ws->heap[at];
    while (at > 0 && ws->heap[(at - 1) / 2]->due_at_ms > w->due_at_ms) {
        heap_put(ws, at, ws->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    heap_put(ws, at, w);
}

static void heap_sift_down(struct works *ws, uint32_t at)
{
    struct work *w = ws->heap[at];
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= ws->heap_size) {
            break;
        }
        if (child + 1 < ws->heap_size &&
            ws->heap[child + 1]->due_at_ms < ws->heap[child]->due_at_ms) {
            child++;
        }
        if (ws->heap[child]->due_at_ms >= w->due_at_ms) {
            break;
        }
        heap_put(ws, at, ws->heap[child]);
        at = child;
    }
    heap_put(ws, at, w);
}

static void timer_clear(struct works *ws, struct work *w)
{
    if (w->heap_at == 0) {
        return;
    }
    uint32_t at = w->heap_at - 1;
    w->heap_at = 0;
    struct work *last = ws->heap[--ws->heap_size];
    if (last == w) {
        return;
    }
    heap_put(ws, at, last);
    heap_sift_up(ws, at);
    heap_sift_down(ws, last->heap_at - 1);
}

/* Every work has room for one timer, made when the work is: setting it cannot fail. */
static bool heap_reserve(struct works *ws)
{
    if (ws->count < ws->heap_room) {
        return true;
    }
    uint32_t room = ws->heap_room == 0 ? 64 : ws->heap_room * 2;
    struct work **heap = realloc(ws->heap, room * sizeof *heap);
    if (heap == NULL) {
        return false;
    }
    ws->heap = heap;
    ws->heap_room = room;
    return true;
}

void work_set_timer(struct works *ws, struct work *w, uint64_t at_ms)
{
    timer_clear(ws, w);
    assert(ws->heap_size < ws->heap_room);
    w->due_at_ms = at_ms;
    ws->heap[ws->heap_size] = w;
    ws->heap_size++;
    heap_sift_up(ws, ws->heap_size - 1);
}

struct work *work_due(struct works *ws, uint64_t now_ms)
{
    if (ws->heap_size == 0 || ws->heap[0]->due_at_ms > now_ms) {
        return NULL;
    }
    struct work *w = ws->heap[0];
    timer_clear(ws, w);
    return w;
}

uint64_t works_deadline_ms(const struct works *ws)
{
    return ws->heap_size == 0 ? UINT64_MAX : ws->heap[0]->due_at_ms;
}

/* --- life ------------------------------------------------------------------------------- */

struct work *work_new(struct works *ws, struct function *f, struct request *request,
                      uint64_t now_ms)
{
    if (!heap_reserve(ws)) {
        return NULL;
    }
    struct work *w = calloc(1, sizeof *w);
    if (w == NULL) {
        return NULL;
    }
    list_init(&w->link);
    w->function = f;
    w->request = request_share(request);
    w->state = WORK_ACCEPTING;
    w->created_at_ms = now_ms;
    w->deadline_at_ms = UINT64_MAX;
    f->accepting++;
    ws->count++;
    return w;
}

void work_free(struct works *ws, struct work *w)
{
    switch (w->state) {
    case WORK_ACCEPTING:
        w->function->accepting--;
        break;
    case WORK_WAITING:
        w->function->queued--;
        list_remove(&w->link);
        break;
    case WORK_RUNNING:
        work_stop(ws, w);
        break;
    case WORK_RESTING:
        break;
    }
    timer_clear(ws, w);
    request_drop(&w->request);
    assert(ws->count > 0);
    ws->count--;
    free(w);
}

void work_enqueue(struct work *w, bool front)
{
    struct function *f = w->function;
    assert(w->state == WORK_ACCEPTING || w->state == WORK_RESTING);
    if (w->state == WORK_ACCEPTING) {
        f->accepting--;
    }
    w->state = WORK_WAITING;
    f->queued++;
    if (front) {
        w->queue_no = f->dequeued_total;
        list_push_front(&f->queue, &w->link);
    } else {
        w->queue_no = ++f->enqueued_total;
        list_push_back(&f->queue, &w->link);
    }
}

struct work *work_start_next(struct works *ws, struct function *f, uint64_t now_ms)
{
    if (f->running >= f->spec.concurrency) {
        return NULL;
    }
    struct list *first = list_pop_front(&f->queue);
    if (first == NULL) {
        return NULL;
    }
    struct work *w = list_item(first, struct work, link);
    f->queued--;
    if (w->queue_no > f->dequeued_total) {
        f->dequeued_total = w->queue_no;
    }
    assert(ws->free_slot != NO_SLOT); /* there are as many slots as concurrency allows */
    w->slot = ws->free_slot;
    struct slot *slot = &ws->slots[w->slot];
    ws->free_slot = slot->next_free;
    slot->work = w;
    slot->turn++;
    f->running++;
    w->state = WORK_RUNNING;
    w->attempt++;
    w->started_at_ms = now_ms;
    uint64_t due = now_ms + f->spec.timeout_ms;
    work_set_timer(ws, w, due < w->deadline_at_ms ? due : w->deadline_at_ms);
    return w;
}

void work_stop(struct works *ws, struct work *w)
{
    assert(w->state == WORK_RUNNING);
    struct slot *slot = &ws->slots[w->slot];
    assert(slot->work == w);
    slot->work = NULL;
    slot->next_free = ws->free_slot;
    ws->free_slot = w->slot;
    w->function->running--;
    w->state = WORK_RESTING;
    timer_clear(ws, w);
}

uint64_t work_execution_id(const struct works *ws, const struct work *w)
{
    assert(w->state == WORK_RUNNING);
    return (uint64_t)ws->slots[w->slot].turn << 32 | w->slot;
}

struct work *work_running(const struct works *ws, uint64_t execution_id)
{
    uint32_t slot = (uint32_t)execution_id;
    if (slot >= ws->slot_count || ws->slots[slot].turn != execution_id >> 32) {
        return NULL;
    }
    return ws->slots[slot].work;
}

uint32_t work_queue_position(const struct work *w)
{
    if (w->state != WORK_WAITING) {
        return 0;
    }
    uint64_t ahead = w->queue_no > w->function->dequeued_total
                         ? w->queue_no - w->function->dequeued_total
                         : 1;
    uint64_t most = w->function->queued;
    return (uint32_t)(ahead > most ? most : ahead);
}

uint32_t works_count(const struct works *ws)
{
    return ws->count;
}
