/* Signatures are those of the Standard Webhooks reference libraries. */
#include "cmocka_first.h"

#include "handlers/webhook_signature.h"

static void the_published_vector_comes_out(void **state)
{
    (void)state;
    struct webhook_keys keys;
    struct errmsg em;
    struct text out = {0};
    assert_int_equal(
        webhook_keys_parse(&keys, bytes_text("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"), &em),
        0);
    assert_int_equal(webhook_sign(&out, &keys, bytes_text("msg_p5jXN8AQM9LWM0D4loKWxJek"),
                                  bytes_text("1614265330"),
                                  bytes_text("{\"test\": 2432232314}")),
                     0);
    assert_true(bytes_is(text_view(&out), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
    text_fini(&out);
}

static void each_key_signs_for_a_changeover(void **state)
{
    (void)state;
    struct webhook_keys keys;
    struct errmsg em;
    struct text out = {0};
    assert_int_equal(
        webhook_keys_parse(&keys,
                           bytes_text("# old\n"
                                      "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\r\n\n"
                                      "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSx"),
                           &em),
        0);
    assert_int_equal(keys.count, 2);
    assert_int_equal(
        webhook_sign(&out, &keys, bytes_text("a"), bytes_text("1"), bytes_text("")), 0);
    struct bytes all = text_view(&out);
    struct bytes first = bytes_cut_at(&all, ' ');
    assert_int_equal(first.size, 3 + 44);
    assert_int_equal(all.size, 3 + 44);
    assert_false(bytes_equal(first, all));
    text_fini(&out);
}

static void bad_keys_are_refused_with_their_line(void **state)
{
    (void)state;
    const struct {
        const char *text, *want;
    } rows[] = {
        {"", "it holds no key"},
        {"# nothing\n\n", "it holds no key"},
        {"secret", "line 1: a key is whsec_ and base64"},
        {"\nwhsec_!!!!", "line 2: a key is whsec_ and base64"},
        {"whsec_YWJj", "line 1: a key has 24 to 64 bytes"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct webhook_keys keys;
        struct errmsg em;
        assert_int_equal(webhook_keys_parse(&keys, bytes_text(rows[i].text), &em),
                         ERR_MALFORMED);
        assert_string_equal(em.text, rows[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_vector_comes_out),
        cmocka_unit_test(each_key_signs_for_a_changeover),
        cmocka_unit_test(bad_keys_are_refused_with_their_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
