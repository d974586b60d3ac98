/* What a receiver is told of a webhook, and what a function cannot make it say. */
#include "cmocka_first.h"

#include "handlers/webhook_head.h"

static struct budget budget = {.limit = 1u << 20};
static struct text head;

static int forget(void **state)
{
    (void)state;
    text_fini(&head);
    assert_int_equal(budget.used, 0);
    return 0;
}

static void make_head(const char *function_headers, const struct webhook_keys *keys)
{
    struct result result = {.status = 201};
    assert_int_equal(buf_copy(&result.headers, &budget, bytes_text(function_headers)), 0);
    struct webhook_attempt a = {
        .result = &result,
        .guid = {{0x8f, 0x0e}},
        .function = bytes_text("score"),
        .created_at_ms = 1700000000123,
        .duration_ms = 2050,
        .retry = 1,
        .retry_max = 7,
    };
    assert_int_equal(webhook_head(&head, &a, keys, 1614265330), 0);
    buf_drop(&result.headers);
    text_add_char(&head, '\0');
    assert_false(text_failed(&head));
}

static const struct webhook_keys no_keys;

static void the_head_tells_what_was_called_and_how_it_went(void **state)
{
    (void)state;
    make_head("Content-Type: a/b\r\n", &no_keys);
    assert_string_equal(head.at, "Content-Type: a/b\r\n"
                                 "X-Call-Id: 8f0e0000-0000-0000-0000-000000000000\r\n"
                                 "X-Function-Name: score\r\n"
                                 "X-Function-Status: 201\r\n"
                                 "X-Start-Time: 1700000000123000000\r\n"
                                 "X-Duration-Seconds: 2.050000\r\n"
                                 "X-Retry: 1\r\n"
                                 "X-Retry-Max: 7\r\n"
                                 "User-Agent: callbackd/" CALLBACKD_VERSION "\r\n");
}

static void a_function_cannot_say_what_is_ours(void **state)
{
    (void)state;
    make_head("X-CALL-ID: forged\r\nhost: forged\r\nWebhook-Id: forged\r\nX-Keep: yes\r\n"
              "Content-Length: 9\r\nConnection: X-Hop\r\nX-Hop: forged\r\nExpect: forged\r\n"
              "webhook-signature: forged\r\nx-retry: forged\r\n",
              &no_keys);
    assert_null(strstr(head.at, "forged"));
    assert_null(strstr(head.at, "Content-Length"));
    assert_non_null(strstr(head.at, "X-Keep: yes\r\n"));
}

static void without_a_key_nothing_pretends_to_be_signed(void **state)
{
    (void)state;
    make_head("", &no_keys);
    assert_null(strstr(head.at, "webhook-"));
}

static void each_key_makes_a_signature(void **state)
{
    (void)state;
    struct webhook_keys keys;
    struct errmsg em;
    const char text[] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"
                        "whsec_a2tra2tra2tra2tra2tra2tra2tra2tr\n";
    assert_int_equal(webhook_keys_parse(&keys, bytes_text(text), &em), 0);
    make_head("", &keys);
    assert_non_null(strstr(head.at, "webhook-id: 8f0e0000-0000-0000-0000-000000000000\r\n"
                                    "webhook-timestamp: 1614265330\r\n"
                                    "webhook-signature: v1,"));
    assert_non_null(strstr(head.at, "= v1,"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(the_head_tells_what_was_called_and_how_it_went, forget),
        cmocka_unit_test_teardown(a_function_cannot_say_what_is_ours, forget),
        cmocka_unit_test_teardown(without_a_key_nothing_pretends_to_be_signed, forget),
        cmocka_unit_test_teardown(each_key_makes_a_signature, forget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
