/* An answer as bytes. */
#include "cmocka_first.h"
#include "http/http_date.h"
#include "http/http_writer.h"

#include <stdlib.h>

static struct text head, joined;

static const char *compose(const struct http_answer *a, const struct http_terms *terms,
                           size_t *count)
{
    struct bytes parts[HTTP_PARTS_MAX];
    text_clear(&head);
    text_clear(&joined);
    *count = http_writer_compose(parts, &head, a, terms);
    assert_true(*count >= 1 && *count <= HTTP_PARTS_MAX);
    for (size_t i = 0; i < *count; i++) {
        assert_true(parts[i].size > 0);
        text_add(&joined, parts[i]);
    }
    text_add_char(&joined, '\0');
    assert_false(text_failed(&head) || text_failed(&joined));
    return joined.at;
}

static int tear_down(void **state)
{
    (void)state;
    text_fini(&head);
    text_fini(&joined);
    return 0;
}

#define DATE "Sun, 06 Nov 1994 08:49:37 GMT"

static struct http_terms plain(void)
{
    return (struct http_terms){.date = bytes_text(DATE)};
}

static void small_answer_is_one_part(void **state)
{
    (void)state;
    struct http_answer a = {.status = 404};
    http_answer_header(&a, "A", bytes_text("b"));
    text_add_str(&a.content, "gone fishing");
    struct http_terms terms = plain();
    size_t count;
    assert_string_equal(compose(&a, &terms, &count),
                        "HTTP/1.1 404 Not Found\r\nDate: " DATE "\r\nContent-Length: 12\r\n"
                        "A: b\r\n\r\ngone fishing");
    assert_int_equal(count, 1);
    terms.closes = true;
    terms.tells_alive = true; /* the end wins */
    assert_string_equal(compose(&a, &terms, &count),
                        "HTTP/1.1 404 Not Found\r\nDate: " DATE "\r\nContent-Length: 12\r\n"
                        "Connection: close\r\nA: b\r\n\r\ngone fishing");
    text_fini(&a.headers);
    text_fini(&a.content);
}

/* Large parts are listed where they lie; what is around them is in the right order. */
static void large_parts_are_not_copied(void **state)
{
    (void)state;
    struct http_answer a = {.status = 200};
    assert_int_equal(buf_new(&a.stored_headers, NULL, 3000), 0);
    memset(a.stored_headers->data, 'h', 3000);
    memcpy(a.stored_headers->data, "X: ", 3);
    memcpy(a.stored_headers->data + 2998, "\r\n", 2);
    assert_int_equal(buf_new(&a.stored_body, NULL, 5000), 0);
    memset(a.stored_body->data, 'b', 5000);
    a.before = bytes_text("[");
    a.after = bytes_text("]");
    struct http_terms terms = plain();
    struct bytes parts[HTTP_PARTS_MAX];
    text_clear(&head);
    assert_int_equal(http_writer_compose(parts, &head, &a, &terms), 6);
    assert_ptr_equal(parts[1].at, a.stored_headers->data);
    assert_ptr_equal(parts[4].at, a.stored_body->data);
    size_t count;
    const char *all = compose(&a, &terms, &count);
    assert_non_null(strstr(all, "\r\nContent-Length: 5002\r\nX: hhh"));
    assert_non_null(strstr(all, "hhh\r\n\r\n[bbb"));
    assert_string_equal(all + joined.size - 4, "bb]");
    terms.is_head = true;
    all = compose(&a, &terms, &count);
    assert_int_equal(count, 3);
    assert_non_null(strstr(all, "\r\nContent-Length: 5002\r\n"));
    assert_string_equal(all + joined.size - 7, "hh\r\n\r\n");
    buf_drop(&a.stored_headers);
    buf_drop(&a.stored_body);
}

static void date_of_the_function_is_not_doubled(void **state)
{
    (void)state;
    struct http_answer a = {.status = 200};
    struct http_terms terms = plain();
    size_t count;
    assert_int_equal(
        buf_copy(&a.stored_headers, NULL, bytes_text("X-Date: a\r\ndate: theirs\r\n")), 0);
    assert_null(strstr(compose(&a, &terms, &count), DATE));
    buf_drop(&a.stored_headers);
    assert_int_equal(buf_copy(&a.stored_headers, NULL, bytes_text("X-Date: a\r\n")), 0);
    assert_non_null(strstr(compose(&a, &terms, &count), "\r\nDate: " DATE "\r\n"));
    buf_drop(&a.stored_headers);
}

static void codes_without_content_have_no_length(void **state)
{
    (void)state;
    static const uint16_t codes[] = {100, 103, 204, 304};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        struct http_answer a = {.status = codes[i]};
        text_add_str(&a.content, "never");
        struct http_terms terms = plain();
        size_t count;
        const char *all = compose(&a, &terms, &count);
        assert_null(strstr(all, "Content-Length"));
        assert_null(strstr(all, "never"));
        text_fini(&a.content);
    }
}

static void reasons_are_named_where_there_is_a_name(void **state)
{
    (void)state;
    assert_true(bytes_is(http_reason(200), "OK"));
    assert_true(bytes_is(http_reason(303), "See Other"));
    assert_true(bytes_is(http_reason(511), "Network Authentication Required"));
    static const uint16_t nameless[] = {0, 99, 299, 512, 599, 999, 65535};
    for (size_t i = 0; i < sizeof nameless / sizeof nameless[0]; i++) {
        assert_true(bytes_is(http_reason(nameless[i]), "Unknown"));
    }
    struct http_answer a = {.status = 999};
    struct http_terms terms = plain();
    size_t count;
    const char *all = compose(&a, &terms, &count);
    assert_memory_equal(all, "HTTP/1.1 999 Unknown\r\n", 22);
}

static void dates_are_those_of_the_calendar(void **state)
{
    (void)state;
    static const struct {
        uint64_t wall_ms;
        const char *text;
    } rows[] = {
        {0, "Thu, 01 Jan 1970 00:00:00 GMT"},
        {784111777999, DATE},
        {951782400000, "Tue, 29 Feb 2000 00:00:00 GMT"},
        {4102444799000, "Thu, 31 Dec 2099 23:59:59 GMT"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char out[HTTP_DATE_SIZE];
        http_date_print(out, rows[i].wall_ms);
        assert_memory_equal(out, rows[i].text, HTTP_DATE_SIZE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_answer_is_one_part),
        cmocka_unit_test(large_parts_are_not_copied),
        cmocka_unit_test(date_of_the_function_is_not_doubled),
        cmocka_unit_test(codes_without_content_have_no_length),
        cmocka_unit_test(reasons_are_named_where_there_is_a_name),
        cmocka_unit_test(dates_are_those_of_the_calendar),
    };
    return cmocka_run_group_tests(tests, NULL, tear_down);
}
