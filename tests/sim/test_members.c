/* How nodes find each other (cluster/peers.h): that all do, and what it costs. */
#include "host.h"

#include "cluster/links.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define NODES      50u
#define SEEDS      5u  /* as wire.c has it */
#define ENTRY_SIZE 48u /* of a PEERS: id, name, address; and a little for its frame */
#define FORMED_US  4000000u

static struct plan plan;
static struct sim sim;

static void begin(uint32_t nodes)
{
    plan_init(&plan, 11);
    plan.options.nodes = nodes;
    plan.options.codec = 1;
}

static void end(void)
{
    assert_string_equal(sim.why, "");
    sim_fini(&sim);
    plan_fini(&plan);
}

static bool is_mesh(void)
{
    for (uint32_t i = 0; i < sim.slot_count; i++) {
        if (sim.hosts[i] == NULL ||
            cluster_sizes(sim.hosts[i]->cluster).links != 2u * (sim.slot_count - 1)) {
            return false;
        }
    }
    return true;
}

/* How often every node was told of every other one, on the average. */
static double lists(uint64_t bytes)
{
    return (double)bytes / ENTRY_SIZE / NODES / NODES;
}

static void many_that_start_need_few_lists(void **state)
{
    (void)state;
    begin(NODES);
    sim_init(&sim, &plan);
    sim_run_until(&sim, FORMED_US);
    assert_true(is_mesh());
    assert_true(lists(sim.traffic[MSG_PEERS].bytes) < SEEDS);
    end();
}

/* All others meet it within moments, and tell it nothing. */
static void one_that_comes_back_needs_few_lists(void **state)
{
    (void)state;
    begin(NODES);
    struct plan_op die = {.at_us = FORMED_US, .op = PLAN_CRASH, .arg = {20, 0}};
    struct plan_op back = {.at_us = FORMED_US + 3000000, .op = PLAN_RESTART, .arg = {20}};
    plan_add(&plan, die);
    plan_add(&plan, back);
    sim_init(&sim, &plan);
    sim_run_until(&sim, back.at_us);
    uint64_t before = sim.traffic[MSG_PEERS].bytes;
    sim_run_until(&sim, back.at_us + 4000000);
    assert_true(is_mesh());
    assert_true(lists(sim.traffic[MSG_PEERS].bytes - before) * NODES < SEEDS + 1);
    end();
}

/* Their seeds have told them of each other long ago, and that is forgotten. */
static void two_that_could_not_meet_meet_in_the_end(void **state)
{
    (void)state;
    begin(7);
    for (uint32_t i = 0; i < 2; i++) {
        plan_add(&plan, (struct plan_op){.op = PLAN_CUT, .arg = {5 + i, 6 - i, 90000}});
    }
    sim_init(&sim, &plan);
    sim_run_until(&sim, 90000000);
    assert_false(is_mesh());
    sim_run_until(&sim, 95000000);
    assert_true(is_mesh());
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_that_start_need_few_lists),
        cmocka_unit_test(one_that_comes_back_needs_few_lists),
        cmocka_unit_test(two_that_could_not_meet_meet_in_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
