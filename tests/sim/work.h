/* Functions on a simulated node: a queue, slots, executions that take time and may fail,
 * kill their node, or be too late. What node/core hangs on an invocation. */
#ifndef TESTS_SIM_WORK_H
#define TESTS_SIM_WORK_H

#include "cluster/invocation.h"
#include "host.h"

enum work_stage { WORK_COPYING, WORK_QUEUED, WORK_RUNNING, WORK_RESTING };

struct work {
    struct work *next;
    uint32_t id; /* of this host, never used twice */
    uint32_t record;
    struct invocation *inv;
    enum work_stage stage;
    uint32_t attempt;
    bool retried;
};

/* Of an invocation that cluster_accept() is about to create. */
struct work *work_new(struct host *h, const struct record *r);
void work_free(struct host *h, struct work *w);

/* Accepted: into the queue, and on if there is a slot. */
void work_admit(struct host *h, struct invocation *inv, struct record *r, struct work *w);

/* CLUSTER_EXECUTE, CLUSTER_READY. */
void work_take_over(struct host *h, struct invocation *inv);
void work_ready(struct host *h, const struct cluster_effect *fx);

/* The invocation needs no work any more. */
void work_end(struct host *h, struct invocation *inv);

/* Timers. */
void work_done(struct host *h, uint64_t id);
void work_retry(struct host *h, uint64_t id);
void work_due(struct host *h, uint64_t id);

#endif
