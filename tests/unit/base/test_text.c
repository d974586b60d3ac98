/* Text grows, prints numbers, and is always valid JSON when asked for it. */
#include "cmocka_first.h"

#include "base/text.h"

static void assert_json(const char *in, size_t size, const char *want)
{
    struct text t = {0};
    text_add_json(&t, bytes_of(in, size));
    assert_false(text_failed(&t));
    assert_true(bytes_is(text_view(&t), want));
    text_fini(&t);
}

static void json_escapes_what_it_must(void **state)
{
    (void)state;
    assert_json("", 0, "\"\"");
    assert_json("a\"b\\c/d", 7, "\"a\\\"b\\\\c/d\"");
    assert_json("\n\r\t\x01\x1f", 5, "\"\\n\\r\\t\\u0001\\u001f\"");
    assert_json("\0", 1, "\"\\u0000\"");
}

static void json_keeps_utf8_and_replaces_what_is_not(void **state)
{
    (void)state;
    assert_json("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 9,
                "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"");
    assert_json("\xff", 1, "\"\xef\xbf\xbd\"");
    assert_json("\xc0\x80", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\"");                 /* overlong */
    assert_json("\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""); /* surrogate */
    assert_json("\xe2\x82", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\"");                 /* cut off */
}

static void text_grows_over_many_pieces(void **state)
{
    (void)state;
    struct text t = {0};
    for (int i = 0; i < 1000; i++) {
        text_addf(&t, "%d,", i);
    }
    text_add_num(&t, UINT64_MAX);
    assert_int_equal(t.size, 3890 + 20);
    assert_memory_equal(t.at, "0,1,2,", 6);
    assert_memory_equal(t.at + 3890, "18446744073709551615", 20);
    text_clear(&t);
    assert_int_equal(text_view(&t).size, 0);
    text_fini(&t);
}

static void percent_encoding_is_undone(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"", ""},         {"plain", "plain"}, {"a%2Fb%2fc", "a/b/c"}, {"%3A%20%7E", ": ~"},
        {"50%25", "50%"}, {"%2541", "%41"},   {"50%", "50%"},         {"%4", "%4"},
        {"%zz%", "%zz%"}, {"%%41", "%A"},     {"%c3%BC", "\xc3\xbc"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char out[16];
        size_t size = text_percent_decode(out, bytes_text(cases[i].in));
        assert_true(bytes_is(bytes_of(out, size), cases[i].out));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_escapes_what_it_must),
        cmocka_unit_test(json_keeps_utf8_and_replaces_what_is_not),
        cmocka_unit_test(text_grows_over_many_pieces),
        cmocka_unit_test(percent_encoding_is_undone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
