/* The functions of this node: what each may use, what waits for it, and what it has done.
 *
 * A table, fixed after start. Each function has a queue and a limit on what runs at once of
 * its own, so that a slow function starves no other. Knows nothing of how a function runs.
 * Spans in milliseconds.
 */
#ifndef NODE_CORE_FUNCTIONS_H
#define NODE_CORE_FUNCTIONS_H

#include "base/bytes.h"
#include "base/list.h"

#define RETRY_CODES_MAX 16

/* functions.NAME.retry: off with attempts <= 1. */
struct retry_policy {
    uint32_t attempts; /* executions in all */
    uint32_t min_wait_ms, max_wait_ms;
    uint16_t codes[RETRY_CODES_MAX];
    uint32_t code_count;
};

struct function_spec {
    struct bytes name; /* copied by functions_new() */
    uint32_t concurrency, queue;
    uint32_t timeout_ms;  /* one execution */
    uint32_t ttl_ms;      /* of its callbacks */
    uint32_t deadline_ms; /* of a whole invocation until its callback is ready; 0: none */
    uint8_t on_node_loss; /* enum on_node_loss */
    uint8_t max_attempts; /* executions in all, over all nodes */
    struct retry_policy retry;
};

/* Upper bounds in milliseconds; one more bucket has no bound. */
#define DURATION_BUCKETS 12
extern const uint32_t function_duration_bounds_ms[DURATION_BUCKETS];

struct function_stats {
    uint64_t accepted, collected, expired, canceled, failed;
    uint64_t delivered;  /* by webhook; in `collected` too */
    uint64_t taken_over; /* orphans of other nodes that this one answers for now */
    uint64_t elsewhere; /* accepted or taken over here, and their end counted at another node */
    uint64_t retried;
    uint64_t ready, ready_bytes; /* as the store has them: core_functions() looks */
    uint64_t duration_count[DURATION_BUCKETS + 1];
    uint64_t duration_total_ms;
};

struct function {
    struct function_spec spec;
    uint32_t index;
    struct list queue; /* of struct work, next first */
    uint32_t queued, running;
    uint32_t pending;        /* invocations that wait, rest or run: not the synchronous ones */
    uint32_t accepting;      /* waiting for their copies: they count against the queue */
    uint64_t enqueued_total; /* numbers the work, for queue positions */
    uint64_t dequeued_total;
    uint32_t usual_ms_x16; /* moving average of durations, in 1/16 ms */
    uint32_t usual_size;   /* likewise of results, in bytes; 0: none yet */
    uint32_t size_spread;  /* and of how far they are from it */
    struct function_stats stats;
};

struct functions;

/* NULL: out of memory. `key` seeds the name table. */
struct functions *functions_new(const struct function_spec *specs, uint32_t count,
                                uint64_t key);
void functions_free(struct functions **fs);

/* NULL: no such function. */
struct function *functions_find(const struct functions *fs, struct bytes name);

uint32_t functions_count(const struct functions *fs);
struct function *functions_at(const struct functions *fs, uint32_t index);

/* The conservation law: accepted + taken over = collected + expired + canceled + elsewhere +
 * pending + ready, at each node and so in the cluster. By how much the left side is more: 0, or
 * something leaked. */
int64_t function_unaccounted(const struct function *f);

/* One execution took so long. */
void function_observe(struct function *f, uint64_t duration_ms);

/* One result has so many bytes. */
void function_observe_size(struct function *f, size_t size);

/* As much as a result probably needs: the average of the recent ones and once its spread, in
 * the manner of RFC 6298, section 2. */
uint32_t function_result_size(const struct function *f);

/* When something at this queue position (0: running now) will be done, from the recent
 * durations and the queue ahead. 0: nothing is known yet. */
uint32_t function_estimate_ms(const struct function *f, uint32_t queue_position);

/* For Retry-After: the estimate in whole seconds, 1 to 60. */
uint32_t function_retry_after_s(const struct function *f, uint32_t queue_position);

/* Exponential back-off before execution `attempt` + 1 with half of it jitter, never below the
 * function's own Retry-After, never above max_wait_ms. `random` is any number. */
uint32_t retry_wait_ms(const struct retry_policy *p, uint32_t attempt, uint32_t retry_after_s,
                       uint64_t random);

/* May an execution that ended with `status` be tried again? */
bool retry_wants(const struct retry_policy *p, uint32_t attempt, uint16_t status);

#endif
