/* Webhooks in the core: tried again in time, one receiver's flood beside another's, ended with
 * their invocation. */
#include "cmocka_first.h"

#include "lib_bench.h"

BENCH_FIXTURE(bench)

/* An invocation with a callback URL that has ended with 200. */
static struct guid hooked(const char *url)
{
    struct op_request op = bench_invoke("f");
    struct call call;
    op.invoke.callback_url = bytes_text(url);
    size_t before = bench.seen_count;
    bench_request(&bench, &call, &op);
    bench.looked = before;
    const struct core_effect *fx = bench_next(&bench, EFFECT_REPLY);
    assert_non_null(fx);
    assert_int_equal(fx->reply.outcome, OUT_ACCEPTED);
    struct guid guid = fx->reply.info.guid;
    bench.looked = before;
    fx = bench_next(&bench, EFFECT_START);
    assert_non_null(fx);
    before = bench.seen_count;
    bench_done(&bench, fx->execution.id, 200, "result");
    bench_pump(&bench);
    bench.looked = before;
    return guid;
}

/* The id of the next attempt, 0 when there is none. */
static uint64_t next_attempt(void)
{
    const struct core_effect *fx = bench_next(&bench, EFFECT_WEBHOOK);
    return fx == NULL ? 0 : fx->webhook.id;
}

static void answered(uint64_t id, uint16_t status, uint32_t retry_after_s)
{
    struct webhook_outcome outcome = {.status = status, .retry_after_s = retry_after_s};
    core_webhook_done(bench.core, bench.now_ms, id, &outcome);
    bench_pump(&bench);
}

static struct invocation_info status_of(const struct guid *guid)
{
    struct op_request op = {.kind = OP_STATUS};
    struct call call;
    op.id.guid = *guid;
    size_t before = bench.seen_count;
    bench_request(&bench, &call, &op);
    bench.looked = before;
    const struct core_effect *fx = bench_next(&bench, EFFECT_REPLY);
    assert_non_null(fx);
    return fx->reply.info;
}

static enum op_outcome ask(enum op_kind kind, const struct guid *guid)
{
    struct op_request op = {.kind = kind};
    struct call call;
    op.id.guid = *guid;
    size_t before = bench.seen_count;
    bench_request(&bench, &call, &op);
    bench.looked = before;
    const struct core_effect *fx = bench_next(&bench, EFFECT_REPLY);
    assert_non_null(fx);
    enum op_outcome outcome = fx->reply.outcome;
    bool reports = fx->reply.report_sent;
    bench.looked = before;
    if (reports) {
        core_sent(bench.core, bench.now_ms, &call, true);
        bench_pump(&bench);
    }
    return outcome;
}

static void a_failed_attempt_is_made_again_in_time(void **state)
{
    (void)state;
    struct guid guid = hooked("http://receiver/");
    uint64_t id = next_attempt();
    assert_true(id > 0);
    answered(id, 500, 0);
    bench_pass(&bench, 240); /* 500 ms, of which half is jitter */
    assert_int_equal(next_attempt(), 0);
    bench_pass(&bench, 270);
    assert_int_equal(next_attempt(), id);
    answered(id, 204, 0);
    struct invocation_info info = status_of(&guid);
    assert_int_equal(info.state, INVOCATION_COLLECTED);
    assert_int_equal(info.webhook, WEBHOOK_DELIVERED);
}

static void retry_after_is_waited_for(void **state)
{
    (void)state;
    hooked("http://receiver/");
    uint64_t id = next_attempt();
    answered(id, 429, 3);
    bench_pass(&bench, 2990);
    assert_int_equal(next_attempt(), 0);
    bench_pass(&bench, 20);
    assert_int_equal(next_attempt(), id);
    answered(id, 200, 0);
}

static void given_up_it_can_be_collected(void **state)
{
    (void)state;
    struct guid guid = hooked("http://receiver/");
    answered(next_attempt(), 410, 0);
    assert_int_equal(status_of(&guid).webhook, WEBHOOK_FAILED);
    assert_int_equal(status_of(&guid).state, INVOCATION_SUCCEEDED);
    assert_int_equal(ask(OP_COLLECT, &guid), OUT_RESULT);
    assert_int_equal(status_of(&guid).webhook, WEBHOOK_FAILED);
}

static void a_client_may_be_faster_than_the_next_attempt(void **state)
{
    (void)state;
    struct guid guid = hooked("http://receiver/");
    answered(next_attempt(), 503, 0);
    assert_int_equal(ask(OP_COLLECT, &guid), OUT_RESULT);
    bench_pass(&bench, 2000);
    assert_int_equal(next_attempt(), 0);
    assert_int_equal(status_of(&guid).state, INVOCATION_COLLECTED);
}

/* An attempt under way is a client being served: whoever cancels waits in line for its end. */
static void cancel_during(const struct guid *guid, struct call *call, struct op_request *op)
{
    *op = (struct op_request){.kind = OP_CANCEL};
    op->id.guid = *guid;
    size_t before = bench.seen_count;
    bench_request(&bench, call, op);
    bench.looked = before;
    assert_null(bench_next(&bench, EFFECT_REPLY));
}

static void canceled_during_an_attempt_that_fails(void **state)
{
    (void)state;
    struct op_request op;
    struct call call;
    struct guid guid = hooked("http://receiver/");
    uint64_t id = next_attempt();
    cancel_during(&guid, &call, &op);
    answered(id, 503, 0);
    const struct core_effect *fx = bench_next(&bench, EFFECT_REPLY);
    assert_non_null(fx);
    assert_int_equal(fx->reply.outcome, OUT_CANCELED);
    bench_pass(&bench, 2000);
    assert_int_equal(next_attempt(), 0);
    assert_int_equal(status_of(&guid).state, INVOCATION_CANCELED);
}

static void canceled_during_an_attempt_that_succeeds(void **state)
{
    (void)state;
    struct op_request op;
    struct call call;
    struct guid guid = hooked("http://receiver/");
    uint64_t id = next_attempt();
    cancel_during(&guid, &call, &op);
    answered(id, 200, 0);
    const struct core_effect *fx = bench_next(&bench, EFFECT_REPLY);
    assert_non_null(fx);
    assert_int_equal(fx->reply.outcome, OUT_CONFLICT);
    assert_int_equal(status_of(&guid).state, INVOCATION_COLLECTED);
}

static void expiry_stops_the_attempt(void **state)
{
    (void)state;
    struct guid guid = hooked("http://receiver/");
    uint64_t id = next_attempt();
    size_t before = bench.seen_count;
    bench_pass(&bench, 5100); /* its time to live */
    bench.looked = before;
    const struct core_effect *fx = bench_next(&bench, EFFECT_WEBHOOK_STOP);
    assert_non_null(fx);
    assert_int_equal(fx->webhook.id, id);
    answered(id, 200, 0); /* it crossed: nothing is counted twice */
    assert_int_equal(status_of(&guid).state, INVOCATION_EXPIRED);
}

/* The loop was late: the next attempt is due, and the time to live is over as well. */
static void expiry_and_the_next_attempt_in_one_turn(void **state)
{
    (void)state;
    struct guid guid = hooked("http://receiver/");
    answered(next_attempt(), 503, 0);
    bench.now_ms += 5100;
    core_tick(bench.core, bench.now_ms);
    bench_pump(&bench);
    assert_int_equal(next_attempt(), 0);
    assert_int_equal(status_of(&guid).state, INVOCATION_EXPIRED);
    guid = hooked("http://receiver/"); /* and nobody's turn is lost */
    answered(next_attempt(), 200, 0);
    assert_int_equal(status_of(&guid).state, INVOCATION_COLLECTED);
}

#define FLOOD 40

static void a_dead_receiver_takes_no_others_turn(void **state)
{
    (void)state;
    size_t begun = bench.seen_count;
    for (int i = 0; i < FLOOD; i++) {
        hooked("http://dead:81/a");
    }
    hooked("http://alive/b");
    bench.looked = begun;
    uint64_t ids[FLOOD + 1];
    size_t to_dead = 0, to_alive = 0;
    const struct core_effect *fx;
    while ((fx = bench_next(&bench, EFFECT_WEBHOOK)) != NULL) {
        if (bytes_is(fx->webhook.url, "http://alive/b")) {
            to_alive++;
        } else {
            ids[to_dead++] = fx->webhook.id;
        }
    }
    assert_int_equal(to_alive, 1);
    assert_int_equal(to_dead, 16);
    answered(ids[0], 410, 0);
    assert_true(next_attempt() > 0); /* its place is taken by the next to that receiver */
    assert_int_equal(next_attempt(), 0);
}

static void what_ended_while_it_waited_for_its_turn_is_not_sent(void **state)
{
    (void)state;
    struct guid last = {{0}};
    for (int i = 0; i < 17; i++) {
        last = hooked("http://dead:81/a");
    }
    assert_int_equal(next_attempt(), 0);
    assert_int_equal(ask(OP_CANCEL, &last), OUT_CANCELED);
    bench.looked = 0;
    uint64_t first = next_attempt();
    bench.looked = bench.seen_count;
    answered(first, 410, 0);
    assert_int_equal(next_attempt(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BENCH_TEST(a_failed_attempt_is_made_again_in_time),
        BENCH_TEST(retry_after_is_waited_for),
        BENCH_TEST(given_up_it_can_be_collected),
        BENCH_TEST(a_client_may_be_faster_than_the_next_attempt),
        BENCH_TEST(canceled_during_an_attempt_that_fails),
        BENCH_TEST(canceled_during_an_attempt_that_succeeds),
        BENCH_TEST(expiry_stops_the_attempt),
        BENCH_TEST(expiry_and_the_next_attempt_in_one_turn),
        BENCH_TEST(a_dead_receiver_takes_no_others_turn),
        BENCH_TEST(what_ended_while_it_waited_for_its_turn_is_not_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
