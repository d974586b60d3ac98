#include "lib_upstream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct handler *const h = &handler_http;

static void request_arrives_as_it_was_meant(void **state)
{
    (void)state;
    struct stage *s = stage_open("/base/");
    s->upstream.answer = "HTTP/1.1 201 Created\r\nContent-Type: a/b\r\nContent-Length: 6\r\n"
                         "X-Mine: yes\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\n"
                         "Date: now\r\nX-Empty:\r\n\r\nanswer";
    struct bench_call call = {
        .path = "/a%2Fb/../c",
        .query = "q=%20&r=a'b#",
        .headers = "Content-Type: text/x\r\nX-One: 1\r\nx-one: 2\r\nX-None:\r\n"
                   "Connection: close, x-private\r\nX-Private: no\r\nTE: trailers\r\n"
                   "Host: front.example\r\nX-Call-Id: forged\r\nIdempotency-Key: forged\r\n"
                   "X-Attempt: 99\r\nX-Forwarded-For: forged\r\nTransfer-Encoding: chunked\r\n"
                   "Content-Length: 3\r\n",
        .body = "question",
    };
    struct bench_outcome *o = stage_run(s, &call);
    assert_int_equal(o->outcome.end, EXECUTION_ANSWERED);
    assert_int_equal(o->outcome.result.status, 201);
    assert_true(bench_body_is(o, "answer"));
    assert_true(bytes_is(buf_view(o->outcome.result.headers),
                         "Content-Type: a/b\r\nX-Mine: yes\r\nX-Empty: \r\n"));
    char host[64];
    snprintf(host, sizeof host, "\r\nHost: 127.0.0.1:%u\r\n", s->upstream.port);
    const char *const there[] = {
        "POST /base/a%2Fb/../c?q=%20&r=a'b# HTTP/1.1\r\n",
        host,
        "\r\nContent-Type: text/x\r\n",
        "\r\nX-One: 1\r\n",
        "\r\nx-one: 2\r\n",
        "\r\nX-None:\r\n",
        "\r\nContent-Length: 8\r\n",
        "\r\nX-Call-Id: the-call-id\r\n",
        "\r\nIdempotency-Key: 01020300-0000-0000-0000-000000000000\r\n",
        "\r\nX-Attempt: 1\r\n",
        "\r\nX-Forwarded-For: 192.0.2.7\r\n",
        "\r\nX-Forwarded-Host: front.example\r\n",
        "\r\nX-Forwarded-Proto: https\r\n",
        "\r\n\r\nquestion",
    };
    for (size_t i = 0; i < sizeof there / sizeof there[0]; i++) {
        if (!stage_was_sent(s, there[i])) {
            fail_msg("not sent: %s in\n%s", there[i], s->upstream.last);
        }
    }
    static const char *const absent[] = {"forged", "Private", "TE:",        "chunked",
                                         "Accept", "Expect",  "User-Agent", ": 99"};
    for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++) {
        if (stage_was_sent(s, absent[i])) {
            fail_msg("sent: %s in\n%s", absent[i], s->upstream.last);
        }
    }
    stage_close(s);
}

static void base_path_and_sub_path_are_joined_by_one_slash(void **state)
{
    (void)state;
    static const char *const rows[][3] = {
        {"", "", "/"},      {"", "/x", "/x"},        {"/", "", "/"},
        {"/", "/x", "/x"},  {"/b", "", "/b"},        {"/b", "/x", "/b/x"},
        {"/b/", "", "/b/"}, {"/b/", "/x/", "/b/x/"}, {"/b", "//x", "/b//x"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct stage *s = stage_open(rows[i][0]);
        s->upstream.answer = "HTTP/1.1 204 No Content\r\n\r\n";
        struct bench_call call = {.method = "GET", .path = rows[i][1]};
        assert_int_equal(stage_run(s, &call)->outcome.result.status, 204);
        char line[64];
        snprintf(line, sizeof line, "GET %s HTTP/1.1\r\n", rows[i][2]);
        assert_int_equal(strncmp(s->upstream.last, line, strlen(line)), 0);
        stage_close(s);
    }
}

static void every_method_is_sent_as_it_is(void **state)
{
    (void)state;
    struct stage *s = stage_open("/m");
    static const struct {
        const char *method, *body, *line;
        bool has_length;
    } rows[] = {
        {"GET", NULL, "GET /m HTTP/1.1\r\n", false},
        {"GET", "b", "GET /m HTTP/1.1\r\n", true},
        {"POST", NULL, "POST /m HTTP/1.1\r\n", true},
        {"PUT", "b", "PUT /m HTTP/1.1\r\n", true},
        {"PUT", NULL, "PUT /m HTTP/1.1\r\n", true},
        {"PATCH", "b", "PATCH /m HTTP/1.1\r\n", true},
        {"DELETE", NULL, "DELETE /m HTTP/1.1\r\n", false},
        {"DELETE", "b", "DELETE /m HTTP/1.1\r\n", true},
        {"OPTIONS", NULL, "OPTIONS /m HTTP/1.1\r\n", false},
        {"REPORT", "b", "REPORT /m HTTP/1.1\r\n", true},
        {"GET", NULL, "GET /m HTTP/1.1\r\n", false},
    };
    s->upstream.answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bench_call call = {.method = rows[i].method, .body = rows[i].body};
        assert_true(bench_body_is(stage_run(s, &call), "ok"));
        assert_int_equal(strncmp(s->upstream.last, rows[i].line, strlen(rows[i].line)), 0);
        assert_int_equal(stage_was_sent(s, "\r\nContent-Length: "), rows[i].has_length);
        assert_int_equal(stage_was_sent(s, "\r\n\r\nb"), rows[i].body != NULL);
    }
    assert_int_equal(s->upstream.connections, 1);
    s->upstream.answer = "HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n";
    struct bench_call head = {.method = "HEAD"};
    struct bench_outcome *o = stage_run(s, &head);
    assert_int_equal(o->outcome.end, EXECUTION_ANSWERED);
    assert_null(o->outcome.result.body);
    assert_int_equal(strncmp(s->upstream.last, "HEAD /m ", 8), 0);
    stage_close(s);
}

static void what_the_client_accepts_and_is_passes(void **state)
{
    (void)state;
    struct stage *s = stage_open("/");
    s->upstream.answer = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n"
                         "Content-Length: 3\r\n\r\nraw";
    struct bench_call call = {.headers =
                                  "Accept: a/b\r\nUser-Agent: me\r\nAccept-Encoding: gzip\r\n"};
    struct bench_outcome *o = stage_run(s, &call);
    assert_true(bench_body_is(o, "raw")); /* not decoded: it says gzip */
    assert_true(bench_has_header(o, "Content-Encoding: gzip\r\n"));
    assert_true(stage_was_sent(s, "\r\nAccept: a/b\r\n"));
    assert_true(stage_was_sent(s, "\r\nUser-Agent: me\r\n"));
    assert_true(stage_was_sent(s, "\r\nAccept-Encoding: gzip\r\n"));
    stage_close(s);
}

static void chunks_are_joined_and_trailers_dropped(void **state)
{
    (void)state;
    struct stage *s = stage_open("/");
    struct bench_outcome *o =
        stage_expect(s,
                     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n"
                     "5\r\nhello\r\n1;ext=1\r\n \r\n5\r\nworld\r\n0\r\nX-T: late\r\n\r\n",
                     EXECUTION_ANSWERED);
    assert_true(bench_body_is(o, "hello world"));
    assert_null(o->outcome.result.headers);
    stage_close(s);
}

static void interim_answers_are_skipped(void **state)
{
    (void)state;
    struct stage *s = stage_open("/");
    struct bench_outcome *o =
        stage_expect(s,
                     "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 102 Wait\r\n\r\n"
                     "HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 2\r\n\r\nok",
                     EXECUTION_ANSWERED);
    assert_true(bench_body_is(o, "ok"));
    assert_true(bytes_is(buf_view(o->outcome.result.headers), "X-A: b\r\n"));
    stage_close(s);
}

static void errors_of_the_upstream_are_its_answer(void **state)
{
    (void)state;
    struct stage *s = stage_open("/");
    struct bench_outcome *o =
        stage_expect(s, "HTTP/1.1 503 Busy\r\nRetry-After: 17\r\nContent-Length: 4\r\n\r\nbusy",
                     EXECUTION_ANSWERED);
    assert_int_equal(o->outcome.result.status, 503);
    assert_true(o->outcome.result.failed);
    assert_int_equal(o->outcome.retry_after_s, 17);
    assert_true(bench_has_header(o, "Retry-After: 17\r\n"));
    o = stage_expect(s,
                     "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n"
                     "Content-Length: 0\r\n\r\n",
                     EXECUTION_ANSWERED);
    assert_int_equal(o->outcome.result.status, 302); /* not followed */
    assert_int_equal(o->outcome.retry_after_s, 0);
    stage_close(s);
}

static void retry_after_may_be_a_date(void **state)
{
    (void)state;
    struct stage *s = stage_open("/");
    struct bench_outcome *o =
        stage_expect(s,
                     "HTTP/1.1 503 Busy\r\nRetry-After: Fri, 31 Dec 2060 23:59:59 GMT\r\n"
                     "Content-Length: 0\r\n\r\n",
                     EXECUTION_ANSWERED);
    uint64_t seconds = UINT64_C(2871763199) - loop_wall_ms() / 1000;
    if (o->outcome.retry_after_s != 21600) { /* libcurl of Debian 13 says six hours at most */
        assert_in_range(o->outcome.retry_after_s, seconds - 5, seconds + 5);
    }
    o = stage_expect(s,
                     "HTTP/1.1 503 Busy\r\nRetry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n"
                     "Content-Length: 0\r\n\r\n",
                     EXECUTION_ANSWERED);
    assert_int_equal(o->outcome.retry_after_s, 0);
    stage_close(s);
}

static void an_answer_cut_short_is_never_a_success(void **state)
{
    (void)state;
    struct stage *s = stage_open("/");
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nContent-Le",
        "HTTP/1.1 100 Continue\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        s->upstream.then = UPSTREAM_CLOSE;
        struct bench_outcome *o = stage_expect(s, answers[i], EXECUTION_FAILED);
        assert_null(o->outcome.result.body);
        assert_null(o->outcome.result.headers);
        s->upstream.then = UPSTREAM_RESET;
        stage_expect(s, answers[i], EXECUTION_FAILED);
    }
    stage_close(s);
}

static void nonsense_is_no_answer(void **state)
{
    (void)state;
    struct stage *s = stage_open("/");
    s->upstream.then = UPSTREAM_CLOSE;
    static const char *const answers[] = {
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/1.1 700 What\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nbinary",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        stage_expect(s, answers[i], EXECUTION_FAILED);
    }
    s->upstream.answer_size = 0;
    stage_expect(s, NULL, EXECUTION_FAILED); /* closed without a word */
    stage_close(s);
}

/* An answer with a body of `size` bytes. */
static char *answer_of_size(struct stage *s, size_t size, const char *head)
{
    char *answer = malloc(strlen(head) + size);
    memcpy(answer, head, strlen(head));
    for (size_t i = 0; i < size; i++) {
        answer[strlen(head) + i] = (char)(i * 31 + i / 251);
    }
    s->upstream.answer = answer;
    s->upstream.answer_size = strlen(head) + size;
    return answer;
}

static void big_bodies_go_both_ways_byte_for_byte(void **state)
{
    (void)state;
    struct stage *s = stage_open("/");
    const char *head = "HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n"; /* = body_max */
    char *answer = answer_of_size(s, 1048576, head);
    struct bench_call call = {.body = answer + strlen(head), .body_size = 1048576};
    struct bench_outcome *o = stage_run(s, &call);
    assert_int_equal(o->outcome.end, EXECUTION_ANSWERED);
    struct bytes sent = bytes_of(s->upstream.last, s->upstream.last_size);
    struct bytes body = bytes_of(answer + strlen(head), 1048576);
    assert_true(bytes_equal(buf_view(o->outcome.result.body), body));
    assert_true(bytes_equal(bytes_of(sent.at + sent.size - 1048576, 1048576), body));
    assert_null(memmem(sent.at, 1024, "100-continue", 12));
    free(answer);
    stage_close(s);
}

static void answers_over_the_limit_are_too_large(void **state)
{
    (void)state;
    struct stage *s = stage_open("/");
    s->upstream.then = UPSTREAM_CLOSE;
    const char *const heads[] = {"HTTP/1.1 200 OK\r\nContent-Length: 1048577\r\n\r\n",
                                 "HTTP/1.1 200 OK\r\n\r\n"};
    for (size_t i = 0; i < 2; i++) {
        char *answer = answer_of_size(s, 1048577, heads[i]);
        struct bench_outcome *o = stage_expect(s, answer, EXECUTION_TOO_LARGE);
        assert_non_null(strstr(o->detail, "limits.body_bytes"));
        free(answer);
    }
    stage_close(s);
}

static void headers_over_the_limit_are_too_large(void **state)
{
    (void)state;
    struct stage *s = stage_open("/");
    s->upstream.then = UPSTREAM_CLOSE;
    char *head = calloc(1, 40000);
    size_t at = (size_t)snprintf(head, 40000, "HTTP/1.1 200 OK\r\n");
    while (at < 34000) {
        at += (size_t)snprintf(head + at, 40000 - at, "X-Header-%zu: value\r\n", at);
    }
    snprintf(head + at, 40000 - at, "Content-Length: 0\r\n\r\n");
    struct bench_outcome *o = stage_expect(s, head, EXECUTION_TOO_LARGE);
    assert_non_null(strstr(o->detail, "limits.header_bytes"));
    free(head);
    stage_close(s);
}

static void answer_that_finds_no_memory_says_so(void **state)
{
    (void)state;
    struct stage *s = stage_open("/");
    char *answer =
        answer_of_size(s, 100000, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
    s->bench.budget.limit = 50000;
    stage_expect(s, answer, EXECUTION_NO_MEMORY);
    free(answer);
    stage_close(s);
}

static void lengths_that_contradict_each_other_are_no_answer(void **state)
{
    (void)state;
    struct stage *s = stage_open("/");
    stage_expect(s, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok?",
                 EXECUTION_FAILED);
    stage_expect(s,
                 "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n"
                 "\r\n2\r\nok\r\n0\r\n\r\n",
                 EXECUTION_FAILED);
    stage_close(s);
}

static void targets_that_are_no_upstream_are_refused(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    static const char *const targets[] = {
        "http://",        "http:///x",          "http://a b/",        "http://user:pw@host/",
        "http://host/?q", "http://host/#f",     "http://host:99999/", "http://[::1/",
        "https://",       "http://host:port/x",
    };
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        assert_true(strlen(bench_refusal(&b, targets[i], ERR_MALFORMED)) > 10);
    }
    static const char *const good[] = {"http://host", "https://h:1/x/y", "HTTP://[::1]:80/"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        h->close(bench_open(&b, good[i]));
    }
    bench_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_arrives_as_it_was_meant),
        cmocka_unit_test(base_path_and_sub_path_are_joined_by_one_slash),
        cmocka_unit_test(every_method_is_sent_as_it_is),
        cmocka_unit_test(what_the_client_accepts_and_is_passes),
        cmocka_unit_test(chunks_are_joined_and_trailers_dropped),
        cmocka_unit_test(interim_answers_are_skipped),
        cmocka_unit_test(errors_of_the_upstream_are_its_answer),
        cmocka_unit_test(retry_after_may_be_a_date),
        cmocka_unit_test(an_answer_cut_short_is_never_a_success),
        cmocka_unit_test(nonsense_is_no_answer),
        cmocka_unit_test(big_bodies_go_both_ways_byte_for_byte),
        cmocka_unit_test(answers_over_the_limit_are_too_large),
        cmocka_unit_test(headers_over_the_limit_are_too_large),
        cmocka_unit_test(answer_that_finds_no_memory_says_so),
        cmocka_unit_test(lengths_that_contradict_each_other_are_no_answer),
        cmocka_unit_test(targets_that_are_no_upstream_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
