/* Work: an invocation that waits for its function here, or runs.
 *
 *              room            starts                     ends
 *   (accepted) ----> WAITING ----------> RUNNING -----------------> (gone: callback ready,
 *                       ^                   | retry wanted                 or synchronous
 * reply) |      due          v
 *                       +---------------- RESTING
 *
 * Owns the slots of what runs and the timers; decides nothing about results. A work belongs
 * to the core until work_free(). Spans and points: monotonic ms.
 */
#ifndef NODE_CORE_WORK_H
#define NODE_CORE_WORK_H

#include "base/alarms.h"
#include "base/budget.h"
#include "core/execution.h"
#include "core/functions.h"

struct invocation;
struct call;

enum work_state { WORK_ACCEPTING, WORK_WAITING, WORK_RUNNING, WORK_RESTING };

struct work {
    struct list link; /* in the function's queue while WAITING */
    struct function *function;
    struct invocation *inv;  /* NULL: synchronous */
    struct call *call;       /* the client to answer: synchronous, or until ACCEPTED */
    struct request *request; /* one reference */
    struct guid guid;
    struct bytes client_id; /* borrowed from the invocation or the call; may be empty */
    char call_id[GUID_TEXT_SIZE];
    enum work_state state;
    bool is_pending;   /* counted in function->pending */
    uint8_t attempt;   /* 0: never started */
    uint32_t promised; /* bytes of the budget, kept free for its result */
    uint32_t slot;     /* while RUNNING */
    uint64_t queue_no; /* while WAITING */
    uint64_t created_at_ms, started_at_ms;
    uint64_t deadline_at_ms; /* of the whole invocation; UINT64_MAX: none */
    struct alarm alarm;
};

struct works;

/* `slots`: the sum of all concurrency limits. In `budget` as much is kept free as the results
 * of all work usually need. NULL: out of memory. */
struct works *works_new(uint32_t slots, struct budget *budget);
void works_free(struct works **ws);

/* Frees what runs or rests, at the end of the process. */
void works_free_running(struct works *ws);

/* NULL: out of memory. Takes its own reference to `request`. */
struct work *work_new(struct works *ws, struct function *f, struct request *request,
                      uint64_t now_ms);

/* Takes it out of wherever it is and frees it. */
void work_free(struct works *ws, struct work *w);

/* Into the queue, at the end (or the front, for what was there before). ERR_FULL cannot
 * happen: the caller asked function room first. */
void work_enqueue(struct work *w, bool front);

/* The next work that may run of this function, taken out of the queue and given a slot, or
 * NULL: nothing waits, or its concurrency is used up. */
struct work *work_start_next(struct works *ws, struct function *f, uint64_t now_ms);

/* Not running any more: gives back slot and timer. The state is RESTING then. */
void work_stop(struct works *ws, struct work *w);

/* Any work that runs, or NULL; for the end of the process. */
struct work *work_any_running(const struct works *ws);

/* The running work with that execution id, or NULL. */
struct work *work_running(const struct works *ws, uint64_t execution_id);
uint64_t work_execution_id(const struct works *ws, const struct work *w);

/* Wakes it at that time (work_due()); replaces an earlier time. */
void work_set_timer(struct works *ws, struct work *w, uint64_t at_ms);

/* The first whose time has come, untimed then; or NULL. */
struct work *work_due(struct works *ws, uint64_t now_ms);
uint64_t works_deadline_ms(const struct works *ws);

/* 1 = next; 0: not waiting. */
uint32_t work_queue_position(const struct work *w);

/* All work of this node: what drains must wait for. */
uint32_t works_count(const struct works *ws);

#endif
