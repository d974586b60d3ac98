/* Where nothing breaks nothing is repaired: what digests are for never happens, so nobody hears
 * from one that an entry has ended before being told how (docs/protocol.md, DELETE, DIGEST). */
#include "host.h"

#include "cluster/links.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define NODES    3u
#define POSTS    2000u
#define EVERY_US 4300u /* so that each falls otherwise into its millisecond */
#define BEGIN_US 3000000u

static void nothing_is_repaired_where_nothing_breaks(void **state)
{
    (void)state;
    struct plan plan;
    struct sim sim;
    plan_init(&plan, 3);
    plan.options.nodes = NODES;
    plan.options.duration_ms = 20000;
    for (uint32_t i = 0; i < POSTS; i++) {
        uint64_t at_us = BEGIN_US + (uint64_t)i * EVERY_US;
        struct plan_op post = {
            .at_us = at_us, .op = PLAN_POST, .arg = {i, i % NODES, 100, 0, 0, 5000, 0}};
        struct plan_op collect = {.at_us = at_us + 9000 + i % 7 * 1000,
                                  .op = PLAN_COLLECT,
                                  .arg = {i, i / NODES % NODES, 2000, 0, 0, 0, 0}};
        plan_add(&plan, post);
        plan_add(&plan, collect);
    }
    sim_init(&sim, &plan);
    sim_run_until(&sim, BEGIN_US + (uint64_t)POSTS * EVERY_US + 3000000);
    assert_string_equal(sim.why, "");
    for (uint32_t i = 0; i < NODES; i++) {
        const struct cluster_counters *n = cluster_counters(sim.hosts[i]->cluster);
        assert_int_equal(n->digest_drops, 0);
        assert_int_equal(n->fetches, 0);
    }
    for (uint32_t i = 0; i < POSTS; i++) {
        assert_int_equal(truth_of_inv(&sim, i)->delivered_count, 1);
    }
    sim_fini(&sim);
    plan_fini(&plan);
}

/* True: node 2 was told by a digest only that it is over. */
static bool lose_the_word_of_the_home(uint64_t seed)
{
    struct plan plan;
    struct sim sim;
    const struct plan_op ops[] = {
        {.at_us = 3000000, .op = PLAN_POST, .arg = {0, 0, 100, 10, 0, 9000, 0}},
        {.at_us = 3600000, .op = PLAN_COLLECT, .arg = {0, 1, 2000, 0, 0, 0, 0}},
        {.at_us = 3621500, .op = PLAN_RESET, .arg = {0, 2, LANE_CONTROL}},
        {.at_us = 6000000, .op = PLAN_STATUS, .arg = {0, 2}},
    };
    plan_init(&plan, seed);
    plan.options.retention_ms = 10000;
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        plan_add(&plan, ops[i]);
    }
    sim_init(&sim, &plan);
    sim_run_until(&sim, 7000000);
    assert_string_equal(sim.why, "");
    assert_int_equal(truth_of_inv(&sim, 0)->delivered_count, 1);
    const struct ask *asked = &sim.asks[sim.ask_count - 1];
    assert_int_equal(asked->answer, CLUSTER_STATUS);
    assert_int_equal(asked->told, INVOCATION_COLLECTED);
    const struct cluster_counters *n = cluster_counters(sim.hosts[2]->cluster);
    bool repaired = n->digest_drops + n->watermark_drops > 0;
    sim_fini(&sim);
    plan_fini(&plan);
    return repaired;
}

/* A digest only says that it is over: who has heard TAKEN knows more. */
static void how_it_ended_is_known_from_who_took_it(void **state)
{
    (void)state;
    uint32_t repaired = 0;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        repaired += lose_the_word_of_the_home(seed);
    }
    assert_true(repaired > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_repaired_where_nothing_breaks),
        cmocka_unit_test(how_it_ended_is_known_from_who_took_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
