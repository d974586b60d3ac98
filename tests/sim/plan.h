/* A run, written down before it begins: what cluster, what clients will do, what will break.
 *
 * A plan is drawn from a seed (plan_draw), printed and read as text (plan_text.c), and cut
 * down while it still fails (shrink.c). It is only a list: executing it is world.c. Each
 * operation stands for itself, so that any of them can be left out: a fault carries its own
 * duration, a client that asks for an invocation that was never posted just does nothing.
 */
#ifndef TESTS_SIM_PLAN_H
#define TESTS_SIM_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Name, default. The same words in the text form. */
#define PLAN_OPTIONS(X)                                                                        \
    X(nodes, 3)                                                                                \
    X(available, 0)                                                                            \
    X(acks, 1)                                                                                 \
    X(retention_ms, 2000)                                                                      \
    X(redelivery_ms, 1500)                                                                     \
    X(inline_max, 4096)                                                                        \
    X(inline_nodes, 16)                                                                        \
    X(payload_all, 0)                                                                          \
    X(zones, 1)                                                                                \
    X(delay_us, 300)     /* mean of the exponential part of the one-way delay */               \
    X(bandwidth, 100000) /* bytes a millisecond, each direction of a connection */             \
    X(budget_kib, 65536) /* limits.store_bytes of each node */                                 \
    X(concurrency, 4)    /* functions at once on each node */                                  \
    X(skew, 1)           /* clocks run up to 1 % fast or slow */                               \
    X(codec, 0)          /* every message is encoded and decoded on its way */                 \
    X(expect, 0)                                                                               \
    X(duration_ms, 8000) /* of the safety phase */                                             \
    X(plant, 0)          /* enum plant: a fault in the simulator itself, to be caught */

struct plan_options {
#define OPTION_FIELD(NAME, DEFAULT) uint32_t NAME;
    PLAN_OPTIONS(OPTION_FIELD)
#undef OPTION_FIELD
};

/* Planted faults: each makes the simulator lie to the cores, and a checker must notice. */
enum plant {
    PLANT_NONE,
    PLANT_DROP_RELEASE,  /* RELEASE messages vanish: L2 */
    PLANT_SERVE_TWICE,   /* a served callback is handed to a second client: S1 */
    PLANT_WRONG_BODY,    /* one byte of a body flips on its way to the client: S2 */
    PLANT_DROP_DELETE,   /* DELETE and TAKEN messages vanish: M2 */
    PLANT_LOSE_WORK,     /* a function that was accepted never runs: W1 */
    PLANT_FORGET_CLIENT, /* an answer to a client vanishes: L1 */
    PLANT_MISS_END,      /* the end of every second invocation is not counted: C */
    PLANT_COUNT
};

#define OP_ARGS_MAX 8

/* Name, how many arguments. Nodes are slots; `inv` is the number of the POST in the plan. */
#define PLAN_OPS(X)                                                                            \
    X(POST, 7)     /* inv node size run_ms flags ttl_ms run_limit_ms */                        \
    X(REPOST, 2)   /* inv node: the same idempotency key or client id again */                 \
    X(COLLECT, 7)  /* inv node wait_ms token cut patience_ms retries */                        \
    X(PEEK, 3)     /* inv node wait_ms */                                                      \
    X(STATUS, 2)   /* inv node */                                                              \
    X(CANCEL, 2)   /* inv node */                                                              \
    X(RELEASE, 3)  /* inv node token */                                                        \
    X(BOGUS, 2)    /* node wait_ms: collect what never existed */                              \
    X(RESOLVE, 2)  /* inv node: by the client's own id */                                      \
    X(STRANGER, 4) /* inv node what wait_ms: another tenant asks (enum stranger_asks) */       \
    X(CRASH, 2)    /* node silent: silent = no reset is ever sent, as when power fails */      \
    X(RESTART, 1)  /* node: same address, new id */                                            \
    X(PAUSE, 2)    /* node ms */                                                               \
    X(SLOW, 3)     /* node ms each_us: every event takes so long */                            \
    X(DRAIN, 1)    /* node: leaves, then its process ends */                                   \
    X(CUT, 3)      /* from to ms: one way */                                                   \
    X(SPLIT, 2)    /* mask ms: nodes in the mask apart from all others */                      \
    X(CLOG, 4)     /* from to lane ms */                                                       \
    X(HALF, 2)     /* from to: `to` has lost the connections, `from` does not know */          \
    X(RESET, 3)    /* a b lane: connections break, losing any suffix */                        \
    X(DELAY, 2)    /* mean_us ms */                                                            \
    X(MEMORY, 3)   /* node kib ms: the budget shrinks to what is used plus kib */              \
    X(RENEW, 2)    /* a b: a wants other connections in place of those with b */

enum op {
#define OP_ENUM(NAME, ARGS) PLAN_##NAME,
    PLAN_OPS(OP_ENUM)
#undef OP_ENUM
        PLAN_OP_COUNT
};

/* Flags of POST. */
enum post_flag {
    POST_FAILS = 1,        /* the function answers 500 */
    POST_CLIENT_ID = 2,    /* X-Call-Id */
    POST_IDEMPOTENCY = 4,  /* Idempotency-Key */
    POST_LOSS_FAIL = 8,    /* on_node_loss: fail */
    POST_LOSS_DROP = 16,   /* on_node_loss: drop */
    POST_DROP_RESULT = 32, /* nobody will collect */
    POST_WEBHOOK = 64,     /* the home collects it itself */
    POST_POISON = 128,     /* running it kills the node */
    POST_RETRY = 256,      /* the first attempt on a node is queued again */
};

/* What another tenant asks about an invocation. */
enum stranger_asks {
    STRANGER_COLLECTS,
    STRANGER_PEEKS,
    STRANGER_ASKS_STATUS,
    STRANGER_CANCELS,
    STRANGER_RELEASES,
    STRANGER_ASKS_COUNT
};

struct plan_op {
    uint64_t at_us;
    enum op op;
    uint32_t arg[OP_ARGS_MAX];
};

struct plan {
    uint64_t seed;
    struct plan_options options;
    struct plan_op *ops; /* by time */
    size_t op_count, op_room;
};

void plan_init(struct plan *p, uint64_t seed);
void plan_fini(struct plan *p);
void plan_copy(struct plan *to, const struct plan *from);

/* Draws options, clients and faults (a swarm: every seed leaves most kinds out). */
void plan_draw(struct plan *p, uint64_t seed);

void plan_add(struct plan *p, struct plan_op op);

/* Nothing of it breaks anything any more. */
void plan_drop_faults(struct plan *p);

/* Operations by time; those of one moment stay in the order in which they were added. */
void plan_sort(struct plan *p);

/* True for what breaks something; the rest are clients. */
bool op_is_fault(enum op op);

/* --- text (plan_text.c): "key value" lines, then "at_us NAME arguments" lines ---------- */

void plan_print(FILE *to, const struct plan *p);
void plan_print_op(FILE *to, const struct plan_op *op);

/* False: the text is not a plan; a line on standard error says why. */
bool plan_read(struct plan *p, FILE *from);

#endif
