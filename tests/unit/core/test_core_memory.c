/* Every allocation of the core and the store is made to fail once: what cannot be kept is
 * refused, nothing breaks, nothing leaks. */
#include "cmocka_first.h"

#include "heap_faults.h"
#include "lib_bench.h"

static struct bench bench;

static enum op_outcome ask(struct op_request op, struct guid *guid)
{
    struct call call;
    bench_request(&bench, &call, &op);
    for (size_t i = bench.seen_count; i > 0; i--) {
        const struct core_effect *fx = &bench.seen[i - 1];
        if (fx->kind == EFFECT_REPLY && fx->call == &call) {
            enum op_outcome outcome = fx->reply.outcome;
            if (guid != NULL) {
                *guid = fx->reply.info.guid;
            }
            if (fx->reply.report_sent) {
                core_sent(bench.core, bench.now_ms, &call, true);
                bench_pump(&bench);
            }
            return outcome;
        }
    }
    core_leave(bench.core, bench.now_ms, &call);
    bench_pump(&bench);
    return OUT_PENDING;
}

static void finish_all(uint16_t status)
{
    const struct core_effect *fx;
    while ((fx = bench_next(&bench, EFFECT_START)) != NULL) {
        bench_done(&bench, fx->execution.id, status, "the answer");
    }
}

/* A bit of everything that allocates. */
static void live_a_little(void)
{
    struct guid guid = {{0}};
    struct op_request op = bench_invoke("f");
    op.invoke.idempotency_key = bytes_text("key");
    op.invoke.client_id.space = ID_CALL;
    op.invoke.client_id.text = bytes_text("mine");
    op.invoke.callback_url = bytes_text("http://example.com/hook");
    ask(op, &guid);
    finish_all(200);
    op = bench_invoke("retry");
    ask(op, &guid);
    finish_all(503);
    bench_pass(&bench, 2000);
    finish_all(200);
    ask((struct op_request){.kind = OP_STATUS, .id.guid = guid}, NULL);
    ask((struct op_request){.kind = OP_COLLECT, .id.guid = guid, .wait_ms = 0}, NULL);
    op = bench_invoke("slow");
    ask(op, &guid);
    ask((struct op_request){.kind = OP_COLLECT,
                            .id.guid = guid,
                            .wait_ms = 0,
                            .claim_token = bytes_text("token")},
        NULL);
    ask((struct op_request){.kind = OP_CANCEL, .id.guid = guid}, NULL);
    bench_pass(&bench, 20000);
    bench_pass(&bench, 70000);
}

static void every_failing_allocation_is_survived(void **state)
{
    (void)state;
    unsigned n = 0;
    bool hit = true;
    while (hit) {
        n++;
        heap_faults_set(n);
        bool open = bench_open(&bench);
        if (open) {
            live_a_little();
            bench_close(&bench);
        }
        hit = heap_faults_hit();
        assert_true(open || hit);
        heap_faults_set(0);
    }
    assert_true(n > 20); /* it did walk through something */
}

static void without_faults_everything_succeeds(void **state)
{
    (void)state;
    assert_true(bench_open(&bench));
    assert_int_equal(ask(bench_invoke("f"), NULL), OUT_ACCEPTED);
    bench_close(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_failing_allocation_is_survived),
        cmocka_unit_test(without_faults_everything_succeeds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
