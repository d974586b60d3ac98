/* Small plays with a known end: each fault at exactly the moment at which it hurts. The same
 * world and the same checkers as in the seeded runs watch every step of them. */
#include "host.h"
#include "run.h"

#include "cluster/links.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define AFTER_START_MS 3000u /* the mesh has formed, detection has settled */
#define STEP_US        200u
#define STEPS_MAX      100000u

static struct plan plan;
static struct sim sim;

static void play(uint32_t nodes)
{
    plan_init(&plan, 7);
    plan.options.nodes = nodes;
    plan.options.duration_ms = 20000;
    plan.options.retention_ms = 20000;
}

#define ACT(at_ms, what, ...)                                                                  \
    plan_add(&plan, (struct plan_op){.at_us = (AFTER_START_MS + (at_ms)) * 1000ull,            \
                                     .op = (what),                                             \
                                     .arg = {__VA_ARGS__}})

static void raise_curtain(void)
{
    sim_init(&sim, &plan);
    sim.verbose = getenv("SIM_VERBOSE") != NULL ? stdout : NULL;
}

static uint64_t time_us(uint32_t at_ms)
{
    return (AFTER_START_MS + at_ms) * 1000ull + 300000;
}

static void run_to(uint32_t at_ms)
{
    sim_run_until(&sim, time_us(at_ms));
    assert_string_equal(sim.why, "");
}

/* To the end, liveness and quiet phases and all. */
static void fall_curtain(void)
{
    sim_run(&sim);
    assert_string_equal(sim.why, "");
    sim_fini(&sim);
    assert_string_equal(sim.why, "");
    plan_fini(&plan);
}

static struct record *inv(uint32_t number)
{
    struct record *r = truth_of_inv(&sim, number);
    assert_non_null(r);
    return r;
}

/* The n-th question that is not a POST. */
static struct ask *question(uint32_t n)
{
    for (uint32_t i = 0; i < sim.ask_count; i++) {
        if (sim.asks[i].kind != ASK_POST && n-- == 0) {
            return &sim.asks[i];
        }
    }
    fail_msg("there is no such question yet");
    return NULL;
}

static void run_until_stage(uint32_t n, enum ask_stage stage)
{
    for (uint32_t i = 0; i < STEPS_MAX && question(n)->stage != stage; i++) {
        sim_run_until(&sim, sim.now_us + STEP_US);
    }
    assert_int_equal(question(n)->stage, stage);
}

/* --- who collects --------------------------------------------------------------------------
 */

static void two_racing_gets_at_two_nodes_have_one_winner(void **state)
{
    (void)state;
    play(3);
    ACT(0, PLAN_POST, 0, 0, 100, 20, 0, 5000, 0);
    ACT(100, PLAN_COLLECT, 0, 1, 3000, 0, 0, 0, 0);
    ACT(100, PLAN_COLLECT, 0, 2, 3000, 0, 0, 0, 0);
    raise_curtain();
    run_to(2000);
    assert_int_equal(inv(0)->delivered_count, 1);
    bool first = question(0)->answer == CLUSTER_COLLECT_SERVE;
    assert_int_equal(question(first ? 1 : 0)->answer, CLUSTER_COLLECT_GONE);
    fall_curtain();
}

static void a_claim_asks_no_more_arbiters_than_it_needs(void **state)
{
    (void)state;
    play(3);
    ACT(0, PLAN_POST, 0, 0, 100, 20, 0, 5000, 0);
    ACT(100, PLAN_COLLECT, 0, 1, 3000, 0, 0, 0, 0);
    raise_curtain();
    run_to(2000);
    assert_int_equal(question(0)->answer, CLUSTER_COLLECT_SERVE);
    assert_int_equal(sim.traffic[MSG_CLAIM].messages, 1); /* its own vote, and the home's */
    assert_int_equal(sim.traffic[MSG_GRANT].messages, 1);
    assert_int_equal(sim.traffic[MSG_RELEASE].messages + sim.traffic[MSG_DENY].messages, 0);
    fall_curtain();
}

static void a_silent_arbiter_is_passed_over(void **state)
{
    (void)state;
    play(3);
    ACT(0, PLAN_POST, 0, 0, 100, 20, 0, 5000, 0);
    ACT(100, PLAN_PAUSE, 0, 800);
    ACT(101, PLAN_COLLECT, 0, 1, 3000, 0, 0, 0, 0);
    raise_curtain();
    run_to(102);
    run_until_stage(0, ASK_DONE);
    assert_true(sim.now_us < time_us(101 + 60));
    assert_int_equal(question(0)->answer, CLUSTER_COLLECT_SERVE);
    assert_int_equal(sim.traffic[MSG_CLAIM].messages, 2);
    fall_curtain();
}

static void parked_get_is_served_when_the_result_comes(void **state)
{
    (void)state;
    play(3);
    ACT(0, PLAN_POST, 0, 0, 100, 1000, 0, 5000, 0);
    ACT(50, PLAN_COLLECT, 0, 2, 3000, 0, 0, 0, 0);
    raise_curtain();
    run_to(2500);
    assert_int_equal(question(0)->answer, CLUSTER_COLLECT_SERVE);
    assert_true(inv(0)->taken_us - inv(0)->done_us < 30000);
    fall_curtain();
}

static void next_in_line_is_served_when_a_client_leaves(void **state)
{
    (void)state;
    play(3);
    ACT(0, PLAN_POST, 0, 0, 100, 10, 0, 5000, 0);
    ACT(100, PLAN_COLLECT, 0, 1, 3000, 0, 50, 0, 0); /* leaves at half the body */
    ACT(101, PLAN_COLLECT, 0, 2, 3000, 0, 0, 0, 0);
    raise_curtain();
    run_to(2000);
    assert_int_equal(inv(0)->failed_serves, 1);
    assert_int_equal(inv(0)->delivered_count, 1);
    assert_int_equal(question(1)->answer, CLUSTER_COLLECT_SERVE);
    fall_curtain();
}

static void without_a_token_a_dying_claimer_keeps_its_votes(void **state)
{
    (void)state;
    play(3);
    ACT(0, PLAN_POST, 0, 0, 100, 10, 0, 3000, 0);
    ACT(100, PLAN_COLLECT, 0, 1, 1000, 0, 0, 0, 0);
    ACT(2600, PLAN_COLLECT, 0, 2, 1000, 0, 0, 0, 0);
    raise_curtain();
    run_to(100);
    run_until_stage(0, ASK_SERVING);
    host_crash(&sim, sim.hosts[1], false);
    run_to(4500);
    assert_int_equal(inv(0)->delivered_count, 0);
    assert_int_not_equal(question(1)->answer, CLUSTER_COLLECT_SERVE);
    fall_curtain();
}

/* Nothing was ready, so nothing can have been served there. */
static void a_dying_node_takes_no_promises_with_it(void **state)
{
    (void)state;
    play(3);
    ACT(0, PLAN_POST, 0, 0, 100, 2500, 0, 6000, 0);
    ACT(100, PLAN_COLLECT, 0, 1, 9000, 0, 0, 0, 0); /* parked there */
    ACT(500, PLAN_CRASH, 1, 0);
    ACT(1000, PLAN_COLLECT, 0, 2, 5000, 0, 0, 0, 0);
    raise_curtain();
    run_to(4000);
    assert_int_equal(question(1)->answer, CLUSTER_COLLECT_SERVE);
    fall_curtain();
}

static void who_cancels_steps_before_those_who_wait(void **state)
{
    (void)state;
    play(3);
    ACT(0, PLAN_POST, 0, 0, 100, 5000, 0, 6000, 0);
    ACT(100, PLAN_COLLECT, 0, 1, 9000, 0, 0, 0, 0);
    ACT(100, PLAN_COLLECT, 0, 0, 9000, 0, 0, 0, 0);
    ACT(500, PLAN_CANCEL, 0, 2);
    raise_curtain();
    run_to(700);
    assert_int_equal(question(0)->answer, CLUSTER_COLLECT_GONE);
    assert_int_equal(question(1)->answer, CLUSTER_COLLECT_GONE);
    assert_int_equal(question(2)->answer, CLUSTER_CANCEL_DONE);
    fall_curtain();
}

static void with_a_token_the_same_client_is_served_at_another_node(void **state)
{
    (void)state;
    play(3);
    ACT(0, PLAN_POST, 0, 0, 100, 10, 0, 6000, 0);
    ACT(100, PLAN_COLLECT, 0, 1, 1000, 1, 0, 0, 0);
    ACT(400, PLAN_COLLECT, 0, 2, 2000, 2, 0, 0, 0); /* another token: never */
    ACT(500, PLAN_COLLECT, 0, 2, 2000, 1, 0, 0, 0);
    raise_curtain();
    run_to(100);
    run_until_stage(0, ASK_SERVING);
    host_crash(&sim, sim.hosts[1], false);
    run_to(4000);
    assert_int_equal(question(2)->answer, CLUSTER_COLLECT_SERVE);
    assert_int_not_equal(question(1)->answer, CLUSTER_COLLECT_SERVE);
    fall_curtain();
}

/* --- links that are renewed ------------------------------------------------------------------
 */

/* Every pair of nodes, from both sides at once or nearly so, while a client asks every
 * millisecond: what was on its way on the old links is said again on the new ones. */
static void while_links_are_renewed_nobody_is_refused(void **state)
{
    (void)state;
    enum { ROUNDS = 4, POSTS = 60, ROUND_MS = 2000 };
    play(3);
    plan.options.acks = 2;
    for (uint32_t n = 0; n < ROUNDS * POSTS; n++) {
        uint32_t at_ms = n / POSTS * ROUND_MS + n % POSTS;
        ACT(at_ms, PLAN_POST, n, n % 3, 100, 1, 0, 5000, 0);
        ACT(at_ms, PLAN_COLLECT, n, (n + 1) % 3, 3000, 0, 0, 0, 0);
        ACT(at_ms, PLAN_STATUS, n, (n + 2) % 3);
    }
    for (uint32_t i = 0; i < ROUNDS * 9; i++) {
        uint32_t round = i / 9, from = i / 3 % 3, to = i % 3;
        if (from != to) {
            ACT(round * ROUND_MS + 30 + from * round, PLAN_RENEW, from, to);
        }
    }
    raise_curtain();
    run_to(ROUNDS * ROUND_MS);
    assert_true(cluster_counters(sim.hosts[0]->cluster)->links_opened >= 4 + 4 * ROUNDS);
    for (uint32_t n = 0; n < ROUNDS * POSTS; n++) {
        assert_int_equal(inv(n)->delivered_count, 1);
    }
    for (uint32_t i = 0; i < sim.ask_count; i++) {
        enum cluster_effect_kind answer = sim.asks[i].answer;
        assert_true(answer != CLUSTER_COLLECT_NO_QUORUM && answer != CLUSTER_REFUSED);
    }
    fall_curtain();
}

/* --- accepted work --------------------------------------------------------------------- */

static void home_that_dies_after_the_copy_is_taken_over(void **state)
{
    (void)state;
    play(3);
    ACT(0, PLAN_POST, 0, 0, 100, 800, 0, 6000, 0);
    ACT(100, PLAN_COLLECT, 0, 1, 8000, 0, 0, 0, 3);
    ACT(200, PLAN_CRASH, 0, 0);
    raise_curtain();
    run_to(9000);
    assert_int_equal(inv(0)->started_count, 2);
    assert_int_equal(inv(0)->delivered_count, 1);
    fall_curtain();
}

static void home_that_dies_before_the_copy_leaves_no_trace(void **state)
{
    (void)state;
    play(3);
    plan.options.acks = 2;
    ACT(0, PLAN_POST, 0, 0, 100, 800, 0, 6000, 0);
    raise_curtain();
    run_to(0);
    while (truth_of_inv(&sim, 0) == NULL || inv(0)->home_incarnation == 0) {
        sim_run_until(&sim, sim.now_us + 10);
    }
    host_crash(&sim, sim.hosts[0], false);
    run_to(100);
    assert_int_equal(inv(0)->stage, STAGE_LOST);
    fall_curtain();
}

/* More of them than one step of the scan takes. */
static void the_last_of_many_orphans_runs_again(void **state)
{
    enum { MANY = 1100 };
    (void)state;
    play(3);
    plan.options.concurrency = MANY;
    for (uint32_t i = 0; i < MANY; i++) {
        ACT(i / 20, PLAN_POST, i, 0, 10, 800, 0, 6000, 0);
    }
    ACT(300, PLAN_CRASH, 0, 0);
    ACT(1000, PLAN_COLLECT, MANY - 1, 2, 4000, 0, 0, 0, 0);
    raise_curtain();
    run_to(4500);
    assert_int_equal(inv(MANY - 1)->started_count, 2);
    assert_int_equal(question(0)->answer, CLUSTER_COLLECT_SERVE);
    fall_curtain();
}

/* Node 2 has heard of none of them while their home lived, and votes on all. */
static void the_last_of_many_orphans_is_offered(void **state)
{
    enum { MANY = 1100 };
    (void)state;
    play(3);
    for (uint32_t i = 0; i < MANY; i++) {
        ACT(i / 20, PLAN_POST, i, 0, 10, 0, 0, 6000, 0);
    }
    ACT(0, PLAN_CUT, 0, 2, 9000);
    ACT(300, PLAN_CRASH, 0, 0);
    ACT(1000, PLAN_COLLECT, MANY - 1, 1, 4000, 0, 0, 0, 0);
    raise_curtain();
    run_to(4500);
    assert_int_equal(inv(MANY - 1)->started_count, 1);
    assert_int_equal(question(0)->answer, CLUSTER_COLLECT_SERVE);
    fall_curtain();
}

/* Node 1 has a part of the request, node 2 left its copy to node 3, and then the home dies. */
static void an_orphan_runs_where_an_heir_has_its_copy(void **state)
{
    (void)state;
    play(4);
    plan.seed = 9; /* so they are chosen */
    plan.options.bandwidth = 2000;
    plan.options.skew = 0;
    ACT(0, PLAN_POST, 0, 0, 700000, 3000, 0, 20000, 0);
    ACT(90, PLAN_CLOG, 0, 1, 1, 6000);
    ACT(800, PLAN_DRAIN, 2);
    ACT(2500, PLAN_CRASH, 0, 0);
    ACT(4000, PLAN_COLLECT, 0, 3, 6000, 0, 0, 0, 0);
    raise_curtain();
    run_to(2400);
    assert_int_equal(inv(0)->holder_count, 1);
    run_to(9000);
    assert_int_equal(inv(0)->started_count, 2);
    assert_int_equal(question(0)->answer, CLUSTER_COLLECT_SERVE);
    fall_curtain();
}

/* More of them than a message holds, or what it is put together in. */
static void who_leaves_hands_on_all_of_many_seats(void **state)
{
    enum { MANY = 5000 };
    (void)state;
    play(3);
    for (uint32_t i = 0; i < MANY; i++) {
        ACT(i / 20, PLAN_POST, i, 0, 10, 0, 0, 15000, 0);
    }
    ACT(1000, PLAN_DRAIN, 0);
    ACT(8000, PLAN_COLLECT, MANY - 1, 2, 1000, 0, 0, 0, 0);
    raise_curtain();
    run_to(9500);
    assert_null(sim.hosts[0]); /* it could go */
    assert_int_equal(question(0)->answer, CLUSTER_COLLECT_SERVE);
    fall_curtain();
}

/* Each has chosen another that leaves as its heir, before it heard of that. What comes for a
 * seat must not go round between them, and none may wait for the other. */
static void who_leave_together_wait_for_nobody(void **state)
{
    (void)state;
    play(3);
    plan.options.delay_us = 30000;
    for (uint32_t i = 0; i < 3; i++) {
        ACT(i, PLAN_POST, i, 0, 10, 3000, 0, 15000, 0);
        ACT(990, PLAN_CANCEL, i, 0);
        ACT(1000, PLAN_DRAIN, i);
    }
    raise_curtain();
    run_to(3000);
    for (uint32_t i = 0; i < 3; i++) {
        assert_null(sim.hosts[i]);
    }
    fall_curtain();
}

/* Two of its three arbiters die of it. The failure that is left can be had, once. */
static void poison_kills_two_nodes_and_is_told(uint32_t nodes)
{
    play(nodes);
    ACT(0, PLAN_POST, 0, 0, 100, 50, POST_POISON, 6000, 0);
    for (uint32_t i = 1; i < nodes; i++) { /* whoever survives */
        ACT(100 + i, PLAN_COLLECT, 0, i, 9000, 0, 0, 0, 5);
    }
    raise_curtain();
    run_to(9900);
    assert_int_equal(sim.history.deaths, 2);
    assert_int_equal(inv(0)->run_count, 0);
    assert_int_not_equal(inv(0)->ready_us, 0);
    assert_int_equal(inv(0)->delivered_count, 1);
    fall_curtain();
}

static void poison_is_told_where_three_nodes_are_left(void **state)
{
    (void)state;
    poison_kills_two_nodes_and_is_told(5);
}

static void poison_is_told_by_the_last_node(void **state)
{
    (void)state;
    poison_kills_two_nodes_and_is_told(3);
}

/* Each is a new node when it comes back: in the end no arbiter is left, and every vote has been
 * given again in time. */
static void a_callback_outlives_all_of_its_arbiters(void **state)
{
    (void)state;
    play(3);
    ACT(0, PLAN_POST, 0, 0, 100, 10, 0, 19000, 0);
    for (uint32_t i = 0; i < 3; i++) {
        ACT(1000 + i * 4000, PLAN_CRASH, i, 0);
        ACT(2500 + i * 4000, PLAN_RESTART, i);
    }
    ACT(14000, PLAN_COLLECT, 0, 1, 2000, 0, 0, 0, 0);
    ACT(14000, PLAN_COLLECT, 0, 2, 2000, 0, 0, 0, 0);
    raise_curtain();
    run_to(16500);
    assert_int_equal(inv(0)->delivered_count, 1);
    fall_curtain();
}

/* Who was cut off has a vote still, and it counts for nothing: the others gave the seat again.
 */
static void the_vote_of_one_that_was_taken_for_dead_is_void(void **state)
{
    (void)state;
    play(4);
    ACT(0, PLAN_POST, 0, 0, 100, 10, 0, 19000, 0);
    ACT(1000, PLAN_SPLIT, 1, 5000);
    ACT(5000, PLAN_COLLECT, 0, 0, 500, 0, 0, 0, 0); /* alone: 503 */
    ACT(7500, PLAN_COLLECT, 0, 0, 2000, 0, 0, 0, 0);
    ACT(7500, PLAN_COLLECT, 0, 1, 2000, 0, 0, 0, 0);
    raise_curtain();
    run_to(10000);
    assert_int_equal(question(0)->answer, CLUSTER_COLLECT_NO_QUORUM);
    assert_int_equal(inv(0)->delivered_count, 1);
    fall_curtain();
}

/* --- partitions ------------------------------------------------------------------------ */

static void old_callbacks_need_a_majority_and_new_ones_do_not_wait_for_it(void **state)
{
    (void)state;
    play(3);
    ACT(0, PLAN_POST, 0, 0, 100, 10, 0, 15000, 0);
    ACT(300, PLAN_SPLIT, 1, 6000);
    ACT(3500, PLAN_COLLECT, 0, 0, 500, 0, 0, 0, 0); /* alone: 503 */
    ACT(3600, PLAN_POST, 1, 0, 100, 10, 0, 9000, 0);
    ACT(3700, PLAN_COLLECT, 1, 0, 500, 0, 0, 0, 0); /* new: at once */
    ACT(4500, PLAN_COLLECT, 0, 2, 500, 0, 0, 0, 0); /* with the majority */
    raise_curtain();
    run_to(6000);
    assert_int_equal(question(0)->answer, CLUSTER_COLLECT_NO_QUORUM);
    assert_int_equal(question(1)->answer, CLUSTER_COLLECT_SERVE);
    assert_int_equal(question(2)->answer, CLUSTER_COLLECT_SERVE);
    fall_curtain();
}

static void available_mode_serves_both_sides_and_counts_it(void **state)
{
    (void)state;
    play(3);
    plan.options.available = 1;
    ACT(0, PLAN_POST, 0, 0, 100, 10, 0, 15000, 0);
    ACT(300, PLAN_SPLIT, 1, 6000);
    ACT(3500, PLAN_COLLECT, 0, 0, 500, 0, 0, 0, 0);
    ACT(3500, PLAN_COLLECT, 0, 2, 500, 0, 0, 0, 0);
    raise_curtain();
    run_to(6000);
    assert_int_equal(inv(0)->delivered_count, 2);
    assert_int_equal(sim.marks.count[MARK_DUPLICATE_COLLECTION], 1);
    fall_curtain();
}

/* --- do the checkers bite? ------------------------------------------------------------- */

#define PLANT_SEEDS_MAX 300u

/* A simulator that lies must be caught by the named rules, within a few hundred seeds. */
static void planted_fault_is_reported(enum plant what, const char *rules)
{
    for (uint64_t seed = 0; seed < PLANT_SEEDS_MAX; seed++) {
        struct outcome out;
        plan_draw(&plan, seed);
        plan.options.plant = what;
        run_plan_apart(&out, &plan);
        plan_fini(&plan);
        if (out.failed) {
            assert_non_null(strstr(rules, out.rule));
            return;
        }
    }
    fail_msg("plant %u was not noticed", (unsigned)what);
}

static void a_lost_release_is_noticed(void **state)
{
    (void)state;
    planted_fault_is_reported(PLANT_DROP_RELEASE, "S4 L2 M3 503");
}

static void a_second_delivery_is_noticed(void **state)
{
    (void)state;
    planted_fault_is_reported(PLANT_SERVE_TWICE, "S1");
}

static void a_wrong_body_is_noticed(void **state)
{
    (void)state;
    planted_fault_is_reported(PLANT_WRONG_BODY, "S2");
}

static void a_kept_body_is_noticed(void **state)
{
    (void)state;
    planted_fault_is_reported(PLANT_DROP_DELETE, "M2 M3");
}

static void lost_work_is_noticed(void **state)
{
    (void)state;
    planted_fault_is_reported(PLANT_LOSE_WORK, "W1 L2 M3 REST");
}

static void a_forgotten_client_is_noticed(void **state)
{
    (void)state;
    planted_fault_is_reported(PLANT_FORGET_CLIENT, "L1");
}

static void a_missing_end_is_noticed(void **state)
{
    (void)state;
    planted_fault_is_reported(PLANT_MISS_END, "C");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_racing_gets_at_two_nodes_have_one_winner),
        cmocka_unit_test(a_claim_asks_no_more_arbiters_than_it_needs),
        cmocka_unit_test(a_silent_arbiter_is_passed_over),
        cmocka_unit_test(parked_get_is_served_when_the_result_comes),
        cmocka_unit_test(next_in_line_is_served_when_a_client_leaves),
        cmocka_unit_test(without_a_token_a_dying_claimer_keeps_its_votes),
        cmocka_unit_test(a_dying_node_takes_no_promises_with_it),
        cmocka_unit_test(who_cancels_steps_before_those_who_wait),
        cmocka_unit_test(with_a_token_the_same_client_is_served_at_another_node),
        cmocka_unit_test(while_links_are_renewed_nobody_is_refused),
        cmocka_unit_test(home_that_dies_after_the_copy_is_taken_over),
        cmocka_unit_test(home_that_dies_before_the_copy_leaves_no_trace),
        cmocka_unit_test(the_last_of_many_orphans_runs_again),
        cmocka_unit_test(the_last_of_many_orphans_is_offered),
        cmocka_unit_test(an_orphan_runs_where_an_heir_has_its_copy),
        cmocka_unit_test(who_leaves_hands_on_all_of_many_seats),
        cmocka_unit_test(who_leave_together_wait_for_nobody),
        cmocka_unit_test(poison_is_told_where_three_nodes_are_left),
        cmocka_unit_test(poison_is_told_by_the_last_node),
        cmocka_unit_test(a_callback_outlives_all_of_its_arbiters),
        cmocka_unit_test(the_vote_of_one_that_was_taken_for_dead_is_void),
        cmocka_unit_test(old_callbacks_need_a_majority_and_new_ones_do_not_wait_for_it),
        cmocka_unit_test(available_mode_serves_both_sides_and_counts_it),
        cmocka_unit_test(a_lost_release_is_noticed),
        cmocka_unit_test(a_second_delivery_is_noticed),
        cmocka_unit_test(a_wrong_body_is_noticed),
        cmocka_unit_test(a_kept_body_is_noticed),
        cmocka_unit_test(lost_work_is_noticed),
        cmocka_unit_test(a_forgotten_client_is_noticed),
        cmocka_unit_test(a_missing_end_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
