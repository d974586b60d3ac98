/* Who was let in, and would not be any more: secrets and authorities that were withdrawn. */
#include "lib_ends.h"

#include <unistd.h>

/* The secret by which a connection came to be may move in the file, but not leave it. */
static void a_connection_is_trusted_as_long_as_its_secret_stands_in_the_file(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool trusted;
    } steps[] = {{SECRET_OLD "\n" SECRET_NEW "\n", true},
                 {SECRET_NEW "\n" SECRET_OLD "\n", true},
                 {SECRET_NEW "\n", false},
                 {SECRET_OLD "\n", true}};
    struct end a, b;
    certs_write("dials", SECRET_OLD "\n", 0600);
    certs_write("accepts", SECRET_OLD "\n", 0600);
    ends_connect(&a, &b, peer_with_secrets("dials", "callbackd"),
                 peer_with_secrets("accepts", "callbackd"));
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        certs_write("dials", steps[i].text, 0600);
        certs_write("accepts", steps[i].text, 0600);
        assert_int_equal(tls_reload(a.tls, NULL), 0);
        assert_int_equal(tls_reload(b.tls, NULL), 0);
        assert_int_equal(tls_session_is_trusted(a.session), steps[i].trusted);
        assert_int_equal(tls_session_is_trusted(b.session), steps[i].trusted);
    }
    ends_close(&a, &b);
}

/* `name` is what `by` is from now on. */
static void replace(const char *name, const char *by)
{
    unlink(certs_path(name));
    assert_int_equal(link(certs_path(by), certs_path(name)), 0);
}

/* Both sides judge: the one that was dialled and the one that dialled. */
static void a_connection_is_trusted_as_long_as_its_peers_certificate_is_good(void **state)
{
    (void)state;
    struct end a, b;
    replace("mine.pem", "node.pem");
    replace("mine.key", "node.key");
    replace("trusted.pem", "ca.pem");
    const struct tls_config config = {.use = TLS_FOR_PEERS,
                                      .prefix = "cluster.",
                                      .cert = certs_path("mine.pem"),
                                      .key = certs_path("mine.key"),
                                      .ca = certs_path("trusted.pem"),
                                      .cluster_name = "callbackd"};
    struct tls *left, *right;
    assert_int_equal(tls_open(&left, &config, NULL), 0);
    assert_int_equal(tls_open(&right, &config, NULL), 0);
    ends_connect(&a, &b, left, right);
    assert_int_equal(b.rc, 0);
    assert_int_equal(tls_reload(left, NULL), 0);
    assert_int_equal(tls_reload(right, NULL), 0);
    assert_true(tls_session_is_trusted(a.session));
    assert_true(tls_session_is_trusted(b.session));
    replace("trusted.pem", "other-ca.pem");
    assert_int_equal(tls_reload(left, NULL), 0);
    assert_int_equal(tls_reload(right, NULL), 0);
    assert_false(tls_session_is_trusted(a.session));
    assert_false(tls_session_is_trusted(b.session));
    ends_close(&a, &b);
}

/* The handshake was begun with a secret that is gone when it is done. */
static void a_secret_withdrawn_in_the_middle_of_a_handshake_lets_nobody_in(void **state)
{
    (void)state;
    struct end a, b;
    certs_write("withdrawn", SECRET_OLD "\n", 0600);
    end_open(&a, &b, peer_with_secrets("old", "callbackd"), true);
    end_open(&b, &a, peer_with_secrets("withdrawn", "callbackd"), false);
    assert_int_equal(tls_session_shake(a.session), TLS_WAITS);
    assert_int_equal(tls_session_shake(b.session), TLS_WAITS);
    certs_write("withdrawn", SECRET_NEW "\n", 0600);
    assert_int_equal(tls_reload(b.tls, NULL), 0);
    ends_shake(&a, &b);
    assert_int_equal(b.rc, ERR_REFUSED);
    assert_int_equal(tls_session_failure(b.session), TLS_SECRET);
    ends_close(&a, &b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_is_trusted_as_long_as_its_secret_stands_in_the_file),
        cmocka_unit_test(a_connection_is_trusted_as_long_as_its_peers_certificate_is_good),
        cmocka_unit_test(a_secret_withdrawn_in_the_middle_of_a_handshake_lets_nobody_in),
    };
    return cmocka_run_group_tests(tests, certs_begin, certs_end);
}
