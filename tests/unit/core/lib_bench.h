/* One core with one node's cluster, driven by hand with a virtual clock: what the driver would
 * do, without HTTP, sockets or processes. */
#ifndef TESTS_UNIT_CORE_LIB_BENCH_H
#define TESTS_UNIT_CORE_LIB_BENCH_H

#include "core/core.h"

#define BENCH_EFFECTS_MAX 4096
#define BENCH_TENANT_MAX  30000u /* bytes that one tenant may hold */

struct bench {
    struct core *core;
    struct budget budget, results;
    uint64_t now_ms;
    uint64_t randoms; /* GUIDs are counted, not drawn */
    struct core_effect seen[BENCH_EFFECTS_MAX];
    size_t seen_count, looked;
};

/* Functions: "f" (concurrency 2, queue 3, timeout 1 s, ttl 5 s), "retry" (3 attempts on 503,
 * waits 100 to 1000 ms), "slow" (concurrency 1, queue 100, deadline 2 s). False: no memory. */
bool bench_open(struct bench *b);
void bench_close(struct bench *b);

/* The bench of a program's tests: opened before each BENCH_TEST, closed after it. */
#define BENCH_FIXTURE(b)                                                                       \
    static struct bench b;                                                                     \
    static int open_bench(void **state)                                                        \
    {                                                                                          \
        (void)state;                                                                           \
        assert_true(bench_open(&b));                                                           \
        return 0;                                                                              \
    }                                                                                          \
    static int close_bench(void **state)                                                       \
    {                                                                                          \
        (void)state;                                                                           \
        bench_close(&b);                                                                       \
        return 0;                                                                              \
    }
#define BENCH_TEST(f) cmocka_unit_test_setup_teardown(f, open_bench, close_bench)

/* Takes all effects; replies' results are kept until bench_close() or bench_forget(). */
void bench_pump(struct bench *b);
void bench_forget(struct bench *b);

/* Time passes; the core is ticked whenever it is due. */
void bench_pass(struct bench *b, uint64_t ms);

/* The next effect of that kind not looked at yet, or NULL. */
const struct core_effect *bench_next(struct bench *b, enum core_effect_kind kind);

/* Begins a call of `op`. */
void bench_request(struct bench *b, struct call *call, const struct op_request *op);

/* An asynchronous invocation of `function` with this body; its reply's outcome. */
struct op_request bench_invoke(const char *function);

/* Ends an execution with a status and a body. */
void bench_done(struct bench *b, uint64_t execution_id, uint16_t status, const char *body);

#endif
