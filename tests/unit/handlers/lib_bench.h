/* A bench for one handler: a loop, a budget, and a record of what the handler reported.
 * bench_fini() asserts that nothing was left: no handle, no byte of the budget. */
#ifndef TESTS_LIB_BENCH_H
#define TESTS_LIB_BENCH_H

#include "handlers/handler.h"
#include "io/loop.h"

#define BENCH_OUTCOMES_MAX 256

struct bench_outcome {
    uint64_t id;
    struct execution_outcome outcome; /* `detail` is a copy */
    char detail[256];
};

struct bench {
    struct loop *loop;
    struct budget budget;
    struct handler_env env;
    struct bench_outcome done[BENCH_OUTCOMES_MAX];
    size_t done_count;
    uint64_t last_id;
};

void bench_init(struct bench *b);
void bench_fini(struct bench *b);

/* Opens `target`, which must succeed. */
struct handler_target *bench_open(struct bench *b, const char *target);

/* What opening `target` says is wrong with it; it must be refused with `code`. Static text. */
const char *bench_refusal(struct bench *b, const char *target, int code);

/* The same of a function with more than a target. */
struct handler_target *bench_open_as(struct bench *b, const struct handler_function *function);
const char *bench_refusal_of(struct bench *b, const struct handler_function *function,
                             int code);

struct bench_call {
    const char *method, *path, *query, *headers; /* NULL: POST, empty, empty, none */
    const void *body;
    size_t body_size; /* 0: as long as the text at `body` */
};

struct request *bench_request(struct bench *b, const struct bench_call *call);

/* Starts one execution and returns its id. */
uint64_t bench_start(struct bench *b, const struct handler *h, struct handler_target *t,
                     const struct bench_call *call);

/* Turns the loop until `count` outcomes are there; fails the test after ten seconds. */
void bench_wait(struct bench *b, size_t count);

/* bench_start() and bench_wait() for it. */
struct bench_outcome *bench_run(struct bench *b, const struct handler *h,
                                struct handler_target *t, const struct bench_call *call);

/* Whether the outcome's body, or its headers, hold `text`. */
bool bench_body_is(const struct bench_outcome *o, const char *text);
bool bench_body_has(const struct bench_outcome *o, const char *text);
bool bench_has_header(const struct bench_outcome *o, const char *line);

#endif
