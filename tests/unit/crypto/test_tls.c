/* TLS without a socket: both ends of a connection in one process, each refusal, each file that
 * cannot be used. */
#include "lib_ends.h"

#include <openssl/ssl.h>

static uint64_t count_of(const struct tls *t, const char *wanted)
{
    const char *name;
    uint64_t value;
    for (size_t n = 0; tls_counter_at(t, n, &name, &value); n++) {
        if (strcmp(name, wanted) == 0) {
            return value;
        }
    }
    fail_msg("no counter %s", wanted);
    return 0;
}

/* Reads what there is; the last return code. */
static int read_all(struct end *e, struct text *out)
{
    uint8_t room[1000];
    size_t got;
    int rc;
    while ((rc = tls_session_read(e->session, room, sizeof room, &got)) == 0 && got > 0) {
        text_add(out, bytes_of(room, got));
    }
    return rc;
}

static void assert_talks(struct end *a, struct end *b)
{
    struct text plain = {0}, heard = {0};
    char *to = text_reserve(&plain, 100000);
    memset(to, 'p', 100000);
    text_commit(&plain, 100000);
    assert_int_equal(tls_session_write(a->session, text_view(&plain)), 0);
    assert_null(memmem(a->sent.at, a->sent.size, "pppppppp", 8));
    assert_int_equal(read_all(b, &heard), 0);
    assert_true(tls_session_is_dry(b->session));
    assert_true(bytes_equal(text_view(&plain), text_view(&heard)));
    text_clear(&heard);
    assert_int_equal(tls_session_write(b->session, bytes_text("answer")), 0);
    tls_session_end(b->session);
    assert_int_equal(read_all(a, &heard), ERR_CLOSED);
    assert_true(bytes_is(text_view(&heard), "answer"));
    text_fini(&heard);
    text_fini(&plain);
}

/* --- who belongs together ---------------------------------------------------------------- */

static void nodes_with_one_secret_talk(void **state)
{
    (void)state;
    struct end a, b;
    ends_connect(&a, &b, peer_with_secrets("old", "callbackd"),
                 peer_with_secrets("old", "callbackd"));
    assert_int_equal(a.rc, 0);
    assert_int_equal(b.rc, 0);
    assert_int_equal(count_of(a.tls, "accepted"), 1);
    assert_talks(&a, &b);
    assert_null(tls_session_explain(a.session));
    ends_close(&a, &b);
}

static void nodes_with_certificates_of_one_authority_talk(void **state)
{
    (void)state;
    struct end a, b;
    ends_connect(&a, &b, peer_with_certificate("node"), peer_with_certificate("node"));
    assert_int_equal(a.rc, 0);
    assert_int_equal(b.rc, 0);
    assert_true(tls_expires_at_s(a.tls) > 0);
    assert_talks(&a, &b);
    ends_close(&a, &b);
}

/* All the steps of a rotation, each with every pair that may meet in it. */
static void secrets_rotate_without_a_moment_apart(void **state)
{
    (void)state;
    static const char *const meet[][2] = {{"old", "both"}, {"both", "both"}, {"both", "new"}};
    for (size_t i = 0; i < 3; i++) {
        if (i == 0) { /* step one adds the new one behind the old */
            certs_write("old-new", SECRET_OLD "\n" SECRET_NEW "\n", 0600);
        }
        struct end a, b;
        ends_connect(&a, &b, peer_with_secrets(meet[i][0], "callbackd"),
                     peer_with_secrets(i == 0 ? "old-new" : meet[i][1], "callbackd"));
        assert_int_equal(a.rc, 0);
        assert_int_equal(b.rc, 0);
        ends_close(&a, &b);
    }
}

static void a_file_that_changed_counts_from_the_next_connection_on(void **state)
{
    (void)state;
    struct end a, b, c, d;
    certs_write("changes", SECRET_OLD "\n", 0600);
    struct tls *changes = peer_with_secrets("changes", "callbackd");
    struct tls *old = peer_with_secrets("old", "callbackd");
    ends_connect(&a, &b, changes, old);
    assert_int_equal(a.rc, 0);

    certs_write("changes", "no secret\n", 0600);
    struct errmsg em = {{0}};
    assert_int_equal(tls_reload(changes, &em), ERR_MALFORMED);
    assert_non_null(strstr(em.text, "cluster.secret_file: "));
    assert_non_null(strstr(em.text, "line 1"));
    ends_connect(&c, &d, changes, old); /* as before */
    assert_int_equal(c.rc, 0);
    end_close(&c, false);
    end_close(&d, false);

    certs_write("changes", SECRET_NEW "\n", 0600);
    assert_int_equal(tls_reload(changes, &em), 0);
    ends_connect(&c, &d, changes, old);
    assert_int_equal(c.rc, ERR_REFUSED);
    assert_int_equal(d.rc, ERR_REFUSED);
    assert_false(tls_session_is_trusted(a.session));
    assert_true(tls_session_is_trusted(b.session)); /* its own files did not change */
    assert_talks(&a, &b); /* what is open stays open until its owner ends it */
    end_close(&c, false);
    end_close(&d, false);
    ends_close(&a, &b);
}

/* --- who does not ------------------------------------------------------------------------ */

static void assert_refused(struct end *e, enum tls_failure why, const char *name)
{
    assert_int_equal(e->rc, ERR_REFUSED);
    assert_int_equal(tls_session_failure(e->session), why);
    assert_non_null(tls_session_explain(e->session));
    assert_int_equal(count_of(e->tls, name), 1);
    assert_int_equal(tls_session_shake(e->session), ERR_REFUSED); /* and is counted once */
    assert_int_equal(count_of(e->tls, name), 1);
}

static void a_wrong_secret_is_refused(void **state)
{
    (void)state;
    struct end a, b;
    ends_connect(&a, &b, peer_with_secrets("new", "callbackd"),
                 peer_with_secrets("old", "callbackd"));
    assert_refused(&b, TLS_SECRET, "secret");
    assert_refused(&a, TLS_REJECTED, "rejected-by-peer");
    ends_close(&a, &b);
}

static void the_same_secret_of_another_cluster_is_refused(void **state)
{
    (void)state;
    struct end a, b;
    ends_connect(&a, &b, peer_with_secrets("old", "callbackd"),
                 peer_with_secrets("old", "other"));
    assert_refused(&b, TLS_SECRET, "secret");
    ends_close(&a, &b);
}

static void certificates_that_do_not_belong_are_refused_by_both_sides(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum tls_failure why;
        const char *reason;
    } rows[] = {{"late", TLS_EXPIRED, "certificate-expired"},
                {"early", TLS_EXPIRED, "certificate-expired"},
                {"foreign", TLS_FOREIGN, "certificate-foreign"},
                {"named", TLS_NAME, "certificate-name"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct end a, b;
        ends_connect(&a, &b, peer_with_certificate("node"),
                     peer_with_certificate(rows[i].name));
        assert_refused(&a, rows[i].why, rows[i].reason);
        ends_close(&a, &b);
    }
}

/* The dialler is done before its certificate was judged: it hears so when it reads. */
static void a_dialler_with_a_certificate_that_does_not_belong_is_told(void **state)
{
    (void)state;
    struct end a, b;
    ends_connect(&a, &b, peer_with_certificate("late"), peer_with_certificate("node"));
    assert_refused(&b, TLS_EXPIRED, "certificate-expired");
    struct text heard = {0};
    assert_int_equal(read_all(&a, &heard), ERR_IO);
    assert_int_equal(heard.size, 0);
    assert_int_equal(tls_session_failure(a.session), TLS_REJECTED);
    ends_close(&a, &b);
}

static void secrets_and_certificates_do_not_mix(void **state)
{
    (void)state;
    struct end a, b;
    ends_connect(&a, &b, peer_with_certificate("node"), peer_with_secrets("old", "callbackd"));
    assert_refused(&b, TLS_SECRET, "secret");
    ends_close(&a, &b);
    ends_connect(&a, &b, peer_with_secrets("old", "callbackd"), peer_with_certificate("node"));
    assert_refused(&a, TLS_SECRET, "secret");
    ends_close(&a, &b);
}

/* --- other clients ----------------------------------------------------------------------- */

/* OpenSSL itself as the client, with nothing of ours. */
struct other {
    SSL_CTX *ctx;
    SSL *ssl;
    BIO *in, *out;
};

static void other_open(struct other *o, int version_max, const char *alpn)
{
    o->ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_max_proto_version(o->ctx, version_max);
    o->ssl = SSL_new(o->ctx);
    o->in = BIO_new(BIO_s_mem());
    o->out = BIO_new(BIO_s_mem());
    SSL_set_bio(o->ssl, o->in, o->out);
    SSL_set_connect_state(o->ssl);
    if (alpn != NULL) {
        SSL_set_alpn_protos(o->ssl, (const unsigned char *)alpn, (unsigned)strlen(alpn));
    }
}

static void other_shake(struct other *o, struct end *server)
{
    struct end wire = {.other = server};
    end_open(server, &wire, server->tls, false);
    for (int i = 0; i < FLIGHTS_MAX; i++) {
        SSL_do_handshake(o->ssl);
        char *at;
        long size = BIO_get_mem_data(o->out, &at);
        text_add(&wire.sent, bytes_of(at, (size_t)size));
        (void)BIO_reset(o->out);
        server->rc = tls_session_shake(server->session);
        BIO_write(o->in, server->sent.at + server->pulled,
                  (int)(server->sent.size - server->pulled));
        server->pulled = server->sent.size;
    }
    text_fini(&wire.sent);
}

static void other_close(struct other *o)
{
    SSL_free(o->ssl);
    SSL_CTX_free(o->ctx);
}

static void tls_1_2_is_for_clients_only(void **state)
{
    (void)state;
    struct other o;
    struct end server = {.tls = peer_with_secrets("old", "callbackd")};
    other_open(&o, TLS1_2_VERSION, NULL);
    other_shake(&o, &server);
    assert_refused(&server, TLS_VERSION, "version");
    end_close(&server, true);
    other_close(&o);

    struct errmsg em = {{0}};
    other_open(&o, TLS1_2_VERSION, "\x02h2\x08http/1.1");
    assert_int_equal(open_with_certificate(&server.tls, TLS_FOR_CLIENTS, "node", &em), 0);
    other_shake(&o, &server);
    assert_int_equal(server.rc, 0);
    const unsigned char *chosen;
    unsigned size;
    SSL_get0_alpn_selected(o.ssl, &chosen, &size);
    assert_true(bytes_is(bytes_of(chosen, size), "http/1.1"));
    end_close(&server, true);
    other_close(&o);
}

static void a_client_of_another_protocol_is_refused(void **state)
{
    (void)state;
    struct other o;
    struct errmsg em = {{0}};
    struct end server;
    other_open(&o, TLS1_3_VERSION, "\x02h2");
    assert_int_equal(open_with_certificate(&server.tls, TLS_FOR_CLIENTS, "node", &em), 0);
    other_shake(&o, &server);
    assert_refused(&server, TLS_MALFORMED, "malformed");
    end_close(&server, true);
    other_close(&o);
}

/* Each time we must answer with new keys of our own: who reads nothing meanwhile is cut off
 * when the owner of the session has kept enough. */
static void who_asks_for_new_keys_without_end_is_cut_off(void **state)
{
    (void)state;
    struct other o;
    struct errmsg em = {{0}};
    struct end server, wire = {.other = &server};
    other_open(&o, TLS1_3_VERSION, NULL);
    assert_int_equal(open_with_certificate(&server.tls, TLS_FOR_CLIENTS, "node", &em), 0);
    other_shake(&o, &server);
    assert_int_equal(server.rc, 0);
    server.other = &wire;
    server.room = 4096;
    int rc = 0;
    for (int i = 0; i < 1000 && rc == 0; i++) {
        uint8_t room[64];
        size_t got;
        char *at;
        assert_int_equal(SSL_key_update(o.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        assert_int_equal(SSL_do_handshake(o.ssl), 1);
        long size = BIO_get_mem_data(o.out, &at);
        text_add(&wire.sent, bytes_of(at, (size_t)size));
        (void)BIO_reset(o.out);
        rc = tls_session_read(server.session, room, sizeof room, &got);
        assert_true(server.sent.size - server.pulled <= server.room);
    }
    assert_int_equal(rc, ERR_IO);
    text_fini(&wire.sent);
    end_close(&server, true);
    other_close(&o);
}

static void no_ticket_is_ever_given(void **state)
{
    (void)state;
    struct other o;
    struct errmsg em = {{0}};
    struct end server;
    other_open(&o, TLS1_3_VERSION, NULL);
    assert_int_equal(open_with_certificate(&server.tls, TLS_FOR_CLIENTS, "node", &em), 0);
    other_shake(&o, &server);
    assert_int_equal(server.rc, 0);
    char nothing;
    assert_int_equal(SSL_read(o.ssl, &nothing, 1), -1);
    assert_false(SSL_SESSION_is_resumable(SSL_get0_session(o.ssl)));
    end_close(&server, true);
    other_close(&o);
}

static void who_speaks_no_tls_is_refused(void **state)
{
    (void)state;
    static const struct {
        struct bytes said;
        enum tls_failure why;
        const char *reason;
    } rows[] = {
        {{(const uint8_t *)"GET / HTTP/1.1\r\n\r\n", 18}, TLS_PLAIN, "plain-text"},
        {{(const uint8_t *)"\0\0\0\x40\x01\0\0\0\0\0\0\0\0\0\0", 15}, TLS_PLAIN, "plain-text"},
        {{(const uint8_t *)"\x16\x03\x01\0\x05garba", 10}, TLS_MALFORMED, "malformed"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct end a = {0}, b;
        end_open(&b, &a, peer_with_secrets("old", "callbackd"), false);
        text_add(&a.sent, rows[i].said);
        b.rc = tls_session_shake(b.session);
        assert_refused(&b, rows[i].why, rows[i].reason);
        assert_true(b.sent.size > 5 && b.sent.at[0] == 21 && b.sent.at[1] == 3); /* an alert */
        text_fini(&a.sent);
        end_close(&b, true);
    }
}

static void an_end_in_the_middle_is_counted(void **state)
{
    (void)state;
    struct end a = {.hangs_up = true}, b;
    end_open(&b, &a, peer_with_secrets("old", "callbackd"), false);
    b.rc = tls_session_shake(b.session);
    assert_refused(&b, TLS_ENDED, "ended");
    tls_session_free(&b.session);

    a.hangs_up = false;
    end_open(&b, &a, b.tls, false);
    assert_int_equal(tls_session_shake(b.session), TLS_WAITS);
    tls_session_free(&b.session);
    assert_int_equal(count_of(b.tls, "unfinished"), 1);
    tls_free(&b.tls);
}

static void a_changed_byte_ends_the_connection(void **state)
{
    (void)state;
    struct end a, b;
    struct text heard = {0};
    ends_connect(&a, &b, peer_with_secrets("old", "callbackd"),
                 peer_with_secrets("old", "callbackd"));
    assert_int_equal(tls_session_write(a.session, bytes_text("payment")), 0);
    a.sent.at[a.sent.size - 1] ^= 1;
    assert_int_equal(read_all(&b, &heard), ERR_IO);
    assert_int_equal(heard.size, 0);
    assert_int_equal(tls_session_failure(b.session), TLS_MALFORMED);
    ends_close(&a, &b);
}

/* --- files ------------------------------------------------------------------------------- */

static void assert_no_use(const struct tls_config *config, const char *says)
{
    struct errmsg em = {{0}};
    struct tls *t;
    assert_int_equal(tls_open(&t, config, &em), ERR_MALFORMED);
    assert_null(t);
    if (strstr(em.text, says) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", em.text, says);
    }
}

static void a_file_that_cannot_be_used_is_named(void **state)
{
    (void)state;
    struct tls_config c = {.use = TLS_FOR_CLIENTS, .prefix = ""};
    c.cert = certs_path("none.pem");
    c.key = certs_path("node.key");
    assert_no_use(&c, "tls.cert: ");
    c.cert = certs_path("node.pem");
    c.key = certs_path("late.key");
    assert_no_use(&c, "tls.key: ");
    c.key = certs_path("node.pem");
    assert_no_use(&c, "tls.key: ");
    certs_write("open.key", "x", 0666);
    c.key = certs_path("open.key");
    assert_no_use(&c, "can be written by others");

    struct tls_config p = {.use = TLS_FOR_PEERS, .prefix = "cluster.", .cluster_name = "x"};
    p.cert = certs_path("node.pem");
    p.key = certs_path("node.key");
    p.ca = certs_path("old");
    assert_no_use(&p, "cluster.tls.ca: ");
    p.ca = certs_path("ca.pem");
    assert_no_use(&p, "is not for the name x");
    p = (struct tls_config){.use = TLS_FOR_PEERS, .prefix = "cluster.", .cluster_name = "x"};
    certs_write("open", SECRET_OLD "\n", 0620);
    p.secrets = certs_path("open");
    assert_no_use(&p, "can be written by others");
    certs_write("empty", "# none\n", 0600);
    p.secrets = certs_path("empty");
    assert_no_use(&p, "no secret");
    p.secrets = certs_path("");
    assert_no_use(&p, "is no file");
}

static void what_is_worth_a_look_is_a_warning(void **state)
{
    (void)state;
    certs_write("seen", SECRET_OLD "\n", 0644);
    struct tls *t = peer_with_secrets("seen", "callbackd");
    assert_non_null(strstr(tls_warning(t), "can be read by everybody"));
    certs_write("seen", SECRET_OLD "\n", 0640);
    assert_int_equal(tls_reload(t, NULL), 0);
    assert_string_equal(tls_warning(t), "");
    tls_free(&t);
    struct errmsg em = {{0}};
    assert_int_equal(open_with_certificate(&t, TLS_FOR_CLIENTS, "late", &em), 0);
    assert_non_null(strstr(tls_warning(t), "has expired"));
    tls_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_with_one_secret_talk),
        cmocka_unit_test(nodes_with_certificates_of_one_authority_talk),
        cmocka_unit_test(secrets_rotate_without_a_moment_apart),
        cmocka_unit_test(a_file_that_changed_counts_from_the_next_connection_on),
        cmocka_unit_test(a_wrong_secret_is_refused),
        cmocka_unit_test(the_same_secret_of_another_cluster_is_refused),
        cmocka_unit_test(certificates_that_do_not_belong_are_refused_by_both_sides),
        cmocka_unit_test(a_dialler_with_a_certificate_that_does_not_belong_is_told),
        cmocka_unit_test(secrets_and_certificates_do_not_mix),
        cmocka_unit_test(tls_1_2_is_for_clients_only),
        cmocka_unit_test(a_client_of_another_protocol_is_refused),
        cmocka_unit_test(who_asks_for_new_keys_without_end_is_cut_off),
        cmocka_unit_test(no_ticket_is_ever_given),
        cmocka_unit_test(who_speaks_no_tls_is_refused),
        cmocka_unit_test(an_end_in_the_middle_is_counted),
        cmocka_unit_test(a_changed_byte_ends_the_connection),
        cmocka_unit_test(a_file_that_cannot_be_used_is_named),
        cmocka_unit_test(what_is_worth_a_look_is_a_warning),
    };
    return cmocka_run_group_tests(tests, certs_begin, certs_end);
}
