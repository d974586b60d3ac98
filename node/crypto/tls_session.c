/* One connection: OpenSSL's machine between two runs of bytes. */
#include "crypto/tls_inner.h"

#include <openssl/err.h>
#include <stdlib.h>

#define RECORD_TYPE_ALERT     21u /* RFC 8446 5.1 */
#define RECORD_TYPE_HANDSHAKE 22u

/* RFC 8446 5.5: one key of AES-GCM seals 2^24.5 full records at the most. */
#define RECORDS_A_KEY (1u << 23)

/* --- the wire ---------------------------------------------------------------------------- */

static int on_wire_read(BIO *bio, char *to, size_t size, size_t *got)
{
    struct tls_session *s = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    *got = 0;
    if (s->wire_end == 0) {
        s->wire_end = s->wire.pull(s->wire.owner, (uint8_t *)to, size, got);
    }
    if (*got == 0 && s->wire_end == 0) {
        BIO_set_retry_read(bio);
    }
    if (*got > 0 && !s->has_pulled) {
        s->has_pulled = true;
        s->begins_as_tls =
            (uint8_t)to[0] == RECORD_TYPE_HANDSHAKE || (uint8_t)to[0] == RECORD_TYPE_ALERT;
    }
    return *got > 0;
}

static int on_wire_write(BIO *bio, const char *at, size_t size, size_t *took)
{
    struct tls_session *s = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    *took = s->wire.push(s->wire.owner, bytes_of(at, size)) ? size : 0;
    return *took == size;
}

static long on_wire_control(BIO *bio, int what, long number, void *at)
{
    const struct tls_session *s = BIO_get_data(bio);
    (void)number;
    (void)at;
    return what == BIO_CTRL_FLUSH || (what == BIO_CTRL_EOF && s->wire_end != 0);
}

BIO_METHOD *tls_wire_method(void)
{
    BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "wire");
    if (m == NULL || BIO_meth_set_read_ex(m, on_wire_read) != 1 ||
        BIO_meth_set_write_ex(m, on_wire_write) != 1 ||
        BIO_meth_set_ctrl(m, on_wire_control) != 1) {
        BIO_meth_free(m);
        return NULL;
    }
    return m;
}

/* --- why it failed ----------------------------------------------------------------------- */

static enum tls_failure of_certificate(const struct tls_session *s)
{
    switch (SSL_get_verify_result(s->ssl)) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return TLS_EXPIRED;
    case X509_V_ERR_HOSTNAME_MISMATCH:
        return TLS_NAME;
    default: /* a node with secrets knows no authority: it is not one of ours */
        return s->tls->keyring.count > 0 ? TLS_SECRET : TLS_FOREIGN;
    }
}

static enum tls_failure of_reason(const struct tls_session *s, int reason)
{
    switch (reason) {
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_WRONG_SSL_VERSION:
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
        return TLS_VERSION;
    case SSL_R_BINDER_DOES_NOT_VERIFY:
        return TLS_SECRET;
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
        return of_certificate(s);
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
        return TLS_MISSING;
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_NO_SHARED_CIPHER:
        return s->tls->keyring.count > 0 ? TLS_SECRET : TLS_MALFORMED;
    default:
        return reason >= SSL_AD_REASON_OFFSET ? TLS_REJECTED : TLS_MALFORMED;
    }
}

/* To the ones that speak no TLS OpenSSL says nothing; but a node that was told of no secret is
 * to know why it stays out: alert protocol_version, fatal (RFC 8446 6). So are people. */
static void tell_plain(struct tls_session *s)
{
    static const uint8_t alert[] = {RECORD_TYPE_ALERT, 3, 3, 0, 2, 2, 70};
    const struct bytes said = s->tls->use == TLS_FOR_PEERS ? bytes_of(alert, sizeof alert)
                                                           : bytes_text(s->tls->plain_answer);
    if (said.size > 0) {
        (void)s->wire.push(s->wire.owner, said);
    }
}

static void fail(struct tls_session *s, enum tls_failure why)
{
    s->failure = why;
    s->tls->failures[why]++;
}

static void note_failure(struct tls_session *s)
{
    int reason = ERR_GET_REASON(ERR_peek_error());
    if (s->failure != TLS_FINE) {
        return; /* the first one counts */
    }
    if (s->has_pulled && !s->begins_as_tls) {
        fail(s, TLS_PLAIN);
        tell_plain(s);
    } else if (s->wire_end != 0 && reason == 0) {
        fail(s, TLS_ENDED);
    } else if (s->knows_no_secret) {
        fail(s, TLS_SECRET);
    } else {
        fail(s, of_reason(s, reason));
    }
}

enum tls_failure tls_session_failure(const struct tls_session *s)
{
    return s->failure;
}

const char *tls_session_explain(const struct tls_session *s)
{
    static const char *const texts[TLS_FAILURE_COUNT] = {
#define TLS_FAILURE_TEXT(ID, NAME, TEXT) [TLS_##ID] = TEXT,
        TLS_FAILURES(TLS_FAILURE_TEXT)
#undef TLS_FAILURE_TEXT
    };
    return texts[s->failure];
}

/* --- whether it would be let in now ------------------------------------------------------ */

/* The peer's certificate as of the handshake, judged as one of today would be. */
static bool certificate_is_good(const struct tls_session *s)
{
    X509 *shown = SSL_get0_peer_certificate(s->ssl);
    SSL_CTX *now = s->tls->ctx;
    X509_STORE_CTX *judge = X509_STORE_CTX_new();
    bool ok = shown != NULL && judge != NULL &&
              X509_STORE_CTX_init(judge, SSL_CTX_get_cert_store(now), shown,
                                  SSL_get_peer_cert_chain(s->ssl)) == 1 &&
              X509_STORE_CTX_set_default(judge, SSL_is_server(s->ssl) == 1 ? "ssl_client"
                                                                           : "ssl_server") == 1;
    if (ok) {
        X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(judge);
        X509_VERIFY_PARAM_set_auth_level(param, SSL_CTX_get_security_level(now));
        ok = X509_VERIFY_PARAM_set1(param, SSL_CTX_get0_param(now)) == 1 &&
             X509_verify_cert(judge) == 1;
    }
    X509_STORE_CTX_free(judge);
    ERR_clear_error();
    return ok;
}

static bool is_good_now(const struct tls_session *s)
{
    const struct tls *t = s->tls;
    if (t->use != TLS_FOR_PEERS || SSL_get_SSL_CTX(s->ssl) == t->ctx) {
        return true; /* the handshake itself has judged by these files */
    }
    return t->keyring.count > 0
               ? keyring_find(&t->keyring, bytes_of(s->secret, sizeof s->secret)) != NULL
               : certificate_is_good(s);
}

bool tls_session_is_trusted(const struct tls_session *s)
{
    return !s->is_open || is_good_now(s);
}

/* --- the connection ---------------------------------------------------------------------- */

struct tls_session *tls_session_of(SSL *ssl)
{
    return SSL_get_app_data(ssl);
}

int tls_session_new(struct tls_session **out, struct tls *t, bool dials,
                    const struct tls_wire *wire)
{
    struct tls_session *s = calloc(1, sizeof *s);
    BIO *bio = s == NULL ? NULL : BIO_new(t->wire);
    *out = NULL;
    if (bio != NULL) {
        s->ssl = SSL_new(t->ctx);
    }
    if (s == NULL || s->ssl == NULL) {
        BIO_free(bio);
        free(s);
        ERR_clear_error();
        return ERR_NOMEM;
    }
    s->tls = t;
    s->wire = *wire;
    s->has_begun = !dials;
    BIO_set_data(bio, s);
    BIO_set_init(bio, 1);
    SSL_set_app_data(s->ssl, s);
    SSL_set_bio(s->ssl, bio, bio);
    if (dials) {
        SSL_set_connect_state(s->ssl);
    } else {
        SSL_set_accept_state(s->ssl);
    }
    *out = s;
    return 0;
}

/* A cluster that has secrets lets nobody in without one, whatever else was agreed on; nor by
 * one that was withdrawn during the handshake. */
static bool is_proven(const struct tls_session *s)
{
    bool has_secret = s->tls->keyring.count == 0 || SSL_session_reused(s->ssl) == 1;
    return has_secret && is_good_now(s);
}

int tls_session_shake(struct tls_session *s)
{
    if (s->is_open || s->failure != TLS_FINE) {
        return s->is_open ? 0 : ERR_REFUSED;
    }
    s->has_begun = true;
    ERR_clear_error();
    int rc = SSL_do_handshake(s->ssl);
    if (rc == 1 && is_proven(s)) {
        s->is_open = true;
        s->tls->accepted++;
        return 0;
    }
    if (rc != 1 && SSL_get_error(s->ssl, rc) == SSL_ERROR_WANT_READ) {
        return TLS_WAITS;
    }
    if (rc == 1) {
        fail(s, s->tls->keyring.count > 0 ? TLS_SECRET : TLS_FOREIGN);
    } else {
        note_failure(s);
    }
    ERR_clear_error();
    return ERR_REFUSED;
}

bool tls_session_is_open(const struct tls_session *s)
{
    return s->is_open;
}

int tls_session_read(struct tls_session *s, uint8_t *to, size_t size, size_t *got)
{
    *got = 0;
    if (s->broken != 0) {
        return s->broken;
    }
    ERR_clear_error();
    int rc = SSL_read_ex(s->ssl, to, size, got);
    s->is_dry = false;
    if (rc == 1) {
        return 0;
    }
    switch (SSL_get_error(s->ssl, rc)) {
    case SSL_ERROR_WANT_READ:
        s->is_dry = true;
        return 0;
    case SSL_ERROR_ZERO_RETURN:
        s->broken = s->wire_end == ERR_IO ? ERR_IO : ERR_CLOSED;
        break;
    default:
        s->broken = ERR_IO;
        if (s->wire_end == 0) {
            note_failure(s);
        }
    }
    ERR_clear_error();
    return s->broken;
}

bool tls_session_is_dry(const struct tls_session *s)
{
    return s->is_dry;
}

bool tls_session_holds(const struct tls_session *s)
{
    return SSL_has_pending(s->ssl) == 1;
}

int tls_session_write(struct tls_session *s, struct bytes plain)
{
    ERR_clear_error();
    while (plain.size > 0) {
        size_t size = plain.size < TLS_RECORD_MAX ? plain.size : TLS_RECORD_MAX;
        size_t took = 0;
        if (SSL_write_ex(s->ssl, plain.at, size, &took) != 1) {
            ERR_clear_error();
            return ERR_IO;
        }
        plain = bytes_of(plain.at + took, plain.size - took);
        if (++s->records >= RECORDS_A_KEY && SSL_version(s->ssl) == TLS1_3_VERSION) {
            s->records = 0; /* the next write goes under a new key */
            (void)SSL_key_update(s->ssl, SSL_KEY_UPDATE_NOT_REQUESTED);
        }
    }
    return 0;
}

/* The handshake was begun, and is given up. */
static void note_unfinished(struct tls_session *s)
{
    if (s->has_begun && !s->is_open && s->failure == TLS_FINE) {
        fail(s, TLS_UNFINISHED);
    }
}

void tls_session_end(struct tls_session *s)
{
    note_unfinished(s);
    if (s->is_open && s->failure == TLS_FINE) {
        (void)SSL_shutdown(s->ssl); /* 0: sent; the other side's word is not waited for */
        ERR_clear_error();
    }
}

void tls_session_free(struct tls_session **s)
{
    struct tls_session *mine = *s;
    *s = NULL;
    if (mine == NULL) {
        return;
    }
    note_unfinished(mine);
    SSL_free(mine->ssl);
    free(mine);
}
