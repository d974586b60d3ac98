/* Executions that wait for a point in time, in the order in which they are due: a binary heap
 * of a fixed capacity. Reads no clock, arms no timer; its owner keeps one timer at
 * sleepers_due_at_ms(). All times are milliseconds of the loop's monotonic clock. */
#ifndef NODE_HANDLERS_SLEEPERS_H
#define NODE_HANDLERS_SLEEPERS_H

#include "base/err.h"
#include "proto/request.h"

struct sleeper {
    uint64_t due_at_ms;
    uint64_t execution_id;
    struct request *request; /* one reference, the sleepers' while it waits */
};

/* Public only so that its owner can embed it: fields are private to sleepers.c. */
struct sleepers {
    struct sleeper *at;
    size_t count, capacity;
};

/* ERR_NOMEM. `capacity` is the most that can wait at once. */
int sleepers_init(struct sleepers *s, size_t capacity);

/* Drops the requests of those that still wait. */
void sleepers_fini(struct sleepers *s);

/* Shares the request. ERR_FULL when `capacity` wait already. */
int sleepers_add(struct sleepers *s, uint64_t due_at_ms, uint64_t execution_id,
                 struct request *request);

/* Takes out the next one that is due at `now_ms`; its reference passes to the caller. False
 * when there is none. */
bool sleepers_take_due(struct sleepers *s, uint64_t now_ms, struct sleeper *out);

/* Forgets one and drops its request; an unknown id is ignored. Walks over all. */
void sleepers_remove(struct sleepers *s, uint64_t execution_id);

/* When the next one is due; UINT64_MAX: nobody waits. */
uint64_t sleepers_due_at_ms(const struct sleepers *s);

#endif
