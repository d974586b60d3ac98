/* One request and its answer, without a server: a request is written as text, the dialects
 * parse it, the test plays the core, and the answer is compared as text. */
#ifndef TESTS_UNIT_DIALECTS_LIB_EXCHANGE_H
#define TESTS_UNIT_DIALECTS_LIB_EXCHANGE_H

#include "dialects/dialect.h"

#define HEADERS_MAX 32

struct exchange {
    struct dialect_config config; /* a copy: change it before ask() */
    struct http_header headers[HEADERS_MAX];
    struct http_request in;
    struct text scratch;
    struct op_request op;
    struct http_answer answer;
    struct dialect_routing routing;
    struct text got; /* the answer as text, for comparing */
};

/* What the tests know: functions echo, score, dotted.name, and the model MODEL_GUID, which is
 * answered by score. Wall clock AT_MS is 2026-11-20T12:00:00Z. */
#define GUID_A     "018f3a5e-7c21-8abc-9def-00112233aabb"
#define MODEL_GUID "90c425fd-101a-420b-91d1-cb7a24a969cc"
#define INSTANCE   "825e258f-878c-429a-bb35-6244c0733be6"
#define AT_MS      1795176000000u

void exchange_init(struct exchange *x);
void exchange_fini(struct exchange *x);

/* The exchange of a program's tests: made before each EXCHANGE_TEST, ended after it. */
#define EXCHANGE_FIXTURE(x)                                                                    \
    static struct exchange x;                                                                  \
    static int exchange_setup(void **state)                                                    \
    {                                                                                          \
        (void)state;                                                                           \
        exchange_init(&x);                                                                     \
        return 0;                                                                              \
    }                                                                                          \
    static int exchange_teardown(void **state)                                                 \
    {                                                                                          \
        (void)state;                                                                           \
        exchange_fini(&x);                                                                     \
        return 0;                                                                              \
    }
#define EXCHANGE_TEST(f) cmocka_unit_test_setup_teardown(f, exchange_setup, exchange_teardown)

/* "METHOD target\nName: value\n...\n\nbody": parses it as the node would. `raw` is borrowed
 * until the next ask() or exchange_fini(). */
void ask(struct exchange *x, const char *raw);

/* Renders the core's reply by the dialect that took the request. */
void reply_with(struct exchange *x, struct op_reply *reply);

/* A reply about the invocation GUID_A of function echo, in `state`. */
struct op_reply reply_of(enum op_outcome outcome, enum invocation_state state);

/* A reply that carries a result; "Name: value\r\n"... headers and body are copied. */
struct op_reply reply_result(enum op_outcome outcome, uint16_t status, const char *headers,
                             const char *body);

/* Asserts on the whole answer: "STATUS\nName: value\n...\n\nbody". */
void answer_is(struct exchange *x, const char *expected);

/* Asserts that the answer's text contains `part`, or does not. */
void answer_has(struct exchange *x, const char *part);
void answer_lacks(struct exchange *x, const char *part);
void answer_status_is(const struct exchange *x, uint16_t status);

void bytes_are(struct bytes got, const char *expected);

#endif
