/* The JSON check, beside jansson, which is strict as well. */
#include "dialects/json_object.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* Parts that meet every branch when they are put together at random. */
static const char *const parts[] = {
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\"a\"",
    "\"\\u00e4\"",
    "\"\\n\"",
    "\"\xc3\xa4\"",
    "\"\xff\"",
    "\"\\x\"",
    "\"\\u12g4\"",
    "0",
    "-0",
    "01",
    "-",
    "1.5",
    "1.",
    ".5",
    "1e5",
    "1E+05",
    "1e",
    "12345",
    "true",
    "false",
    "null",
    "nul",
    " ",
    "\t",
    "\n",
    "\r",
    "\v",
    "{}",
    "[]",
    "\"k\":",
    "\"k\":1",
    "{\"k\":1}",
    "[1,2]",
    ",\"l\":2",
};

static bool jansson_says(struct bytes text)
{
    json_error_t error;
    json_t *root = json_loadb((const char *)text.at, text.size, 0, &error);
    bool object = json_is_object(root);
    json_decref(root);
    return object;
}

static void agree_on(const char *text, size_t size)
{
    struct bytes b = bytes_of(text, size);
    if (json_text_is_object(b) != jansson_says(b)) {
        fail_msg("jansson says %d of: %.*s", jansson_says(b), BYTES_ARG(b));
    }
}

static void it_agrees_with_jansson_on_random_texts(void **state)
{
    (void)state;
    uint64_t seed = 7;
    size_t objects = 0;
    for (int round = 0; round < 40000; round++) {
        char text[256];
        size_t n = 0;
        text[n++] = '{';
        size_t count = seed % 9;
        for (size_t i = 0; i < count; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            const char *part = parts[(seed >> 33) % (sizeof parts / sizeof parts[0])];
            memcpy(text + n, part, strlen(part));
            n += strlen(part);
        }
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        text[n] = '}';
        n += seed >> 63;
        agree_on(text, n);
        objects += json_text_is_object(bytes_of(text, n));
    }
    assert_true(objects > 100); /* or the texts were no test */
}

static void it_agrees_with_jansson_on_every_cut_of_a_transaction(void **state)
{
    (void)state;
    static const char text[] =
        " {\"TxnId\": \"0987654321\",\"Amount\":-123.450e-2,\"Name\":\"O'Brien \\u00fc "
        "\xc3\xbc\","
        "\"Nested\":{\"a\":[1,2,null,{}],\"b\":[]},\"t\":true,\"f\":false,\"\":\"\\\"\\\\\\/"
        "\"} \n";
    for (size_t n = 1; n < sizeof text; n++) {
        agree_on(text, n);
    }
    assert_true(json_text_is_object(bytes_text(text)));
    assert_false(json_text_is_object(bytes_of(NULL, 0)));
}

static void depth_and_nul_are_bounded(void **state)
{
    (void)state;
    char text[2100];
    for (size_t depth = 511; depth <= 513; depth++) {
        size_t n = 0;
        for (size_t i = 0; i < depth - 1; i++) {
            memcpy(text + n, i == 0 ? "{\"\":[" : "[", i == 0 ? 5 : 1);
            n += i == 0 ? 5 : 1;
        }
        for (size_t i = 0; i < depth; i++) {
            text[n++] = i == depth - 1 ? '}' : ']';
        }
        assert_int_equal(json_text_is_object(bytes_of(text, n)), depth <= 512);
    }
    assert_false(json_text_is_object(bytes_of("{\"a\":\0}", 7)));
    assert_false(json_text_is_object(bytes_of("{\"\\\0\":1}", 8)));
    assert_false(json_text_is_object(bytes_of("{\"\\u000\0\":1}", 12)));
    assert_false(json_text_is_object(bytes_of("{}\0", 3)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_agrees_with_jansson_on_random_texts),
        cmocka_unit_test(it_agrees_with_jansson_on_every_cut_of_a_transaction),
        cmocka_unit_test(depth_and_nul_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
