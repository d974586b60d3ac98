/* A node of the simulated cluster: the core that ships, and around it what node/ would do:
 * a queue, executions that take time, the HTTP front, a monotonic clock of its own.
 *
 * One struct host is one process start. It dies with a crash or a completed drain; the slot
 * may then get a new one, at the same address, with a new node id.
 */
#ifndef TESTS_SIM_HOST_H
#define TESTS_SIM_HOST_H

#include "cluster/cluster.h"
#include "cluster/invocation.h"
#include "linkmap.h"
#include "world.h"

#define ADDRESS_SIZE 24 /* "10.0.0.1:7000" and its end */
#define CROWDED_MAX  16

#define SEED_AGAIN_US 15000000u /* the resolver is asked again */

struct work; /* work.h */

struct host {
    struct sim *sim;
    uint32_t slot, incarnation;
    char address[ADDRESS_SIZE];
    struct guid node_id;
    struct cluster *cluster;
    struct budget budget;

    uint64_t born_us, clock_base_us;
    int32_t clock_ppm;

    uint64_t tick_at_us; /* the next TICK in the agenda; UINT64_MAX: none */
    uint64_t last_tick_us, same_moment_ticks;
    uint64_t paused_until_us, busy_until_us, slow_until_us;
    uint32_t slow_each_us;
    size_t memory_limit; /* the real budget, while a MEMORY fault has lowered it */
    uint64_t stalled_us; /* when it last stood still; 0: never */
    bool draining, may_finish, finishing;

    uint64_t accepted, adopted, counted, dropped; /* as its core told */
    struct work *works;                           /* oldest first */
    uint32_t work_ids, running;

    struct linkmap links;
    uint64_t incoming_links;       /* numbers given out */
    uint64_t crowded[CROWDED_MAX]; /* links sent to in this turn, with much unsent */
    uint32_t crowded_count;
    struct guid *dead; /* whom it has called dead */
    uint32_t dead_count;
};

/* Starts the process in `slot`, which must be empty. */
struct host *host_start(struct sim *s, uint32_t slot);

/* Its memory is gone. `silent`: peers are not told by a reset. */
void host_crash(struct sim *s, struct host *h, bool silent);

/* It has drained. */
void host_exit(struct sim *s, struct host *h);

/* At the end of the run. */
void host_free(struct host *h);

uint64_t host_now_ms(const struct host *h);

/* The virtual time at which the host's clock will show `local_ms`. */
uint64_t host_world_us(const struct host *h, uint64_t local_ms);

/* After each call into the core: takes its effects, and asks when to call again. */
void host_settle(struct host *h);

/* Time passed. */
void host_tick(struct host *h);

void host_drain(struct host *h);

/* Its clients have had their time. */
void host_finish(struct host *h);

void host_print_address(char out[ADDRESS_SIZE], uint32_t slot);

/* The host that runs in `slot`, or NULL. */
struct host *host_at(const struct sim *s, uint32_t slot);

#endif
