/* The message that front and dialects share. */
#include "http/http_message.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct bytes b(const char *text)
{
    return bytes_text(text);
}

static void a_header_is_found_in_any_case_and_the_first_one_wins(void **state)
{
    (void)state;
    const struct http_header headers[] = {
        {b("Host"), b("x")}, {b("PREFER"), b("one")}, {b("Prefer"), b("two")}};
    struct http_request r = {.headers = headers, .header_count = 3};
    assert_true(bytes_is(http_request_value(&r, "prefer"), "one"));
    assert_ptr_equal(http_request_header(&r, "Prefer"), &headers[1]);
    assert_null(http_request_header(&r, "Pref"));
    assert_int_equal(http_request_value(&r, "X-Call-Id").size, 0);
}

static void a_query_value_is_the_first_of_exactly_that_name(void **state)
{
    (void)state;
    struct bytes value;
    assert_true(http_query_value(b("a=1&wait=20&wait=30"), "wait", &value));
    assert_true(bytes_is(value, "20"));
    assert_true(http_query_value(b("wait=a=b"), "wait", &value));
    assert_true(bytes_is(value, "a=b"));
    assert_true(http_query_value(b("x&wait"), "wait", &value));
    assert_int_equal(value.size, 0);
    assert_false(http_query_value(b("await=1&waiting=2&Wait=3"), "wait", &value));
    assert_false(http_query_value(b(""), "wait", &value));
}

static void hop_by_hop_are_the_fixed_ones_and_those_that_connection_names(void **state)
{
    (void)state;
    assert_true(http_header_is_hop_by_hop(b("transfer-encoding"), b("")));
    assert_true(http_header_is_hop_by_hop(b("Connection"), b("")));
    assert_true(http_header_is_hop_by_hop(b("X-Mine"), b("close, x-mine ,other")));
    assert_false(http_header_is_hop_by_hop(b("X-Mine"), b("close, x-min")));
    assert_false(http_header_is_hop_by_hop(b("Content-Type"), b("close")));
}

static void an_answer_header_is_one_line(void **state)
{
    (void)state;
    struct http_answer a = {0};
    http_answer_header(&a, "X-Call-Id", b("7"));
    http_answer_header(&a, "X-Empty", b(""));
    assert_true(bytes_is(text_view(&a.headers), "X-Call-Id: 7\r\nX-Empty: \r\n"));
    text_fini(&a.headers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header_is_found_in_any_case_and_the_first_one_wins),
        cmocka_unit_test(a_query_value_is_the_first_of_exactly_that_name),
        cmocka_unit_test(hop_by_hop_are_the_fixed_ones_and_those_that_connection_names),
        cmocka_unit_test(an_answer_header_is_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
