/* Nodes that are away for longer than the others remember the dead: what they come back with
 * may have been collected long ago, and is collected once all the same (docs/protocol.md, A4).
 */
#include "host.h"

#include "cluster/links.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECOND_US      1000000ull
#define TTL_MS         3000000u
#define GONE_FOR_GOOD  0u /* PLAN_CRASH: with a reset */
#define WAIT_MS        2000u
#define AWAY_DEAD_MS   200000u /* 60 s after its death was proven a member is forgotten, */
#define AWAY_SILENT_MS 700000u /* and 600 s after it fell silent */

static struct plan plan;
static struct sim sim;

static void act(uint32_t at_s, enum op what, const uint32_t *args)
{
    struct plan_op one = {.at_us = at_s * SECOND_US, .op = what};
    memcpy(one.arg, args, sizeof one.arg);
    plan_add(&plan, one);
}

#define ACT(at_s, what, ...) act((at_s), (what), (const uint32_t[OP_ARGS_MAX]){__VA_ARGS__})

static void begin(void)
{
    plan_init(&plan, 5);
    plan.options.duration_ms = AWAY_SILENT_MS + 60000;
    ACT(3, PLAN_POST, 0, 0, 100, 20, 0, TTL_MS, 0);
}

/* Two who ask, at the end of a long absence, for what was served in it. What they hear may be
 * 503: that it is over is known, and forgotten how. */
static void end(uint32_t back_s)
{
    ACT(back_s, PLAN_COLLECT, 0, 2, WAIT_MS, 0, 0, 0, 0);
    ACT(back_s + 5, PLAN_COLLECT, 0, 0, WAIT_MS, 0, 0, 0, 0);
    sim_init(&sim, &plan);
    sim_run_until(&sim, (back_s + 10) * SECOND_US);
    assert_true(sim.why[0] == '\0' || strcmp(sim.rule, "503") == 0);
    assert_int_equal(truth_of_inv(&sim, 0)->delivered_count, 1);
    sim_fini(&sim);
    plan_fini(&plan);
}

static void a_home_that_was_cut_off_hands_nothing_out_again(void **state)
{
    (void)state;
    begin();
    ACT(4, PLAN_SPLIT, 1, AWAY_SILENT_MS);
    ACT(10, PLAN_COLLECT, 0, 1, WAIT_MS, 0, 0, 0, 0);
    end(4 + AWAY_SILENT_MS / 1000 + 10);
}

static void an_arbiter_that_was_cut_off_hands_out_nothing_of_the_dead(void **state)
{
    (void)state;
    begin();
    ACT(4, PLAN_SPLIT, 4, AWAY_DEAD_MS);
    ACT(5, PLAN_COLLECT, 0, 0, WAIT_MS, 0, 0, 0, 0);
    ACT(8, PLAN_CRASH, 0, GONE_FOR_GOOD);
    ACT(9, PLAN_RESTART, 0);
    end(4 + AWAY_DEAD_MS / 1000 + 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_home_that_was_cut_off_hands_nothing_out_again),
        cmocka_unit_test(an_arbiter_that_was_cut_off_hands_out_nothing_of_the_dead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
