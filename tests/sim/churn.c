#include "churn.h"

#include "host.h"

#include "cluster/links.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#define MINUTE_US     60000000u
#define BACK_MS       900u  /* from a death to the new start */
#define TRY_MS        1000u /* a leaver may still be at it: then so much later */
#define GROWTH_FACTOR 1.5
#define GROWTH_SLACK  64u

/* --- the plan -------------------------------------------------------------------------- */

static void add_posts(struct plan *p, const struct churn *c, struct rng *rng)
{
    uint64_t end_us = (uint64_t)c->minutes * MINUTE_US;
    uint32_t inv = 0;
    for (uint64_t at_us = 4000000; at_us < end_us; at_us += c->post_each_ms * 1000ull) {
        struct plan_op post = {.at_us = at_us, .op = PLAN_POST};
        post.arg[0] = inv;
        post.arg[1] = (uint32_t)rng_below(rng, c->nodes);
        post.arg[2] = (uint32_t)rng_below(rng, 6000);
        post.arg[3] = (uint32_t)rng_below(rng, 100);
        post.arg[4] = inv % 10 == 0 ? POST_CLIENT_ID : 0;
        post.arg[5] = 3000;
        post.arg[6] = 10000;
        plan_add(p, post);
        if (inv % 8 != 0) { /* the eighth becomes an orphan */
            struct plan_op get = {.at_us = at_us + rng_below(rng, 200000), .op = PLAN_COLLECT};
            get.arg[0] = inv;
            get.arg[1] = (uint32_t)rng_below(rng, c->nodes);
            get.arg[2] = 2000;
            get.arg[3] = inv % 5 == 0;
            get.arg[6] = 1;
            plan_add(p, get);
        }
        inv++;
    }
}

/* Every second one leaves in order. */
static void add_departures(struct plan *p, const struct churn *c, struct rng *rng)
{
    uint64_t end_us = (uint64_t)c->minutes * MINUTE_US;
    bool leaves = false;
    for (uint64_t at_us = 10000000; c->go_each_ms > 0 && at_us < end_us;
         at_us += c->go_each_ms * 1000ull) {
        uint32_t node = (uint32_t)rng_below(rng, c->nodes);
        struct plan_op go = {
            .at_us = at_us, .op = leaves ? PLAN_DRAIN : PLAN_CRASH, .arg = {node, 0}};
        plan_add(p, go);
        for (uint32_t ms = BACK_MS; ms < c->go_each_ms; ms += TRY_MS) {
            struct plan_op back = {
                .at_us = at_us + ms * 1000ull, .op = PLAN_RESTART, .arg = {node}};
            plan_add(p, back);
        }
        leaves = !leaves;
    }
}

static int by_time(const void *a, const void *b)
{
    const struct plan_op *x = a, *y = b;
    return x->at_us < y->at_us ? -1 : x->at_us > y->at_us;
}

static void make_plan(struct plan *p, const struct churn *c)
{
    struct rng rng = {.state = c->seed};
    plan_init(p, c->seed);
    p->options.nodes = c->nodes;
    p->options.duration_ms = c->minutes * 60000u;
    add_posts(p, c, &rng);
    add_departures(p, c, &rng);
    qsort(p->ops, p->op_count, sizeof *p->ops, by_time);
}

/* --- what may not grow ----------------------------------------------------------------- */

struct sample {
    size_t invocations, tombstones, claims, votes, names, members, links, bytes;
};

static struct sample take_sample(const struct sim *s)
{
    struct sample sum = {0};
    for (uint32_t i = 0; i < s->slot_count; i++) {
        const struct host *h = s->hosts[i];
        if (h == NULL) {
            continue;
        }
        struct cluster_sizes z = cluster_sizes(h->cluster);
        sum.invocations += z.invocations;
        sum.tombstones += z.tombstones;
        sum.claims += z.claims;
        sum.votes += z.votes;
        sum.names += z.names;
        sum.members += z.members;
        sum.links += z.links;
        sum.bytes += h->budget.used;
    }
    return sum;
}

static void keep_most(struct sample *most, const struct sample *x)
{
    size_t *to = (size_t *)most;
    const size_t *from = (const size_t *)x;
    for (size_t i = 0; i < sizeof *most / sizeof(size_t); i++) {
        to[i] = from[i] > to[i] ? from[i] : to[i];
    }
}

static bool has_grown(const struct sample *early, const struct sample *late)
{
    const size_t *was = (const size_t *)early;
    const size_t *is = (const size_t *)late;
    bool grown = false;
    for (size_t i = 0; i < sizeof *early / sizeof(size_t); i++) {
        grown = grown || (double)is[i] > (double)was[i] * GROWTH_FACTOR + GROWTH_SLACK;
    }
    return grown;
}

static void print_sample(uint32_t minute, const struct sample *x)
{
    printf("%6u %11zu %10zu %6zu %6zu %6zu %7zu %6zu %10zu\n", minute, x->invocations,
           x->tombstones, x->claims, x->votes, x->names, x->members, x->links, x->bytes);
}

bool churn_run(const struct churn *c)
{
    static struct sim s;
    struct plan plan;
    struct sample early = {0}, late = {0};
    make_plan(&plan, c);
    sim_init(&s, &plan);
    printf("%u nodes, %zu operations\n", c->nodes, plan.op_count);
    printf("minute invocations tombstones claims  votes  names members  links      bytes\n");
    for (uint32_t minute = 1; minute <= c->minutes && !s.failed; minute++) {
        for (uint32_t tenth = 1; tenth <= 10; tenth++) {
            sim_run_until(&s, (minute * 10ull - 10 + tenth) * (MINUTE_US / 10));
            struct sample x = take_sample(&s);
            keep_most(minute * 2 <= c->minutes ? &early : &late, &x);
        }
        if (minute % 5 == 0 || minute == c->minutes) {
            struct sample x = take_sample(&s);
            print_sample(minute, &x);
        }
    }
    bool grown = has_grown(&early, &late);
    printf("most, first half and second half:\n");
    print_sample(c->minutes / 2, &early);
    print_sample(c->minutes, &late);
    if (!s.failed) {
        sim_run(&s); /* then to rest: liveness, and nothing may be left */
    }
    bool ok = !s.failed && !grown;
    printf("%s %s %s%s, %u joins, %u deaths and leaves, %" PRIu64 " of them in order\n",
           ok ? "ok" : "FAILED", s.rule, s.why, grown ? "something grew" : "", s.incarnations,
           s.history.deaths, s.marks.count[MARK_DRAINED]);
    sim_fini(&s);
    plan_fini(&plan);
    return ok;
}
