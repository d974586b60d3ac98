#include "lib_config.h"

#include "base/err.h"
#include "config/shape.h"

static void durations_are_those_of_go(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t ms;
    } good[] = {{"0", 0},          {"30", 30000},      {"1m30s", 90000}, {"250ms", 250},
                {"1.5h", 5400000}, {"2h45m", 9900000}, {"0.5s", 500},    {"1500us", 1}};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        uint64_t ms = 77;
        assert_int_equal(shape_duration(bytes_text(good[i].text), 86400000, &ms), 0);
        assert_int_equal(ms, good[i].ms);
    }
    static const char *const wrong[] = {
        "",   "s",  "1x",  "-1s", "1.s5",      "1s ",        ".5s",
        "1.", "1d", "1 s", "25h", "999999999", "1.1234567s", "99999999999999999999h"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        uint64_t ms;
        assert_int_not_equal(shape_duration(bytes_text(wrong[i]), 86400000, &ms), 0);
    }
}

static void addresses_have_a_host_and_a_port(void **state)
{
    (void)state;
    assert_true(shape_is_address(bytes_text("127.0.0.1:0"), true));
    assert_false(shape_is_address(bytes_text("127.0.0.1:0"), false));
    assert_true(shape_is_address(bytes_text("[::1]:65535"), false));
    assert_true(shape_is_address(bytes_text("my_host-1.local:80"), false));
    static const char *const wrong[] = {
        "",      ":",      "h:",      ":80",   "::1:80",   "h:80000", "h: 80",
        "h:+80", "[h]:80", "[::1]80", "-h:80", "h:000080", "h/p:80",  "http://h:80"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        if (shape_is_address(bytes_text(wrong[i]), true)) {
            fail_msg("%s was taken", wrong[i]);
        }
    }
}

static void seeds_may_be_names_to_ask_for(void **state)
{
    (void)state;
    assert_true(shape_is_seed(bytes_text("dns:callbackd.default.svc:7000")));
    assert_true(shape_is_seed(bytes_text("10.0.0.1:7000")));
    assert_false(shape_is_seed(bytes_text("dns:7000")));
    assert_false(shape_is_seed(bytes_text("dns:[::1]:7000")));
    assert_false(shape_is_seed(bytes_text("dns:a:0")));
}

static void networks_are_addresses_with_a_prefix(void **state)
{
    (void)state;
    static const char *const good[] = {"10.0.0.0/8", "::1", "fd00::/8", "host.name",
                                       "0.0.0.0/0"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(shape_is_host_or_network(bytes_text(good[i])));
    }
    static const char *const wrong[] = {"", "10.0.0.0/", "/8", "::/129", "host/8", "a:b", "*"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(shape_is_host_or_network(bytes_text(wrong[i])));
    }
}

static void a_base_url_can_have_a_path_put_behind_it(void **state)
{
    (void)state;
    static const char *const good[] = {"http://a", "https://a.b:8443/c/d", "http://[::1]:80"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(shape_is_base_url(bytes_text(good[i])));
    }
    static const char *const wrong[] = {"",
                                        "http://",
                                        "http:///a",
                                        "http://:80",
                                        "ftp://a",
                                        "HTTP://a",
                                        "http://a/",
                                        "http://a?b",
                                        "http://a#b",
                                        "http://a b",
                                        "http://a\r\n",
                                        "http://\x7f",
                                        "http://a\xe9"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(shape_is_base_url(bytes_text(wrong[i])));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_are_those_of_go),
        cmocka_unit_test(addresses_have_a_host_and_a_port),
        cmocka_unit_test(seeds_may_be_names_to_ask_for),
        cmocka_unit_test(networks_are_addresses_with_a_prefix),
        cmocka_unit_test(a_base_url_can_have_a_path_put_behind_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
