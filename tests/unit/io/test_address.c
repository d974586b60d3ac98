/* HOST:PORT, read and printed. */
#include "cmocka_first.h"
#include "io/address.h"

static void literals_are_read_and_printed_alike(void **state)
{
    (void)state;
    static const struct {
        const char *text, *host;
        uint16_t port;
    } rows[] = {
        {"127.0.0.1:80", "127.0.0.1", 80},
        {"0.0.0.0:0", "0.0.0.0", 0},
        {"255.255.255.255:65535", "255.255.255.255", 65535},
        {"[::1]:8080", "::1", 8080},
        {"[::]:1", "::", 1},
        {"[2001:db8::7]:443", "2001:db8::7", 443},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        union address a;
        char out[ADDRESS_TEXT_MAX];
        assert_int_equal(address_parse(&a, bytes_text(rows[i].text)), 0);
        assert_int_equal(address_print(&a, out), strlen(rows[i].text));
        assert_string_equal(out, rows[i].text);
        address_print_host(&a, out);
        assert_string_equal(out, rows[i].host);
        assert_int_equal(address_port(&a), rows[i].port);
    }
}

static void what_is_no_address_is_refused(void **state)
{
    (void)state;
    static const char *const malformed[] = {
        "",     "80",     ":80",   "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "a:-1",
        "a:1b", "::1:80", "[::1]", "[]:80",     "[::1]80",    "a:b:80",          "a: 80",
    };
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
        union address a;
        struct errmsg em = {0};
        int rc = address_resolve(&a, bytes_text(malformed[i]), &em);
        if (rc != ERR_MALFORMED) {
            print_error("%s: %d\n", malformed[i], rc);
        }
        assert_int_equal(rc, ERR_MALFORMED);
        assert_non_null(strstr(em.text, "HOST:PORT"));
    }
    union address a;
    assert_int_equal(address_parse(&a, bytes_text("localhost:80")), ERR_NOTFOUND);
    assert_int_equal(address_parse(&a, bytes_text("1.2.3:80")), ERR_NOTFOUND);
}

static void name_is_resolved_or_named_as_unknown(void **state)
{
    (void)state;
    union address a;
    struct errmsg em = {0};
    assert_int_equal(address_resolve(&a, bytes_text("localhost:8123"), &em), 0);
    assert_int_equal(address_port(&a), 8123);
    /* A name that no resolver sends anywhere, so that no network is needed. */
    assert_int_equal(address_resolve(&a, bytes_text("no..such..host:1"), &em), ERR_NOTFOUND);
    assert_non_null(strstr(em.text, "no..such..host"));
}

static void long_host_is_refused(void **state)
{
    (void)state;
    char text[400];
    memset(text, 'a', sizeof text);
    memcpy(text + sizeof text - 3, ":80", 3);
    union address a;
    assert_int_equal(address_parse(&a, bytes_of(text, sizeof text)), ERR_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(literals_are_read_and_printed_alike),
        cmocka_unit_test(what_is_no_address_is_refused),
        cmocka_unit_test(name_is_resolved_or_named_as_unknown),
        cmocka_unit_test(long_host_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
