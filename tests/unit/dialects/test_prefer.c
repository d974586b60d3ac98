/* RFC 7240, and the texts of the calendar. */
#include "base/timestamp.h"
#include "dialects/prefer.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct bytes b(const char *text)
{
    return bytes_text(text);
}

static struct prefer read_one(const char *value)
{
    const struct http_header h = {b("Prefer"), b(value)};
    struct http_request in = {.headers = &h, .header_count = 1};
    return prefer_read(&in);
}

static void preferences_are_read_as_the_rfc_says(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        bool respond_async, has_wait;
        uint64_t wait_s;
    } cases[] = {
        {"respond-async", true, false, 0},
        {"RESPOND-ASYNC", true, false, 0},
        {"respond-async, wait=10", true, true, 10},
        {"wait=10,respond-async", true, true, 10},
        {"respond-async;x=1;y=\"a,b\", wait=\"10\"", true, true, 10},
        {"wait = 10", false, true, 10},
        {"wait=5, wait=9", false, true, 5},
        {"wait=soon, wait=9", false, false, 0},
        {"wait", false, false, 0},
        {"wait=-1", false, false, 0},
        {"wait=1.5", false, false, 0},
        {"wait=99999999999999999999999999", false, true, UINT32_MAX},
        {"priority=5, respond-async", true, false, 0},
        {"x=\"respond-async\"", false, false, 0},
        {"x=\"a, respond-async", false, false, 0},
        {"x=\"a\\\", respond-async\", wait=1", false, true, 1},
        {"respond-async-proxy", false, false, 0},
        {",, ,respond-async,,", true, false, 0},
        {"(bad), respond-async", true, false, 0},
        {"respond-async wait=3", false, false, 0},
        {"", false, false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct prefer p = read_one(cases[i].value);
        if (p.respond_async != cases[i].respond_async || p.has_wait != cases[i].has_wait ||
            p.wait_s != cases[i].wait_s) {
            fail_msg("Prefer: %s", cases[i].value);
        }
    }
}

static void several_headers_are_one_list(void **state)
{
    (void)state;
    const struct http_header headers[] = {{b("prefer"), b("wait=3")},
                                          {b("Host"), b("wait=1")},
                                          {b("PREFER"), b("wait=9, a=\"b\"")}};
    struct http_request in = {.headers = headers, .header_count = 3};
    assert_int_equal(prefer_read(&in).wait_s, 3);

    struct prefer_walk w = prefer_walk(&in);
    struct preference one;
    static const char *const names[] = {"wait", "wait", "a"};
    for (size_t i = 0; i < 3; i++) {
        assert_true(prefer_next(&w, &one));
        assert_true(bytes_is(one.name, names[i]));
    }
    assert_true(bytes_is(one.value, "b"));
    assert_true(bytes_is(one.raw, "a=\"b\""));
    assert_false(prefer_next(&w, &one));
}

static void times_are_printed_in_utc_without_libc(void **state)
{
    (void)state;
    static const struct {
        uint64_t at_ms;
        const char *rfc3339, *http_date, *dotnet;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000Z", "Thu, 01 Jan 1970 00:00:00 GMT",
         "1970-01-01T00:00:00.0000000+00:00"},
        {784111777042u, "1994-11-06T08:49:37.042Z", "Sun, 06 Nov 1994 08:49:37 GMT",
         "1994-11-06T08:49:37.0420000+00:00"},
        {951782400000u, "2000-02-29T00:00:00.000Z", "Tue, 29 Feb 2000 00:00:00 GMT",
         "2000-02-29T00:00:00.0000000+00:00"},
        {951868799999u, "2000-02-29T23:59:59.999Z", "Tue, 29 Feb 2000 23:59:59 GMT",
         "2000-02-29T23:59:59.9990000+00:00"},
        {4107542400000u, "2100-03-01T00:00:00.000Z", "Mon, 01 Mar 2100 00:00:00 GMT",
         "2100-03-01T00:00:00.0000000+00:00"},
        {UINT64_MAX, "9999-12-31T23:59:59.999Z", "Fri, 31 Dec 9999 23:59:59 GMT",
         "9999-12-31T23:59:59.9990000+00:00"},
    };
    struct text t = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        text_clear(&t);
        timestamp_add_rfc3339(&t, cases[i].at_ms);
        assert_true(bytes_is(text_view(&t), cases[i].rfc3339));
        text_clear(&t);
        timestamp_add_http_date(&t, cases[i].at_ms);
        assert_true(bytes_is(text_view(&t), cases[i].http_date));
        text_clear(&t);
        timestamp_add_dotnet(&t, cases[i].at_ms);
        assert_true(bytes_is(text_view(&t), cases[i].dotnet));
    }
    text_fini(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(preferences_are_read_as_the_rfc_says),
        cmocka_unit_test(several_headers_are_one_list),
        cmocka_unit_test(times_are_printed_in_utc_without_libc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
