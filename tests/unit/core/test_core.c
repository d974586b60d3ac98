/* One node's core: accepted, run, collected once; refused in time; ended in time. */
#include "cmocka_first.h"

#include "lib_bench.h"

BENCH_FIXTURE(bench)

static enum op_outcome next_outcome(void)
{
    const struct core_effect *fx = bench_next(&bench, EFFECT_REPLY);
    assert_non_null(fx);
    return fx->reply.outcome;
}

/* Posts to `function` and returns the GUID of what was accepted. */
static struct guid post(const char *function)
{
    struct op_request op = bench_invoke(function);
    struct call call;
    bench_request(&bench, &call, &op);
    const struct core_effect *fx = bench_next(&bench, EFFECT_REPLY);
    assert_non_null(fx);
    assert_int_equal(fx->reply.outcome, OUT_ACCEPTED);
    return fx->reply.info.guid;
}

static uint64_t started(void)
{
    const struct core_effect *fx = bench_next(&bench, EFFECT_START);
    assert_non_null(fx);
    return fx->execution.id;
}

static struct op_request collecting(const struct guid *guid, uint64_t wait_ms)
{
    struct op_request op = {.kind = OP_COLLECT, .wait_ms = wait_ms};
    op.id.guid = *guid;
    return op;
}

static enum op_outcome collect_now(const struct guid *guid)
{
    struct op_request op = collecting(guid, 0);
    struct call call;
    bench_request(&bench, &call, &op);
    const struct core_effect *fx = bench_next(&bench, EFFECT_REPLY);
    assert_non_null(fx);
    if (fx->reply.report_sent) {
        core_sent(bench.core, bench.now_ms, &call, true);
        bench_pump(&bench);
    }
    return fx->reply.outcome;
}

static const struct function_stats *stats(const char *function)
{
    return &functions_find(core_functions(bench.core), bytes_text(function))->stats;
}

static void callback_is_collected_once(void **state)
{
    (void)state;
    struct guid guid = post("f");
    uint64_t id = started();
    assert_int_equal(collect_now(&guid), OUT_PENDING);
    bench_done(&bench, id, 200, "answer");
    struct op_request op = collecting(&guid, 0);
    struct call call;
    bench_request(&bench, &call, &op);
    const struct core_effect *fx = bench_next(&bench, EFFECT_REPLY);
    assert_int_equal(fx->reply.outcome, OUT_RESULT);
    assert_true(bytes_is(buf_view(fx->reply.result.body), "answer"));
    assert_true(fx->reply.report_sent);
    core_sent(bench.core, bench.now_ms, &call, true);
    bench_pump(&bench);
    assert_int_equal(collect_now(&guid), OUT_GONE);
    assert_int_equal(stats("f")->accepted, 1);
    assert_int_equal(stats("f")->collected, 1);
    assert_int_equal(stats("f")->ready, 0);
}

static void unfinished_delivery_leaves_it_collectable(void **state)
{
    (void)state;
    struct guid guid = post("f");
    bench_done(&bench, started(), 200, "answer");
    for (int i = 0; i < 3; i++) {
        struct op_request op = collecting(&guid, 0);
        struct call call;
        bench_request(&bench, &call, &op);
        assert_int_equal(next_outcome(), OUT_RESULT);
        core_sent(bench.core, bench.now_ms, &call, false);
        bench_pump(&bench);
    }
    assert_int_equal(collect_now(&guid), OUT_RESULT);
    assert_int_equal(collect_now(&guid), OUT_GONE);
}

static void second_client_waits_in_line_for_the_first(void **state)
{
    (void)state;
    struct guid guid = post("f");
    bench_done(&bench, started(), 200, "answer");
    struct op_request op = collecting(&guid, 1000);
    struct call first, second;
    bench_request(&bench, &first, &op);
    assert_int_equal(next_outcome(), OUT_RESULT);
    bench_request(&bench, &second, &op);
    assert_null(bench_next(&bench, EFFECT_REPLY));
    core_sent(bench.core, bench.now_ms, &first, false);
    bench_pump(&bench);
    assert_int_equal(next_outcome(), OUT_RESULT);
    core_sent(bench.core, bench.now_ms, &second, true);
    bench_pump(&bench);
    assert_int_equal(collect_now(&guid), OUT_GONE);
}

static void parked_collect_is_woken_by_the_result(void **state)
{
    (void)state;
    struct guid guid = post("f");
    uint64_t id = started();
    struct op_request op = collecting(&guid, 2000);
    struct call call;
    bench_request(&bench, &call, &op);
    bench_pass(&bench, 500);
    assert_null(bench_next(&bench, EFFECT_REPLY));
    bench_done(&bench, id, 200, "answer");
    assert_int_equal(next_outcome(), OUT_RESULT);
    core_sent(bench.core, bench.now_ms, &call, true);
}

static void wait_ends_in_pending(void **state)
{
    (void)state;
    struct guid guid = post("slow");
    started();
    struct op_request op = collecting(&guid, 300);
    struct call call;
    bench_request(&bench, &call, &op);
    bench_pass(&bench, 299);
    assert_null(bench_next(&bench, EFFECT_REPLY));
    bench_pass(&bench, 1001);
    assert_int_equal(next_outcome(), OUT_PENDING);
}

static void full_queue_refuses_before_accepting(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) { /* 2 run, 3 wait */
        post("f");
    }
    struct op_request op = bench_invoke("f");
    struct call call;
    bench_request(&bench, &call, &op);
    assert_int_equal(next_outcome(), OUT_QUEUE_FULL);
    assert_int_equal(stats("f")->accepted, 5);
}

static enum op_outcome invoke_of(const char *tenant, struct buf *body)
{
    struct op_request op = bench_invoke("slow");
    struct call call;
    op.tenant = bytes_text(tenant);
    op.invoke.body = body;
    bench_request(&bench, &call, &op);
    return next_outcome();
}

static void tenant_beyond_its_share_is_refused_and_others_are_not(void **state)
{
    (void)state;
    struct buf *body;
    assert_int_equal(buf_new(&body, &bench.budget, BENCH_TENANT_MAX / 3), 0);
    memset(body->data, 'x', body->size);
    assert_int_equal(invoke_of("red", body), OUT_ACCEPTED);
    assert_int_equal(invoke_of("red", body), OUT_ACCEPTED);
    assert_int_equal(invoke_of("red", body), OUT_TENANT_FULL);
    assert_int_equal(core_refused(bench.core, OUT_TENANT_FULL), 1);
    assert_int_equal(invoke_of("blue", body), OUT_ACCEPTED);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(invoke_of("", body), OUT_ACCEPTED); /* nobody has no share */
    }
    buf_drop(&body);
}

/* Its key may say more, or less, than the setting. */
static void tenant_may_have_a_share_of_its_own(void **state)
{
    (void)state;
    struct buf *body;
    struct call call;
    assert_int_equal(buf_new(&body, &bench.budget, BENCH_TENANT_MAX / 3), 0);
    memset(body->data, 'x', body->size);
    struct op_request op = bench_invoke("slow");
    op.tenant = bytes_text("red");
    op.invoke.body = body;
    op.tenant_share = 1; /* of 1 MiB */
    bench_request(&bench, &call, &op);
    assert_int_equal(next_outcome(), OUT_ACCEPTED);
    bench_request(&bench, &call, &op);
    assert_int_equal(next_outcome(), OUT_TENANT_FULL);
    op.tenant_share = 5;
    for (int i = 0; i < 4; i++) {
        bench_request(&bench, &call, &op);
        assert_int_equal(next_outcome(), OUT_ACCEPTED);
    }
    bench_request(&bench, &call, &op);
    assert_int_equal(next_outcome(), OUT_TENANT_FULL);
    buf_drop(&body);
}

static void unknown_names_are_told_apart(void **state)
{
    (void)state;
    struct op_request op = bench_invoke("nobody");
    struct call call;
    bench_request(&bench, &call, &op);
    assert_int_equal(next_outcome(), OUT_UNKNOWN_FUNCTION);
    struct guid guid = {{9}};
    assert_int_equal(collect_now(&guid), OUT_UNKNOWN);
}

static void timeout_stops_the_work_and_becomes_a_callback(void **state)
{
    (void)state;
    struct guid guid = post("f");
    uint64_t id = started();
    bench_pass(&bench, 1100);
    const struct core_effect *stop = bench_next(&bench, EFFECT_STOP);
    assert_non_null(stop);
    assert_true(stop->execution.id == id);
    bench_done(&bench, id, 200, "too late");
    struct op_request op = collecting(&guid, 0);
    struct call call;
    bench_request(&bench, &call, &op);
    const struct core_effect *fx = bench_next(&bench, EFFECT_REPLY);
    assert_int_equal(fx->reply.outcome, OUT_RESULT);
    assert_int_equal(fx->reply.result.status, 504);
    core_sent(bench.core, bench.now_ms, &call, true);
    assert_int_equal(stats("f")->failed, 1);
}

static void deadline_counts_queueing_too(void **state)
{
    (void)state;
    post("slow");
    struct guid second = post("slow");
    bench_pass(&bench, 2100);
    struct op_request op = collecting(&second, 0);
    struct call call;
    bench_request(&bench, &call, &op);
    const struct core_effect *fx = NULL;
    for (const struct core_effect *e; (e = bench_next(&bench, EFFECT_REPLY)) != NULL;) {
        fx = e;
    }
    assert_non_null(fx);
    assert_int_equal(fx->reply.outcome, OUT_RESULT);
    assert_int_equal(fx->reply.result.status, 504);
    core_sent(bench.core, bench.now_ms, &call, true);
}

static void cancel_stops_what_runs(void **state)
{
    (void)state;
    struct guid guid = post("f");
    uint64_t id = started();
    struct op_request op = {.kind = OP_CANCEL, .id.guid = guid};
    struct call call;
    bench_request(&bench, &call, &op);
    const struct core_effect *stop = bench_next(&bench, EFFECT_STOP);
    assert_non_null(stop);
    assert_true(stop->execution.id == id);
    bench.looked = 0;
    while (bench.looked < bench.seen_count && bench.seen[bench.looked].call != &call) {
        bench.looked++;
    }
    assert_int_equal(next_outcome(), OUT_CANCELED);
    bench_request(&bench, &call, &op);
    assert_int_equal(next_outcome(), OUT_CONFLICT);
    assert_int_equal(collect_now(&guid), OUT_GONE);
    assert_int_equal(stats("f")->canceled, 1);
}

static void orphan_expires_and_is_counted(void **state)
{
    (void)state;
    struct guid guid = post("f");
    bench_done(&bench, started(), 200, "nobody comes");
    bench_pass(&bench, 7000);
    assert_int_equal(collect_now(&guid), OUT_GONE);
    assert_int_equal(stats("f")->expired, 1);
    assert_int_equal(stats("f")->ready_bytes, 0);
    bench_pass(&bench, 62000);
    assert_int_equal(collect_now(&guid), OUT_UNKNOWN);
}

static void retry_runs_again_until_an_answer_is_final(void **state)
{
    (void)state;
    struct guid guid = post("retry");
    bench_done(&bench, started(), 503, "busy");
    bench_pass(&bench, 200);
    const struct core_effect *again = bench_next(&bench, EFFECT_START);
    assert_non_null(again);
    assert_int_equal(again->execution.attempt, 2);
    bench_done(&bench, again->execution.id, 200, "done");
    assert_int_equal(collect_now(&guid), OUT_RESULT);
    assert_int_equal(stats("retry")->retried, 1);
}

static void synchronous_client_that_leaves_ends_the_work(void **state)
{
    (void)state;
    struct op_request op = bench_invoke("f");
    op.invoke.mode = INVOKE_SYNC;
    struct call call;
    bench_request(&bench, &call, &op);
    uint64_t id = started();
    core_leave(bench.core, bench.now_ms, &call);
    bench_pump(&bench);
    const struct core_effect *stop = bench_next(&bench, EFFECT_STOP);
    assert_non_null(stop);
    assert_true(stop->execution.id == id);
}

static void synchronous_client_gets_the_answer(void **state)
{
    (void)state;
    struct op_request op = bench_invoke("f");
    op.invoke.mode = INVOKE_SYNC;
    struct call call;
    bench_request(&bench, &call, &op);
    bench_done(&bench, started(), 418, "teapot");
    const struct core_effect *fx = bench_next(&bench, EFFECT_REPLY);
    assert_int_equal(fx->reply.outcome, OUT_RESULT);
    assert_int_equal(fx->reply.result.status, 418);
    assert_false(fx->reply.report_sent);
}

static void wait_for_an_accepted_one_falls_back_to_accepted(void **state)
{
    (void)state;
    struct op_request op = bench_invoke("f");
    op.invoke.mode = INVOKE_ASYNC_WAIT;
    op.invoke.wait_ms = 200;
    struct call quick, late;
    bench_request(&bench, &quick, &op);
    bench_done(&bench, started(), 200, "quick");
    const struct core_effect *fx = bench_next(&bench, EFFECT_REPLY);
    assert_int_equal(fx->reply.outcome, OUT_RESULT);
    assert_true(fx->reply.was_waiting);
    core_sent(bench.core, bench.now_ms, &quick, true);
    bench_pump(&bench);
    bench_request(&bench, &late, &op);
    uint64_t id = started();
    bench_pass(&bench, 900);
    fx = bench_next(&bench, EFFECT_REPLY);
    assert_non_null(fx);
    assert_int_equal(fx->reply.outcome, OUT_ACCEPTED);
    struct guid guid = fx->reply.info.guid;
    bench_done(&bench, id, 200, "late");
    assert_int_equal(collect_now(&guid), OUT_RESULT);
}

static void idempotency_key_runs_once(void **state)
{
    (void)state;
    struct op_request op = bench_invoke("f");
    op.invoke.idempotency_key = bytes_text("k1");
    struct call call;
    bench_request(&bench, &call, &op);
    const struct core_effect *fx = bench_next(&bench, EFFECT_REPLY);
    assert_int_equal(fx->reply.outcome, OUT_ACCEPTED);
    struct guid first = fx->reply.info.guid;
    started();
    bench_request(&bench, &call, &op);
    fx = bench_next(&bench, EFFECT_REPLY);
    assert_int_equal(fx->reply.outcome, OUT_ACCEPTED);
    assert_true(guid_equal(&fx->reply.info.guid, &first));
    assert_null(bench_next(&bench, EFFECT_START));
    op.invoke.request.path = bytes_text("/other");
    bench_request(&bench, &call, &op);
    assert_int_equal(next_outcome(), OUT_IDEMPOTENCY_MISMATCH);
    assert_int_equal(stats("f")->accepted, 1);
}

static void client_chosen_id_works_like_the_guid(void **state)
{
    (void)state;
    struct op_request op = bench_invoke("f");
    op.invoke.client_id.space = ID_CALL;
    op.invoke.client_id.text = bytes_text("my-id");
    struct call call;
    bench_request(&bench, &call, &op);
    assert_int_equal(next_outcome(), OUT_ACCEPTED);
    const struct core_effect *fx;
    bench.looked = 0;
    fx = bench_next(&bench, EFFECT_START);
    assert_true(bytes_is(fx->execution.call_id, "my-id"));
    bench_done(&bench, fx->execution.id, 200, "x");
    bench_request(&bench, &call, &op);
    assert_int_equal(next_outcome(), OUT_ID_IN_USE);
    struct op_request ask = {.kind = OP_COLLECT, .wait_ms = 0};
    ask.id.space = ID_CALL;
    ask.id.text = bytes_text("my%2did");
    bench_request(&bench, &call, &ask);
    assert_int_equal(next_outcome(), OUT_UNKNOWN);
    ask.id.is_encoded = true;
    bench_request(&bench, &call, &ask);
    assert_int_equal(next_outcome(), OUT_RESULT);
    core_sent(bench.core, bench.now_ms, &call, true);
}

static void draining_refuses_new_work_and_finishes_the_old(void **state)
{
    (void)state;
    struct guid guid = post("f");
    uint64_t id = started();
    core_drain(bench.core, bench.now_ms);
    bench_pump(&bench);
    struct op_request op = bench_invoke("f");
    struct call call;
    bench_request(&bench, &call, &op);
    assert_int_equal(next_outcome(), OUT_DRAINING);
    bench_done(&bench, id, 200, "finished");
    assert_int_equal(collect_now(&guid), OUT_RESULT);
    core_finish(bench.core, bench.now_ms);
    bench_pump(&bench);
    bench_pass(&bench, 20000);
    bench.looked = 0;
    assert_non_null(bench_next(&bench, EFFECT_DRAINED));
}

static void memory_limit_refuses_and_gives_everything_back(void **state)
{
    (void)state;
    bench.budget.limit = bench.budget.used + 100;
    struct op_request op = bench_invoke("f");
    struct call call;
    bench_request(&bench, &call, &op);
    assert_int_equal(next_outcome(), OUT_NO_MEMORY);
    assert_int_equal(stats("f")->accepted, 0);
    bench.budget.limit = 1u << 20;
    post("f");
}

/* The first result shows how much one needs; from then on that much is kept free for each that
 * is accepted, and what would leave too little is refused before its 202. */
static void memory_for_results_is_promised_before_the_202(void **state)
{
    (void)state;
    static char body[3001];
    memset(body, 'x', sizeof body - 1);
    struct guid first = post("f");
    bench_done(&bench, started(), 200, body);
    assert_int_equal(collect_now(&first), OUT_RESULT);
    assert_int_equal(bench.budget.promised, 0);

    bench.budget.limit = bench.budget.used + 12000;
    struct guid second = post("f");
    uint64_t running = started();
    post("f");
    uint64_t also_running = started();
    assert_true(bench.budget.promised >= 2 * 3000);
    struct op_request op = bench_invoke("f");
    struct call call;
    bench_request(&bench, &call, &op);
    assert_int_equal(next_outcome(), OUT_NO_MEMORY);

    bench_done(&bench, running, 200, body);
    bench_done(&bench, also_running, 200, body);
    assert_int_equal(bench.budget.promised, 0);
    assert_int_equal(stats("f")->failed, 0);
    assert_int_equal(collect_now(&second), OUT_RESULT);
    post("f");
    bench.budget.limit = 1u << 20;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BENCH_TEST(callback_is_collected_once),
        BENCH_TEST(unfinished_delivery_leaves_it_collectable),
        BENCH_TEST(second_client_waits_in_line_for_the_first),
        BENCH_TEST(parked_collect_is_woken_by_the_result),
        BENCH_TEST(wait_ends_in_pending),
        BENCH_TEST(full_queue_refuses_before_accepting),
        BENCH_TEST(tenant_beyond_its_share_is_refused_and_others_are_not),
        BENCH_TEST(tenant_may_have_a_share_of_its_own),
        BENCH_TEST(unknown_names_are_told_apart),
        BENCH_TEST(timeout_stops_the_work_and_becomes_a_callback),
        BENCH_TEST(deadline_counts_queueing_too),
        BENCH_TEST(cancel_stops_what_runs),
        BENCH_TEST(orphan_expires_and_is_counted),
        BENCH_TEST(retry_runs_again_until_an_answer_is_final),
        BENCH_TEST(synchronous_client_that_leaves_ends_the_work),
        BENCH_TEST(synchronous_client_gets_the_answer),
        BENCH_TEST(wait_for_an_accepted_one_falls_back_to_accepted),
        BENCH_TEST(idempotency_key_runs_once),
        BENCH_TEST(client_chosen_id_works_like_the_guid),
        BENCH_TEST(draining_refuses_new_work_and_finishes_the_old),
        BENCH_TEST(memory_limit_refuses_and_gives_everything_back),
        BENCH_TEST(memory_for_results_is_promised_before_the_202),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
