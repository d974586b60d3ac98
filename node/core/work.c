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
    struct alarms alarms;
    struct budget *budget;
    uint32_t count;
};

struct works *works_new(uint32_t slots, struct budget *budget)
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
    ws->budget = budget;
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
    alarms_fini(&mine->alarms);
    free(mine);
}

void works_free_running(struct works *ws)
{
    for (uint32_t i = 0; i < ws->slot_count; i++) {
        if (ws->slots[i].work != NULL) {
            work_free(ws, ws->slots[i].work);
        }
    }
    struct work *resting;
    while ((resting = work_due(ws, UINT64_MAX)) != NULL) {
        work_free(ws, resting);
    }
}

/* --- timers ----------------------------------------------------------------------------- */

void work_set_timer(struct works *ws, struct work *w, uint64_t at_ms)
{
    alarm_set(&ws->alarms, &w->alarm, at_ms);
}

struct work *work_due(struct works *ws, uint64_t now_ms)
{
    struct alarm *due = alarms_due(&ws->alarms, now_ms);
    return due == NULL ? NULL : alarm_item(due, struct work, alarm);
}

uint64_t works_deadline_ms(const struct works *ws)
{
    return alarms_deadline_ms(&ws->alarms);
}

/* --- life ------------------------------------------------------------------------------- */

struct work *work_new(struct works *ws, struct function *f, struct request *request,
                      uint64_t now_ms)
{
    if (!alarms_reserve(&ws->alarms, ws->count + 1)) {
        return NULL; /* each work has room for its alarm, so that setting it cannot fail */
    }
    struct work *w = malloc(sizeof *w);
    if (w == NULL) {
        return NULL;
    }
    *w = (struct work){
        .function = f,
        .request = request_share(request),
        .state = WORK_ACCEPTING,
        .promised = function_result_size(f),
        .created_at_ms = now_ms,
        .deadline_at_ms = UINT64_MAX,
    };
    list_init(&w->link);
    budget_promise(ws->budget, w->promised);
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
    w->function->pending -= w->is_pending;
    budget_redeem(ws->budget, w->promised);
    alarm_clear(&ws->alarms, &w->alarm);
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
        w->is_pending = w->inv != NULL;
        f->pending += w->is_pending;
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
    alarm_clear(&ws->alarms, &w->alarm);
}

uint64_t work_execution_id(const struct works *ws, const struct work *w)
{
    assert(w->state == WORK_RUNNING);
    return (uint64_t)ws->slots[w->slot].turn << 32 | w->slot;
}

struct work *work_any_running(const struct works *ws)
{
    for (uint32_t i = 0; i < ws->slot_count; i++) {
        if (ws->slots[i].work != NULL) {
            return ws->slots[i].work;
        }
    }
    return NULL;
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
