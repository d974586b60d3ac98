/* callbackctl against a node that is played: what it asks, what it says, how it exits. */
#include "ctl/commands.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

struct played {
    const char *headers, *body; /* of the answer */
    long status;
    const char *metrics; /* answer to GET /metrics */
    bool is_down;
    struct text asked; /* "GET BASE PATH|header|header|BODY\n" for each request */
};

static int play(void *owner, const struct ctl_request *r, struct ctl_answer *out,
                struct errmsg *em)
{
    struct played *p = owner;
    text_addf(&p->asked, "%s %s %.*s", r->method, r->base, BYTES_ARG(r->path));
    for (size_t i = 0; i < r->header_count; i++) {
        text_addf(&p->asked, "|%s", r->headers[i]);
    }
    text_addf(&p->asked, "|%.*s\n", BYTES_ARG(r->body));
    if (p->is_down) {
        return err_set(em, ERR_IO, "cannot reach it");
    }
    bool is_metrics = bytes_is(r->path, "/metrics");
    out->status = is_metrics ? 200 : p->status;
    text_add_str(&out->headers, p->headers == NULL ? "" : p->headers);
    text_add_str(&out->body, is_metrics ? p->metrics : p->body);
    return 0;
}

struct said {
    int code;
    struct text out, err, asked;
};

#define ARGS_MAX 24

static struct said run(struct played *p, const char *const *args)
{
    char *argv[ARGS_MAX] = {"callbackctl"};
    int argc = 1;
    for (; *args != NULL; args++) {
        argv[argc++] = (char *)(uintptr_t)*args;
    }
    struct ctl_options options;
    struct errmsg em;
    struct ctl ctl = {.options = &options, .ask = play, .owner = p};
    struct said said = {.code = CTL_EXIT_USAGE};
    if (ctl_options_read(&options, argc, argv, NULL, &em) == 0) {
        said.code = ctl_run(&ctl);
    } else {
        text_add_str(&ctl.err, em.text);
    }
    said.out = ctl.out;
    said.err = ctl.err;
    said.asked = p->asked;
    p->asked = (struct text){0};
    return said;
}

#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void said_fini(struct said *s)
{
    text_fini(&s->out);
    text_fini(&s->err);
    text_fini(&s->asked);
}

static void assert_text(const struct text *text, const char *wanted)
{
    if (!bytes_is(text_view(text), wanted)) {
        fail_msg("wanted:\n%s\ngot:\n%.*s", wanted, (int)text->size, text->at);
    }
}

static void assert_has(const struct text *text, const char *part)
{
    if (text->size == 0 || memmem(text->at, text->size, part, strlen(part)) == NULL) {
        fail_msg("no \"%s\" in:\n%.*s", part, (int)text->size, text->at);
    }
}

#define NODE  "http://127.0.0.1:8080"
#define ADMIN "http://127.0.0.1:9090"

static void invoke_posts_and_prints_what_was_accepted(void **state)
{
    (void)state;
    struct played p = {.status = 202,
                       .headers = "Preference-Applied: respond-async\r\n",
                       .body = "{\"id\":\"g\",\"function\":\"f\",\"status\":\"queued\","
                               "\"callback_url\":\"/v1/callbacks/g\"}"};
    struct said s = run(&p, ARGS("invoke", "f/x?y=1", "--data", "{\"a\":1}", "-H", "A: b"));
    assert_int_equal(s.code, 0);
    assert_text(&s.asked, "POST " NODE " /v1/functions/f/x?y=1|Prefer: respond-async|"
                          "Content-Type: application/json|A: b|{\"a\":1}\n");
    assert_text(&s.out, "id                       g\nfunction                 f\n"
                        "status                   queued\n"
                        "callback url             /v1/callbacks/g\n");
    said_fini(&s);
    s = run(&p, ARGS("--json", "invoke", "f", "-d", "x", "-H", "content-type: text/x", "--wait",
                     "5"));
    assert_text(&s.asked, "POST " NODE " /v1/functions/f|Prefer: respond-async, wait=5|"
                          "content-type: text/x|x\n");
    assert_has(&s.out, "{\"id\":\"g\"");
    said_fini(&s);
}

static void invoke_with_wait_prints_the_result_itself(void **state)
{
    (void)state;
    struct played p = {.status = 200, .body = "42"};
    struct said s = run(&p, ARGS("invoke", "f", "--wait=1"));
    assert_int_equal(s.code, 0);
    assert_text(&s.out, "42");
    said_fini(&s);
    p.status = 500;
    s = run(&p, ARGS("invoke", "f", "--wait=1"));
    assert_int_equal(s.code, 1);
    assert_text(&s.out, "42");
    assert_has(&s.err, "the function failed: it answered 500");
    said_fini(&s);
}

static void invoke_reads_files(void **state)
{
    (void)state;
    char path[] = "/tmp/callbackctl-test-XXXXXX";
    char flag[64];
    int fd = mkstemp(path);
    assert_int_equal(write(fd, "from file", 9), 9);
    close(fd);
    snprintf(flag, sizeof flag, "@%s", path);
    struct played p = {.status = 200, .body = ""};
    struct said s = run(&p, ARGS("invoke", "f", "--data", flag));
    unlink(path);
    assert_has(&s.asked, "|from file\n");
    said_fini(&s);
    s = run(&p, ARGS("invoke", "f", "--data", "@/nonexistent"));
    assert_int_equal(s.code, 1);
    assert_text(&s.asked, "");
    assert_has(&s.err, "/nonexistent: No such file");
    said_fini(&s);
}

static void a_refusal_is_told_in_the_nodes_words(void **state)
{
    (void)state;
    struct played p = {.status = 429,
                       .headers = "Content-Type: application/problem+json\r\n"
                                  "retry-after: 7\r\n",
                       .body = "{\"type\":\"/problems/queue-full\",\"title\":\"Queue full\","
                               "\"detail\":\"10000 wait\",\"status\":429}"};
    struct said s = run(&p, ARGS("invoke", "f"));
    assert_int_equal(s.code, 1);
    assert_text(&s.out, "");
    assert_text(&s.err, "callbackctl: the node said 429 queue-full: 10000 wait\n"
                        "callbackctl: try again in 7 s\n");
    said_fini(&s);
    p = (struct played){.status = 409,
                        .body = "{\"type\":\"/problems/conflict\",\"title\":\"Conflict\","
                                "\"invocation_status\":\"collected\"}"};
    s = run(&p, ARGS("cancel", "g"));
    assert_text(&s.err,
                "callbackctl: the node said 409 conflict: Conflict (it is collected)\n");
    said_fini(&s);
    p = (struct played){.is_down = true};
    s = run(&p, ARGS("queues"));
    assert_int_equal(s.code, 1);
    assert_text(&s.err, "callbackctl: cannot reach it\n");
    said_fini(&s);
    p = (struct played){.status = 200, .body = "<html>"};
    s = run(&p, ARGS("queues"));
    assert_int_equal(s.code, 1);
    assert_has(&s.err, "not an answer of callbackd");
    said_fini(&s);
}

static void status_and_cancel_name_the_invocation(void **state)
{
    (void)state;
    struct played p = {.status = 200,
                       .body = "{\"status\":\"running\",\"id\":\"g\",\"attempt\":2,"
                               "\"webhook\":null}"};
    struct said s = run(&p, ARGS("status", "a b/c", "--node", "h:1"));
    assert_int_equal(s.code, 0);
    assert_text(&s.asked, "GET h:1 /v1/invocations/a%20b%2Fc?redirect=false|\n");
    assert_text(&s.out, "id                       g\nstatus                   running\n"
                        "attempt                  2\n");
    said_fini(&s);
    s = run(&p, ARGS("cancel", "g"));
    assert_text(&s.asked, "DELETE " NODE " /v1/invocations/g|\n");
    said_fini(&s);
}

static void collect_hands_the_body_over_byte_for_byte(void **state)
{
    (void)state;
    struct played p = {.status = 200, .headers = "X-Callback: delivered\r\n", .body = "a\nb"};
    struct said s = run(&p, ARGS("collect", "g", "--wait", "250", "--token", "T"));
    assert_int_equal(s.code, 0);
    assert_text(&s.asked, "GET " NODE " /v1/callbacks/g?wait=250|Claim-Token: T|\n");
    assert_text(&s.out, "a\nb");
    said_fini(&s);
    p.status = 503; /* the function's own code, not the node's */
    s = run(&p, ARGS("collect", "g"));
    assert_int_equal(s.code, 1);
    assert_text(&s.out, "a\nb");
    assert_has(&s.err, "the function failed: it answered 503");
    said_fini(&s);
}

static void collect_says_why_there_is_nothing(void **state)
{
    (void)state;
    struct played p = {.status = 202, .headers = "X-Callback: pending\r\n", .body = "{}"};
    struct said s = run(&p, ARGS("collect", "g"));
    assert_int_equal(s.code, 1);
    assert_text(&s.out, "");
    assert_has(&s.err, "not ready yet");
    said_fini(&s);
    p = (struct played){.status = 410,
                        .headers = "X-Callback: gone\r\n",
                        .body = "{\"type\":\"/problems/gone\",\"detail\":\"collected\"}"};
    s = run(&p, ARGS("collect", "g"));
    assert_int_equal(s.code, 1);
    assert_has(&s.err, "410 gone: collected");
    said_fini(&s);
}

static void collect_opens_the_file_before_it_asks(void **state)
{
    (void)state;
    char path[] = "/tmp/callbackctl-test-XXXXXX";
    char found[16] = "";
    int fd = mkstemp(path);
    assert_int_equal(write(fd, "old content", 11), 11);
    struct played p = {.status = 404, .headers = "X-Callback: unknown\r\n", .body = "{}"};
    struct said s = run(&p, ARGS("collect", "g", "--output", path));
    assert_int_equal(s.code, 1);
    assert_int_equal(pread(fd, found, sizeof found, 0), 11); /* nothing came: nothing lost */
    said_fini(&s);
    p = (struct played){.status = 200, .headers = "X-Callback: delivered\r\n", .body = "new"};
    s = run(&p, ARGS("collect", "g", "-o", path));
    assert_int_equal(s.code, 0);
    assert_text(&s.out, "");
    assert_int_equal(pread(fd, found, sizeof found, 0), 3);
    assert_memory_equal(found, "new", 3);
    close(fd);
    unlink(path);
    said_fini(&s);
    s = run(&p, ARGS("collect", "g", "--output", "/nonexistent/file"));
    assert_int_equal(s.code, 1);
    assert_text(&s.asked, "");
    said_fini(&s);
}

static void queues_are_a_table_with_the_cluster_below(void **state)
{
    (void)state;
    struct played p = {
        .status = 200,
        .body = "{\"nodes\":[{\"node\":\"alpha\",\"functions\":{\"score\":{\"queued\":3,"
                "\"running\":16,\"ready\":2,\"bytes\":1536,\"accepted\":100,\"collected\":70,"
                "\"expired\":1,\"canceled\":0,\"failed\":4,\"taken_over\":5,\"elsewhere\":6,"
                "\"unaccounted\":-7}}},{\"node\":\"b\\u001b[2J\","
                "\"functions\":{\"score\":{\"queued\":0}}}],"
                "\"cluster\":{\"score\":{\"queued\":3,\"accepted\":100}}}"};
    struct said s = run(&p, ARGS("queues"));
    assert_int_equal(s.code, 0);
    assert_text(&s.asked, "GET " ADMIN " /v1/queues|\n");
    assert_text(
        &s.out,
        "NODE       FUNCTION  QUEUED  RUNNING  READY    BYTES  ACCEPTED  COLLECTED  EXPIRED  "
        "CANCELED  FAILED  TAKEN OVER  ELSEWHERE  UNACCOUNTED\n"
        "alpha      score          3       16      2  1.5 KiB       100         70        1  "
        "       0       4           5          6           -7\n"
        "b?[2J      score          0        0      0      0 B         0          0        0  "
        "       0       0           0          0            0\n"
        "(cluster)  score          3        0      0      0 B       100          0        0  "
        "       0       0           0          0            0\n");
    said_fini(&s);
    s = run(&p, ARGS("queues", "--json"));
    assert_has(&s.out, "{\"nodes\":[{\"node\":\"alpha\"");
    said_fini(&s);
}

static void the_cluster_is_a_table_with_traffic_from_the_metrics(void **state)
{
    (void)state;
    struct played p = {
        .status = 200,
        .body =
            "{\"name\":\"blue\",\"claim\":\"strict\",\"members\":["
            "{\"name\":\"a\",\"state\":\"alive\",\"zone\":\"z1\",\"address\":\"10.0.0.1:7\","
            "\"rtt_ms\":0,\"lag_ms\":0,\"self\":true},"
            "{\"name\":\"b\",\"state\":\"suspect\",\"zone\":\"\",\"address\":\"10.0.0.2:7\","
            "\"rtt_ms\":0.25,\"lag_ms\":12,\"self\":false}]}",
        .metrics = "# TYPE x\n"
                   "callbackd_cluster_sent_bytes_total{peer=\"b\",lane=\"control\"} 1024\n"
                   "callbackd_cluster_sent_bytes_total{peer=\"b\",lane=\"bulk\"} 1024\n"
                   "callbackd_cluster_sent_bytes_total{peer=\"bb\",lane=\"bulk\"} 9\n"};
    struct said s = run(&p, ARGS("cluster"));
    assert_int_equal(s.code, 0);
    assert_text(&s.out,
                "MEMBER         STATE    ZONE  ADDRESS     ROUND-TRIP    LAG  BYTES SENT  "
                "BYTES RECEIVED\n"
                "a (this node)  alive    z1    10.0.0.1:7           -      -           -  "
                "             -\n"
                "b              suspect  -     10.0.0.2:7     0.25 ms  12 ms     2.0 KiB  "
                "             -\n");
    said_fini(&s);
}

static void drain_is_a_post(void **state)
{
    (void)state;
    struct played p = {.status = 202, .body = ""};
    struct said s = run(&p, ARGS("drain", "--admin", "h:9"));
    assert_int_equal(s.code, 0);
    assert_text(&s.asked, "POST h:9 /v1/drain|\n");
    assert_has(&s.out, "draining");
    said_fini(&s);
}

static void health_says_nothing_and_tells_by_its_exit_code(void **state)
{
    (void)state;
    struct played p = {.status = 200, .body = "OK\n"};
    struct said s = run(&p, ARGS("health", "--admin", "h:9"));
    assert_int_equal(s.code, 0);
    assert_text(&s.asked, "GET h:9 /healthz|\n");
    assert_text(&s.out, "");
    assert_text(&s.err, "");
    said_fini(&s);
    p.status = 503;
    s = run(&p, ARGS("health"));
    assert_int_equal(s.code, 1);
    assert_text(&s.out, "");
    said_fini(&s);
}

static void wrong_usage_is_exit_code_2_and_asks_nobody(void **state)
{
    (void)state;
    static const char *const wrong[][5] = {
        {NULL},
        {"frob", NULL},
        {"invoke", NULL},
        {"status", NULL},
        {"status", "", NULL},
        {"status", "a", "b", NULL},
        {"queues", "x", NULL},
        {"status", "a", "--data", "x", NULL},
        {"invoke", "f", "--token", "x", NULL},
        {"collect", "g", "--wait", "soon", NULL},
        {"invoke", "f", "--wait", "86401", NULL},
        {"invoke", "f", "-H", "no colon", NULL},
        {"invoke", "f", "-H", "a: b\r\nc: d", NULL},
        {"invoke", "f", "--data", NULL},
        {"--bogus", "queues", NULL},
        {"queues", "--json=1", NULL},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct played p = {.status = 200, .body = "{}"};
        struct said s = run(&p, wrong[i]);
        if (s.code != CTL_EXIT_USAGE || s.asked.size > 0 || s.err.size == 0) {
            fail_msg("case %zu was taken", i);
        }
        said_fini(&s);
    }
}

static void variables_name_the_node(void **state)
{
    (void)state;
    char *argv[] = {"callbackctl", "queues", NULL};
    char *environ_of_test[] = {"CALLBACKCTL_NODE=n:1", "CALLBACKCTL_ADMIN=", NULL};
    struct ctl_options o;
    struct errmsg em;
    assert_int_equal(ctl_options_read(&o, 2, argv, environ_of_test, &em), 0);
    assert_string_equal(o.node, "n:1");
    assert_string_equal(o.admin, ADMIN); /* an empty variable is not set */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(invoke_posts_and_prints_what_was_accepted),
        cmocka_unit_test(invoke_with_wait_prints_the_result_itself),
        cmocka_unit_test(invoke_reads_files),
        cmocka_unit_test(a_refusal_is_told_in_the_nodes_words),
        cmocka_unit_test(status_and_cancel_name_the_invocation),
        cmocka_unit_test(collect_hands_the_body_over_byte_for_byte),
        cmocka_unit_test(collect_says_why_there_is_nothing),
        cmocka_unit_test(collect_opens_the_file_before_it_asks),
        cmocka_unit_test(queues_are_a_table_with_the_cluster_below),
        cmocka_unit_test(the_cluster_is_a_table_with_traffic_from_the_metrics),
        cmocka_unit_test(drain_is_a_post),
        cmocka_unit_test(health_says_nothing_and_tells_by_its_exit_code),
        cmocka_unit_test(wrong_usage_is_exit_code_2_and_asks_nobody),
        cmocka_unit_test(variables_name_the_node),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
