/* Where a webhook may go: every spelling of an internal address is one. */
#include "base/text.h"
#include "core/webhook_url.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct bytes b(const char *text)
{
    return bytes_text(text);
}

static void well_formed_urls_are_taken_apart(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool https;
        const char *host;
        uint16_t port;
        const char *target;
    } cases[] = {
        {"http://example.com", false, "example.com", 80, ""},
        {"HTTPS://example.com/a?b=c#frag", true, "example.com", 443, "/a?b=c"},
        {"http://example.com:8080/%41/", false, "example.com", 8080, "/%41/"},
        {"http://my_host-1.x.?q", false, "my_host-1.x.", 80, "?q"},
        {"https://[2606:4700::1111]:9/", true, "2606:4700::1111", 9, "/"},
        {"http://8.8.8.8/x", false, "8.8.8.8", 80, "/x"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct webhook_url url;
        assert_null(webhook_url_parse(&url, b(cases[i].text)));
        assert_int_equal(url.is_https, cases[i].https);
        assert_true(bytes_is(url.host, cases[i].host));
        assert_int_equal(url.port, cases[i].port);
        assert_true(bytes_is(url.target, cases[i].target));
        assert_null(webhook_url_fault(b(cases[i].text), NULL));
    }
}

static void what_is_not_an_absolute_http_url_is_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "foo",
        "/path",
        "//h/p",
        "http:",
        "http:/h",
        "http://",
        "http:///x",
        "https://?q",
        "ftp://h/x",
        "mailto:x",
        "javascript:alert(1)",
        "ht tp://foo.com",
        "http://a b/",
        "http://h:port/",
        "http://h:/",
        "http://h:0/",
        "http://h:65536/",
        "http://h:-1/",
        "http://[::1",
        "http://[]/",
        "http://[x]/",
        "http://[2606::1]x/",
        "http://h/%zz",
        "http://h/%4",
        "%zz",
        ":foo",
        "http://u:p@h/",
        "http://u@h/",
        "http://h\\@e/",
        "http://a..b/",
        "http://.a/",
        "http://a/\x01",
        "http://a/\xc3\xa4",
        "http://%41/",
        "http://1.2.3.4.5/",
        "http://256.1.1.1/",
        "http://1.2.3.256/",
        "http://0x100000000/",
        "http://099/",
        "http://example.123/",
        "http://[fe80::1%25eth0]/",
        "http://a!b/",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (webhook_url_fault(b(cases[i]), NULL) == NULL) {
            fail_msg("\"%s\" was allowed", cases[i]);
        }
    }
}

static const char *const internal[] = {
    /* loopback: dotted, short, decimal, octal, hexadecimal, mixed, with a final dot */
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "2130706433",
    "017700000001",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.01",
    "0X7F.0.0x0.1",
    "127.0.0.1.",
    "127.255.255.254",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "a.localhost",
    /* unspecified and this network */
    "0.0.0.0",
    "0",
    "0x0",
    "0x",
    "00",
    "0.1.2.3",
    /* private, shared, link-local, benchmark, documentation, multicast, broadcast */
    "10.0.0.1",
    "10.1",
    "167772161",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "192.168.257",
    "100.64.0.1",
    "100.127.255.255",
    "169.254.169.254",
    "0xa9fea9fe",
    "2852039166",
    "0251.0376.0251.0376",
    "198.18.0.1",
    "198.19.255.255",
    "192.0.2.1",
    "198.51.100.7",
    "203.0.113.9",
    "192.0.0.8",
    "192.88.99.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    /* IPv6 of its own */
    "[::]",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[fe80::1]",
    "[febf::1]",
    "[fc00::1]",
    "[fdff::1]",
    "[fec0::1]",
    "[ff02::1]",
    "[2001:db8::1]",
    "[100::1]",
    "[3fff::1]",
    "[64:ff9b:1::1]",
    "[2001:0:1::1]",
    "[5f00::1]",
    /* IPv4 inside IPv6: mapped, translated, compatible, NAT64, 6to4 */
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::FFFF:10.0.0.1]",
    "[0:0:0:0:0:ffff:a9fe:a9fe]",
    "[::ffff:0:10.0.0.1]",
    "[::10.0.0.1]",
    "[::7f00:1]",
    "[64:ff9b::10.0.0.1]",
    "[64:ff9b::a9fe:a9fe]",
    "[2002:7f00:1::]",
    "[2002:a00:1::1]",
    "[2002:c0a8:101::1]",
};

/* NULL when a webhook may go to that host. */
static const char *host_fault(const char *host)
{
    struct text url = {0};
    text_add_str(&url, "http://");
    text_add_str(&url, host);
    text_add_str(&url, ":80/");
    const char *fault = webhook_url_fault(text_view(&url), NULL);
    text_fini(&url);
    return fault;
}

static void internal_addresses_are_refused_in_every_spelling(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof internal / sizeof internal[0]; i++) {
        const char *fault = host_fault(internal[i]);
        if (fault == NULL || strstr(fault, "internal address") == NULL) {
            fail_msg("%s: %s", internal[i], fault == NULL ? "was allowed" : fault);
        }
    }
}

static void outside_addresses_are_allowed(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "8.8.8.8",           "134744072",         "0x08080808",         "9.255.255.255",
        "11.0.0.1",          "100.63.255.255",    "100.128.0.0",        "126.255.255.255",
        "128.0.0.1",         "169.253.1.1",       "172.15.1.1",         "172.32.0.1",
        "192.167.1.1",       "198.17.1.1",        "198.20.1.1",         "223.255.255.255",
        "[2606:4700::1111]", "[::ffff:8.8.8.8]",  "[64:ff9b::8.8.8.8]", "[2002:808:808::1]",
        "[2a00::1]",         "localhost.example", "notlocalhost",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *fault = host_fault(cases[i]);
        if (fault != NULL) {
            fail_msg("%s: %s", cases[i], fault);
        }
    }
}

static void the_allow_list_takes_addresses_networks_and_names(void **state)
{
    (void)state;
    const struct bytes items[] = {b("10.1.0.0/16"), b("192.168.0.7"), b("fd00::/8"),
                                  b("receiver.internal"), b("localhost")};
    const struct webhook_allow allow = {.items = items, .count = 5};
    assert_null(webhook_url_fault(b("http://10.1.2.3/"), &allow));
    assert_null(webhook_url_fault(b("http://0x0a010203/"), &allow));
    assert_null(webhook_url_fault(b("http://[::ffff:10.1.2.3]/"), &allow));
    assert_null(webhook_url_fault(b("http://192.168.0.7/"), &allow));
    assert_null(webhook_url_fault(b("http://[fd12::1]/"), &allow));
    assert_null(webhook_url_fault(b("http://localhost:8080/"), &allow));
    assert_non_null(webhook_url_fault(b("http://10.2.0.1/"), &allow));
    assert_non_null(webhook_url_fault(b("http://192.168.0.8/"), &allow));
    assert_non_null(webhook_url_fault(b("http://[fe80::1]/"), &allow));
    assert_non_null(webhook_url_fault(b("http://127.0.0.1/"), &allow));

    const uint8_t private_v4[4] = {10, 9, 9, 9};
    struct webhook_address a = webhook_address_of(private_v4, sizeof private_v4);
    assert_true(webhook_address_is_internal(&a));
    assert_true(webhook_address_is_allowed(&a, b("Receiver.Internal."), &allow));
    assert_false(webhook_address_is_allowed(&a, b("other.internal"), &allow));
    assert_false(webhook_address_is_allowed(&a, b(""), &allow));
}

static void the_allow_list_is_checked_at_start(void **state)
{
    (void)state;
    static const char *const valid[] = {"10.0.0.0/8", "::1",  "[::1]", "fd00::/8",
                                        "127.0.0.1",  "host", "a.b.c"};
    static const char *const invalid[] = {"",       "10.0.0.0/33", "::1/129",   "10.0.0.0/",
                                          "a b",    "http://h/",   "1.2.3.4.5", "fd00::/x",
                                          "a.b/24", "[::1"};
    for (size_t i = 0; i < sizeof valid / sizeof valid[0]; i++) {
        assert_true(webhook_allow_is_valid(b(valid[i])));
    }
    for (size_t i = 0; i < sizeof invalid / sizeof invalid[0]; i++) {
        assert_false(webhook_allow_is_valid(b(invalid[i])));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(well_formed_urls_are_taken_apart),
        cmocka_unit_test(what_is_not_an_absolute_http_url_is_refused),
        cmocka_unit_test(internal_addresses_are_refused_in_every_spelling),
        cmocka_unit_test(outside_addresses_are_allowed),
        cmocka_unit_test(the_allow_list_takes_addresses_networks_and_names),
        cmocka_unit_test(the_allow_list_is_checked_at_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
