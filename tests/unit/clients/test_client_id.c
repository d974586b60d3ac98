/* Who a client is: addresses, networks, and what proxies say. */
#include "cmocka_first.h"

#include "clients/client_id.h"

static struct webhook_address address(const char *text)
{
    struct webhook_address a;
    assert_true(client_address_read(&a, bytes_text(text)));
    return a;
}

static bool is_same(const char *a, const char *b)
{
    struct webhook_address first = address(a), second = address(b);
    struct client_id x = client_id_of_address(&first), y = client_id_of_address(&second);
    return x.kind == y.kind && memcmp(x.at, y.at, sizeof x.at) == 0;
}

static void v4_counts_by_address_and_v6_by_its_64(void **state)
{
    (void)state;
    assert_true(is_same("192.0.2.1", "192.0.2.1:8080"));
    assert_true(is_same("192.0.2.1", "::ffff:192.0.2.1"));
    assert_false(is_same("192.0.2.1", "192.0.2.2"));
    assert_true(is_same("2001:db8::1", "[2001:db8::2]:443"));
    assert_true(is_same("2001:db8::1", "[2001:db8:0:0:ffff::]"));
    assert_false(is_same("2001:db8::1", "2001:db8:0:1::1"));
    assert_false(is_same("::1", "127.0.0.1"));
}

static void what_is_no_address_is_none(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",   "unknown", "_hidden",   "[",   "[]",
                                        "[1", ":80",     "1.2.3.999", "g::1"};
    struct webhook_address a;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(client_address_read(&a, bytes_text(wrong[i])));
    }
}

static void keys_are_told_apart(void **state)
{
    (void)state;
    struct client_id a = client_id_of_key(bytes_text("shop")),
                     b = client_id_of_key(bytes_text("bank")),
                     again = client_id_of_key(bytes_text("shop"));
    assert_memory_not_equal(a.at, b.at, sizeof a.at);
    assert_memory_equal(a.at, again.at, sizeof a.at);
    assert_int_equal(a.kind, CLIENT_KEY);
}

/* From `peer` back along `forwarded`; ends at `client`. */
static void walk(const char *peer, const char *forwarded, const char *client)
{
    struct webhook_network networks[2];
    assert_true(webhook_network_read(&networks[0], bytes_text("10.0.0.0/8")));
    assert_true(webhook_network_read(&networks[1], bytes_text("fd00::/16")));
    const struct client_trust trust = {.at = networks, .count = 2};
    struct webhook_address a = address(peer), wanted = address(client);
    struct bytes left = bytes_text(forwarded);
    while (client_step_back(&a, &left, &trust)) {
    }
    assert_memory_equal(a.at, wanted.at, sizeof a.at);
}

static void only_trusted_proxies_are_believed(void **state)
{
    (void)state;
    walk("192.0.2.1", "198.51.100.7", "192.0.2.1");
    walk("10.0.0.1", "198.51.100.7", "198.51.100.7");
    walk("10.0.0.1", "", "10.0.0.1");
    walk("10.0.0.1", "198.51.100.7, 10.2.0.1", "198.51.100.7");
    walk("fd00::1", "198.51.100.7 ,[fd00::2]:99 , 10.2.0.1:80", "198.51.100.7");
    walk("10.0.0.1", "10.9.9.9", "10.9.9.9"); /* a proxy that asks for itself */
}

/* The client may have begun the list itself. */
static void what_a_client_says_of_itself_is_not_believed(void **state)
{
    (void)state;
    walk("10.0.0.1", "127.0.0.1, 198.51.100.7", "198.51.100.7");
    walk("10.0.0.1", "10.0.0.5, 198.51.100.7", "198.51.100.7");
    walk("10.0.0.1", "198.51.100.7, unknown", "10.0.0.1");
    walk("10.0.0.1", "198.51.100.7,", "10.0.0.1");
    walk("10.0.0.1", "198.51.100.7, unknown, 10.0.0.2", "10.0.0.2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(v4_counts_by_address_and_v6_by_its_64),
        cmocka_unit_test(what_is_no_address_is_none),
        cmocka_unit_test(keys_are_told_apart),
        cmocka_unit_test(only_trusted_proxies_are_believed),
        cmocka_unit_test(what_a_client_says_of_itself_is_not_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
