/* What ended while a node was cut off and held for dead: when it is back it is told, or asks,
 * and calls collected what was. With a token it stays for a while, at those who know. */
#include "host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { HOME, COLLECTOR, ARBITER };

#define CUT_MS  3500u
#define SOON_MS 200u  /* nobody has noticed */
#define LATE_MS 3000u /* it is held for dead */
#define BACK_MS 9000u
#define OVER_MS 13500u /* the TTL has passed */

struct times {
    uint32_t posted_ms, collected_ms, asked_ms;
};

static void play(uint32_t away, uint32_t token, struct times at)
{
    struct plan plan;
    struct sim sim;
    const struct plan_op ops[] = {
        {.at_us = CUT_MS * 1000, .op = PLAN_SPLIT, .arg = {1u << away, 4000}},
        {.at_us = at.posted_ms * 1000, .op = PLAN_POST, .arg = {0, HOME, 100, 10, 0, 9000, 0}},
        {.at_us = at.collected_ms * 1000,
         .op = PLAN_COLLECT,
         .arg = {0, COLLECTOR, 2000, token, 0, 0, 0}},
        {.at_us = at.asked_ms * 1000, .op = PLAN_STATUS, .arg = {0, away}},
    };
    plan_init(&plan, 7);
    plan.options.redelivery_ms = 30000; /* beyond the TTL */
    plan.options.retention_ms = 10000;
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        plan_add(&plan, ops[i]);
    }
    sim_init(&sim, &plan);
    sim.verbose = getenv("SIM_VERBOSE") != NULL ? stdout : NULL;
    sim_run_until(&sim, (at.asked_ms + 500) * 1000);
    assert_string_equal(sim.why, "");
    assert_int_equal(truth_of_inv(&sim, 0)->delivered_count, 1);
    const struct ask *asked = &sim.asks[sim.ask_count - 1];
    assert_int_equal(asked->answer, CLUSTER_STATUS);
    assert_int_equal(asked->told, INVOCATION_COLLECTED);
    sim_fini(&sim);
    plan_fini(&plan);
}

static void what_came_before(uint32_t away, uint32_t token)
{
    static const uint32_t asked_ms[] = {BACK_MS, OVER_MS};
    for (uint32_t i = 0; i < 2; i++) {
        play(away, token, (struct times){CUT_MS - 500, CUT_MS + SOON_MS, asked_ms[i]});
        play(away, token, (struct times){CUT_MS - 500, CUT_MS + LATE_MS, asked_ms[i]});
    }
}

static void its_home_calls_it_collected(void **state)
{
    (void)state;
    what_came_before(HOME, 0);
}

static void its_home_calls_it_collected_for_a_token(void **state)
{
    (void)state;
    what_came_before(HOME, 1);
}

static void an_arbiter_calls_it_collected(void **state)
{
    (void)state;
    what_came_before(ARBITER, 0);
}

static void an_arbiter_calls_it_collected_for_a_token(void **state)
{
    (void)state;
    what_came_before(ARBITER, 1);
}

/* Its copies were on their way, and nobody had noticed yet. */
static void an_arbiter_that_never_heard_of_it_calls_it_collected(void **state)
{
    (void)state;
    static const uint32_t asked_ms[] = {BACK_MS, OVER_MS};
    for (uint32_t i = 0; i < 2; i++) {
        for (uint32_t token = 0; token <= 1; token++) {
            play(ARBITER, token,
                 (struct times){CUT_MS + SOON_MS, CUT_MS + 3 * SOON_MS, asked_ms[i]});
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_home_calls_it_collected),
        cmocka_unit_test(its_home_calls_it_collected_for_a_token),
        cmocka_unit_test(an_arbiter_calls_it_collected),
        cmocka_unit_test(an_arbiter_calls_it_collected_for_a_token),
        cmocka_unit_test(an_arbiter_that_never_heard_of_it_calls_it_collected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
