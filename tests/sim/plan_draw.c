/* From a seed to a plan. Each seed leaves most kinds of fault and of client out (a swarm),
 * so that rare combinations are not always drowned in the same noise. */
#include "plan.h"

#include "base/rng.h"

#include <assert.h>

#define MS 1000u /* microseconds */

struct drawing {
    struct plan *plan;
    struct rng rng;
    uint32_t nodes;
    uint64_t span_us;
    bool tokens, cuts, cancels, ids, webhooks, odd_functions, big;
    uint32_t ttl_min_ms, ttl_span_ms;
};

static uint32_t below(struct drawing *d, uint32_t bound)
{
    return (uint32_t)rng_below(&d->rng, bound);
}

static bool percent(struct drawing *d, uint32_t chance)
{
    return below(d, 100) < chance;
}

static uint32_t pick(struct drawing *d, const uint32_t *from, size_t count)
{
    return from[rng_below(&d->rng, count)];
}

#define PICK(d, ...)                                                                           \
    pick(d, (const uint32_t[]){__VA_ARGS__},                                                   \
         sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

/* --- options --------------------------------------------------------------------------- */

static void draw_options(struct drawing *d)
{
    struct plan_options *o = &d->plan->options;
    o->nodes = PICK(d, 1, 2, 2, 3, 3, 3, 3, 3, 3, 4, 5, 5, 7);
    o->available = percent(d, 20);
    o->acks = PICK(d, 0, 1, 1, 1, 2, 2);
    o->retention_ms = PICK(d, 0, 500, 2000, 2000);
    o->redelivery_ms = PICK(d, 300, 1500, 1500, 5000);
    o->inline_max = PICK(d, 0, 64, 4096, 4096);
    o->inline_nodes = PICK(d, 0, 16, 16);
    o->payload_all = percent(d, 8);
    o->zones = PICK(d, 1, 1, 2, 3);
    o->delay_us = PICK(d, 50, 200, 200, 500, 500, 2000, 10000, 40000);
    o->bandwidth = PICK(d, 100000, 100000, 10000, 2000);
    o->budget_kib = percent(d, 12) ? PICK(d, 64, 256, 1024) : 65536;
    o->concurrency = PICK(d, 1, 2, 4, 16);
    o->skew = percent(d, 70);
    o->codec = percent(d, 25);
    o->expect = percent(d, 20) ? o->nodes : 0;
    o->duration_ms = 2000 + below(d, 8000);
    d->nodes = o->nodes;
    d->span_us = (uint64_t)o->duration_ms * MS;
}

static void draw_habits(struct drawing *d)
{
    d->tokens = percent(d, 30);
    d->cuts = percent(d, 50);
    d->cancels = percent(d, 30);
    d->ids = percent(d, 25);
    d->webhooks = percent(d, 15);
    d->odd_functions = percent(d, 30);
    d->big = percent(d, 30);
    d->ttl_min_ms = PICK(d, 200, 1000, 3000, 3000, 6000, 9000, 20000);
    d->ttl_span_ms = PICK(d, 1, 1000, 4000);
}

/* --- clients --------------------------------------------------------------------------- */

static uint32_t draw_flags(struct drawing *d)
{
    uint32_t flags = 0;
    if (d->ids && percent(d, 50)) {
        flags |= percent(d, 50) ? POST_CLIENT_ID : POST_IDEMPOTENCY;
    }
    if (d->webhooks && percent(d, 30)) {
        flags |= POST_WEBHOOK;
    }
    if (d->odd_functions) {
        flags |= percent(d, 20) ? POST_FAILS : 0;
        flags |= percent(d, 10) ? POST_RETRY : 0;
        flags |= percent(d, 4) ? POST_POISON : 0;
        flags |= percent(d, 6) ? POST_DROP_RESULT : 0;
        flags |= percent(d, 10) ? (percent(d, 50) ? POST_LOSS_FAIL : POST_LOSS_DROP) : 0;
    }
    return flags;
}

static void draw_collects(struct drawing *d, uint32_t inv, uint64_t post_us, uint32_t run_ms)
{
    uint32_t rounds = below(d, 3);
    for (uint32_t round = 0; round < rounds; round++) {
        uint32_t racers = 1 + below(d, 3);
        uint64_t at_us = post_us + below(d, (run_ms + 400) * MS);
        if (percent(d, 25)) { /* long after, when much may have happened */
            at_us = post_us + (run_ms + below(d, d->ttl_min_ms + 1000)) * MS;
        }
        uint32_t wait_ms = PICK(d, 0, 50, 500, 1000, 3000, 3000);
        for (uint32_t i = 0; i < racers; i++) {
            struct plan_op op = {.at_us = at_us + (percent(d, 60) ? 0 : below(d, 5 * MS)),
                                 .op = PLAN_COLLECT};
            op.arg[0] = inv;
            op.arg[1] = below(d, d->nodes);
            op.arg[2] = wait_ms;
            op.arg[3] = d->tokens && percent(d, 70) ? 1 + below(d, 2) : 0;
            op.arg[4] = d->cuts && percent(d, 35) ? 1 + below(d, 100) : 0;
            op.arg[5] = d->cuts && percent(d, 15) ? 1 + below(d, 1000) : 0;
            op.arg[6] = below(d, 4);
            plan_add(d->plan, op);
        }
    }
}

static void draw_questions(struct drawing *d, uint32_t inv, uint64_t post_us, uint32_t run_ms)
{
    while (percent(d, 40)) {
        struct plan_op op = {.at_us = post_us + below(d, (run_ms + 2000) * MS)};
        op.op = percent(d, 60) ? PLAN_STATUS : PLAN_PEEK;
        op.arg[0] = inv;
        op.arg[1] = below(d, d->nodes);
        op.arg[2] = below(d, 500);
        plan_add(d->plan, op);
    }
    if (d->cancels && percent(d, 30)) {
        struct plan_op op = {.at_us = post_us + below(d, (run_ms + 300) * MS),
                             .op = PLAN_CANCEL,
                             .arg = {inv, below(d, d->nodes)}};
        plan_add(d->plan, op);
    }
    if (d->tokens && percent(d, 30)) {
        struct plan_op op = {.at_us = post_us + (run_ms + below(d, 1500)) * MS,
                             .op = PLAN_RELEASE,
                             .arg = {inv, below(d, d->nodes), 1 + below(d, 2)}};
        plan_add(d->plan, op);
    }
}

static void draw_ids(struct drawing *d, uint32_t inv, uint64_t post_us)
{
    if (percent(d, 50)) {
        struct plan_op op = {.at_us = post_us + below(d, 1500 * MS),
                             .op = PLAN_REPOST,
                             .arg = {inv, below(d, d->nodes)}};
        plan_add(d->plan, op);
    }
    if (percent(d, 50)) {
        struct plan_op op = {.at_us = post_us + below(d, 1500 * MS),
                             .op = PLAN_RESOLVE,
                             .arg = {inv, below(d, d->nodes)}};
        plan_add(d->plan, op);
    }
}

static void draw_post(struct drawing *d, uint32_t inv)
{
    uint32_t run_ms = percent(d, 50) ? below(d, 20) : below(d, 1500);
    struct plan_op op = {.at_us = rng_below(&d->rng, d->span_us), .op = PLAN_POST};
    op.arg[0] = inv;
    op.arg[1] = below(d, d->nodes);
    op.arg[2] = d->big && percent(d, 40) ? PICK(d, 5000, 200000, 600000) : below(d, 300);
    op.arg[3] = run_ms;
    op.arg[4] = draw_flags(d);
    op.arg[5] = d->ttl_min_ms + below(d, d->ttl_span_ms);
    op.arg[6] = percent(d, 85) ? 10000 : 100 + below(d, 1000);
    plan_add(d->plan, op);
    draw_collects(d, inv, op.at_us, run_ms);
    draw_questions(d, inv, op.at_us, run_ms);
    if (op.arg[4] & (POST_CLIENT_ID | POST_IDEMPOTENCY)) {
        draw_ids(d, inv, op.at_us);
    }
}

/* --- faults ---------------------------------------------------------------------------- */

#define WEIGHTS_MAX (PLAN_MEMORY - PLAN_CRASH + 1)

static void draw_fault_arguments(struct drawing *d, struct plan_op *op)
{
    uint32_t a = below(d, d->nodes);
    uint32_t b = (a + 1 + below(d, d->nodes - 1)) % d->nodes;
    uint32_t ms = PICK(d, 20, 200, 600, 1200, 2500, 4000, 6000) + below(d, 200);
    switch (op->op) {
    case PLAN_CRASH:
        op->arg[0] = a;
        op->arg[1] = percent(d, 25);
        break;
    case PLAN_PAUSE:
        op->arg[0] = a;
        op->arg[1] = ms;
        break;
    case PLAN_SLOW:
        op->arg[0] = a;
        op->arg[1] = ms;
        op->arg[2] = PICK(d, 200, 2000, 20000);
        break;
    case PLAN_SPLIT:
        op->arg[0] = 1 + below(d, (1u << d->nodes) - 2);
        op->arg[1] = ms;
        break;
    case PLAN_DELAY:
        op->arg[0] = PICK(d, 5000, 50000, 150000);
        op->arg[1] = ms;
        break;
    case PLAN_MEMORY:
        op->arg[0] = a;
        op->arg[1] = below(d, 8);
        op->arg[2] = ms;
        break;
    case PLAN_CLOG:
    case PLAN_RESET:
        op->arg[2] = below(d, 2);
        op->arg[3] = ms;
        op->arg[0] = a;
        op->arg[1] = b;
        break;
    default: /* CUT, HALF, RESTART, DRAIN */
        op->arg[0] = a;
        op->arg[1] = b;
        op->arg[2] = ms;
        break;
    }
}

/* Who died comes back, mostly. */
static void draw_return(struct drawing *d, const struct plan_op *op)
{
    if ((op->op == PLAN_CRASH || op->op == PLAN_DRAIN) && percent(d, 75)) {
        struct plan_op back = {.at_us = op->at_us + (50 + below(d, 3000)) * MS,
                               .op = PLAN_RESTART,
                               .arg = {op->arg[0]}};
        plan_add(d->plan, back);
    }
}

/* Clogs the links one by one, and frees them in another order. */
static void draw_swizzle(struct drawing *d)
{
    uint64_t at_us = rng_below(&d->rng, d->span_us);
    for (uint32_t i = 0; i < d->nodes; i++) {
        for (uint32_t j = 0; j < d->nodes; j++) {
            if (i != j) {
                struct plan_op op = {.at_us = at_us + below(d, 700) * MS,
                                     .op = PLAN_CLOG,
                                     .arg = {i, j, below(d, 2), 50 + below(d, 900)}};
                plan_add(d->plan, op);
            }
        }
    }
}

static void draw_faults(struct drawing *d)
{
    uint32_t weight[WEIGHTS_MAX] = {0}, sum = 0;
    bool crashes_only = percent(d, 15);
    for (uint32_t i = 0; i < WEIGHTS_MAX; i++) {
        weight[i] = percent(d, 30) ? 1 + below(d, 10) : 0;
        if (crashes_only) {
            weight[i] = PLAN_CRASH + i == PLAN_CRASH;
        }
        sum += weight[i];
    }
    uint32_t count = sum == 0 ? 0 : 1 + below(d, percent(d, 20) ? 12 : 5);
    for (uint32_t n = 0; n < count; n++) {
        uint32_t ticket = below(d, sum), kind = 0;
        for (; ticket >= weight[kind]; kind++) {
            ticket -= weight[kind];
        }
        struct plan_op op = {.at_us = rng_below(&d->rng, d->span_us),
                             .op = (enum op)(PLAN_CRASH + kind)};
        draw_fault_arguments(d, &op);
        plan_add(d->plan, op);
        draw_return(d, &op);
    }
    if (!crashes_only && percent(d, 5)) {
        draw_swizzle(d);
    }
}

/* --- a rolling restart ------------------------------------------------------------------ */

#define ROLLING_INV     5000u
#define ROLLING_EACH_US 5500000u

static void draw_waiting_posts(struct drawing *d, uint64_t until_us)
{
    uint32_t count = 1 + below(d, 12);
    for (uint32_t i = 0; i < count; i++) {
        struct plan_op op = {.at_us = rng_below(&d->rng, until_us), .op = PLAN_POST};
        op.arg[0] = ROLLING_INV + i;
        op.arg[1] = below(d, d->nodes);
        op.arg[2] = PICK(d, 10, 100, 5000, 300000);
        op.arg[3] = PICK(d, 1, 20, 800, 3000);
        op.arg[4] = percent(d, 20) ? POST_CLIENT_ID : 0;
        op.arg[5] = 60000;
        op.arg[6] = 10000;
        plan_add(d->plan, op);
    }
}

/* One node after the other leaves and comes back, while callbacks wait. Half of them without
 * anything else that goes wrong: then nothing may be lost. */
static void draw_rolling(struct plan *p, uint64_t seed, uint32_t nodes)
{
    struct drawing d = {.plan = p, .rng = {.state = seed ^ 0x0011ed}, .nodes = nodes};
    if (percent(&d, 50)) {
        plan_drop_faults(p);
    }
    uint64_t at_us = 1000000 + below(&d, 2000 * MS);
    draw_waiting_posts(&d, at_us + nodes * (uint64_t)ROLLING_EACH_US);
    for (uint32_t node = 0; node < nodes; node++, at_us += ROLLING_EACH_US) {
        struct plan_op leave = {.at_us = at_us, .op = PLAN_DRAIN, .arg = {node}};
        plan_add(p, leave);
        for (uint64_t after_us = 1000000; after_us < ROLLING_EACH_US; after_us += 1000000) {
            struct plan_op back = {
                .at_us = at_us + after_us, .op = PLAN_RESTART, .arg = {node}};
            plan_add(p, back);
        }
    }
    uint32_t needed_ms = (uint32_t)(at_us / MS);
    p->options.duration_ms =
        p->options.duration_ms > needed_ms ? p->options.duration_ms : needed_ms;
}

/* With a source of its own, so that the other seeds mean what they always meant. */
static bool is_rolling(uint64_t seed)
{
    return seed % 16 == 7;
}

/* Of numbers of its own: what a seed has found before is drawn as it was. */
static void draw_strangers(struct plan *p, uint32_t posts, uint64_t span_us, uint64_t seed)
{
    struct drawing d = {.plan = p, .rng = {.state = seed * 0xd1342543de82ef95u + 5}};
    uint32_t count = percent(&d, 40) ? 1 + below(&d, 2 * posts) : 0;
    for (uint32_t n = 0; n < count; n++) {
        struct plan_op op = {.at_us = rng_below(&d.rng, span_us + 500 * MS),
                             .op = PLAN_STRANGER,
                             .arg = {below(&d, posts), below(&d, p->options.nodes),
                                     below(&d, STRANGER_ASKS_COUNT), PICK(&d, 0, 0, 50, 1000)}};
        plan_add(p, op);
    }
}

/* Likewise. Secrets rotate on all nodes at about the same time, or on some. */
static void draw_renewals(struct plan *p, uint64_t seed, uint64_t span_us)
{
    struct drawing d = {.plan = p, .rng = {.state = seed * 0xaf251af3b0f025b5u + 3}};
    uint32_t nodes = p->options.nodes, rounds = percent(&d, 15) ? 1 + below(&d, 4) : 0;
    for (uint32_t n = 0; n < rounds; n++) {
        uint64_t at_us = rng_below(&d.rng, span_us);
        uint32_t spread = PICK(&d, 0, 1, 20, 500), chance = PICK(&d, 20, 60, 100);
        for (uint32_t i = 0; i < nodes * nodes; i++) {
            struct plan_op op = {.at_us = at_us + below(&d, spread * MS + 1),
                                 .op = PLAN_RENEW,
                                 .arg = {i / nodes, i % nodes}};
            if (op.arg[0] != op.arg[1] && percent(&d, chance)) {
                plan_add(p, op);
            }
        }
    }
}

void plan_draw(struct plan *p, uint64_t seed)
{
    plan_init(p, seed);
    struct drawing d = {.plan = p, .rng = {.state = seed * 0x9e3779b97f4a7c15u + 1}};
    draw_options(&d);
    draw_habits(&d);
    uint32_t posts = 1 + below(&d, percent(&d, 20) ? 60 : 15);
    for (uint32_t inv = 0; inv < posts; inv++) {
        draw_post(&d, inv);
    }
    for (uint32_t n = below(&d, 3); n > 0; n--) {
        struct plan_op op = {.at_us = rng_below(&d.rng, d.span_us),
                             .op = PLAN_BOGUS,
                             .arg = {below(&d, d.nodes), below(&d, 800)}};
        plan_add(p, op);
    }
    if (d.nodes > 1 && percent(&d, 80)) {
        draw_faults(&d);
    }
    if (d.nodes > 1 && is_rolling(seed)) {
        draw_rolling(p, seed, d.nodes);
    }
    draw_strangers(p, posts, d.span_us, seed);
    draw_renewals(p, seed, d.span_us);
    plan_sort(p);
}
