/* What comes while nodes are missing is as safe as all else once they are back
 * (docs/protocol.md, "Seats of the dead"): then one of those that were there dies, and it can
 * still be had. */
#include "host.h"
#include "run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define NODES 3u

static void act(struct plan *plan, uint64_t at_ms, struct plan_op op)
{
    op.at_us = at_ms * 1000;
    plan_add(plan, op);
}

static void is_had_after(uint32_t missing, uint32_t dies)
{
    struct plan plan;
    struct sim sim;
    plan_init(&plan, 7);
    plan.options.nodes = NODES;
    plan.options.duration_ms = 20000;
    for (uint32_t i = NODES - missing; i < NODES; i++) {
        act(&plan, 3000, (struct plan_op){.op = PLAN_CRASH, .arg = {i, 0}});
        act(&plan, 7000, (struct plan_op){.op = PLAN_RESTART, .arg = {i}});
    }
    act(&plan, 6000, (struct plan_op){.op = PLAN_POST, .arg = {0, 0, 100, 10, 0, 19000, 0}});
    act(&plan, 12000, (struct plan_op){.op = PLAN_CRASH, .arg = {dies, 0}});
    act(&plan, 15000,
        (struct plan_op){.op = PLAN_COLLECT, .arg = {0, NODES - 1, 2000, 0, 0, 0, 0}});
    sim_init(&sim, &plan);
    sim_run(&sim);
    assert_string_equal(sim.why, "");
    assert_int_equal(truth_of_inv(&sim, 0)->delivered_count, 1);
    sim_fini(&sim);
    assert_string_equal(sim.why, "");
    plan_fini(&plan);
}

static void of_two_nodes_the_home_dies(void **state)
{
    (void)state;
    is_had_after(1, 0);
}

static void of_two_nodes_the_other_dies(void **state)
{
    (void)state;
    is_had_after(1, 1);
}

static void the_node_that_was_alone_dies(void **state)
{
    (void)state;
    is_had_after(2, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_two_nodes_the_home_dies),
        cmocka_unit_test(of_two_nodes_the_other_dies),
        cmocka_unit_test(the_node_that_was_alone_dies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
