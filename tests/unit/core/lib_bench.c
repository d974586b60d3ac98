#include "lib_bench.h"

#include <assert.h>
#include <string.h>

bool bench_open(struct bench *b)
{
    static const struct function_spec specs[] = {
        {.name = {(const uint8_t *)"f", 1},
         .concurrency = 2,
         .queue = 3,
         .timeout_ms = 1000,
         .ttl_ms = 5000,
         .max_attempts = 2},
        {.name = {(const uint8_t *)"retry", 5},
         .concurrency = 1,
         .queue = 10,
         .timeout_ms = 1000,
         .ttl_ms = 5000,
         .max_attempts = 2,
         .retry = {.attempts = 3,
                   .min_wait_ms = 100,
                   .max_wait_ms = 1000,
                   .codes = {503, 504},
                   .code_count = 2}},
        {.name = {(const uint8_t *)"slow", 4},
         .concurrency = 1,
         .queue = 100,
         .timeout_ms = 1500,
         .ttl_ms = 5000,
         .deadline_ms = 2000,
         .max_attempts = 2},
    };
    memset(b, 0, sizeof *b);
    b->budget.limit = 1u << 20;
    b->results.of = &b->budget;
    b->now_ms = 1000000;
    struct cluster_config cluster = {
        .node_id = {{1, 2, 3}},
        .node_name = bytes_text("alone"),
        .cluster_name = bytes_text("test"),
        .retention_ms = 60000,
        .redelivery_ms = 10000,
        .seed = 7,
        .budget = &b->results,
    };
    struct core_config core = {
        .functions = specs,
        .function_count = 3,
        .wait_ms = 3000,
        .wait_max_ms = 60000,
        .jube_wait_ms = 3000,
        .webhook = {.attempts = 3, .min_wait_ms = 500, .max_wait_ms = 60000},
        .seed = 9,
        .node_name = bytes_text("alone"),
        .budget = &b->results,
        .tenant_bytes_max = BENCH_TENANT_MAX,
    };
    core.cluster = cluster_new(&cluster, b->now_ms);
    if (core.cluster == NULL) {
        return false;
    }
    b->core = core_new(&core, b->now_ms);
    if (b->core == NULL) {
        cluster_free(&core.cluster);
    }
    return b->core != NULL;
}

void bench_forget(struct bench *b)
{
    for (size_t i = 0; i < b->seen_count; i++) {
        result_drop(&b->seen[i].reply.result);
    }
    b->seen_count = 0;
    b->looked = 0;
}

void bench_close(struct bench *b)
{
    while (core_abandon(b->core)) {
        bench_pump(b);
    }
    bench_pump(b);
    bench_forget(b);
    core_free(&b->core);
    assert(b->budget.used == 0);
}

void bench_pump(struct bench *b)
{
    struct core_effect fx;
    while (core_next_effect(b->core, &fx)) {
        assert(b->seen_count < BENCH_EFFECTS_MAX);
        b->seen[b->seen_count++] = fx;
    }
}

void bench_pass(struct bench *b, uint64_t ms)
{
    uint64_t until = b->now_ms + ms;
    while (core_deadline_ms(b->core) <= until) {
        uint64_t due = core_deadline_ms(b->core);
        b->now_ms = due > b->now_ms ? due : b->now_ms;
        core_tick(b->core, b->now_ms);
        bench_pump(b);
    }
    b->now_ms = until;
}

const struct core_effect *bench_next(struct bench *b, enum core_effect_kind kind)
{
    while (b->looked < b->seen_count) {
        const struct core_effect *fx = &b->seen[b->looked++];
        if (fx->kind == kind) {
            return fx;
        }
    }
    return NULL;
}

void bench_request(struct bench *b, struct call *call, const struct op_request *op)
{
    uint8_t random[GUID_SIZE] = {0};
    b->randoms++;
    memcpy(random, &b->randoms, sizeof b->randoms);
    memset(call, 0, sizeof *call);
    call->op = op;
    core_request(b->core, b->now_ms, call, random);
    bench_pump(b);
}

struct op_request bench_invoke(const char *function)
{
    struct op_request op = {.kind = OP_INVOKE};
    op.invoke.mode = INVOKE_ASYNC;
    op.invoke.function = bytes_text(function);
    op.invoke.request.method = bytes_text("POST");
    return op;
}

void bench_done(struct bench *b, uint64_t execution_id, uint16_t status, const char *body)
{
    struct execution_outcome outcome = {.end = EXECUTION_ANSWERED};
    outcome.result.status = status;
    if (buf_copy(&outcome.result.body, &b->results, bytes_text(body)) != 0) {
        outcome.end = EXECUTION_NO_MEMORY;
    }
    core_done(b->core, b->now_ms, execution_id, &outcome);
    bench_pump(b);
}
