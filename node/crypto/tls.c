/* What a node shows and accepts: files in, an SSL_CTX out. */
#include "crypto/tls.h"

#include "crypto/secret_file.h"
#include "crypto/tls_inner.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define KEYRING_FILE_MAX  16384u
#define CERTIFICATES_MAX  32768             /* bytes of a chain that a peer may show */
#define PEER_READ_SIZE    (4 * 16406u + 16) /* bytes taken at once from a link: four records */
#define SECURITY_LEVEL    2                 /* of OpenSSL: 112 bits and more */
#define CLIENT_SUITES     "ECDHE+AESGCM:ECDHE+CHACHA20"
#define SECRET_SUITE      "TLS_AES_128_GCM_SHA256" /* its hash is that of the keys */
#define SECRET_SUITE_CODE ((const unsigned char[]){0x13, 0x01})

/* What is made from the files at one time. */
struct made {
    SSL_CTX *ctx;
    struct keyring keyring;
    uint64_t expires_at_s;
    char warning[256];
};

/* --- secrets ----------------------------------------------------------------------------- */

/* To OpenSSL a secret is a session that is taken up again, and that only in its context. */
static const unsigned char session_context[] = {'p', 'e', 'e', 'r', 's'};

static SSL_SESSION *session_of(SSL *ssl, const struct keyring_key *key)
{
    SSL_SESSION *session = SSL_SESSION_new();
    const SSL_CIPHER *suite = SSL_CIPHER_find(ssl, SECRET_SUITE_CODE);
    bool ok =
        session != NULL && suite != NULL &&
        SSL_SESSION_set1_master_key(session, key->key, sizeof key->key) == 1 &&
        SSL_SESSION_set_cipher(session, suite) == 1 &&
        SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION) == 1 &&
        SSL_SESSION_set1_id_context(session, session_context, sizeof session_context) == 1;
    if (!ok) {
        SSL_SESSION_free(session);
        return NULL;
    }
    return session;
}

/* We dial: with the first. `md`: the other side asked again and has chosen its hash. */
static int on_use_secret(SSL *ssl, const EVP_MD *md, const unsigned char **name, size_t *size,
                         SSL_SESSION **session)
{
    struct tls_session *s = tls_session_of(ssl);
    const struct keyring_key *key = &s->tls->keyring.keys[0];
    bool fits = md == NULL || EVP_MD_is_a(md, "SHA256");
    *session = fits ? session_of(ssl, key) : NULL;
    memcpy(s->secret, key->name, sizeof s->secret);
    *name = (const unsigned char *)s->secret;
    *size = sizeof s->secret;
    return *session != NULL;
}

/* We were dialled: with any. */
static int on_find_secret(SSL *ssl, const unsigned char *name, size_t size,
                          SSL_SESSION **session)
{
    struct tls_session *s = tls_session_of(ssl);
    *session = NULL;
    const struct keyring_key *key = keyring_find(&s->tls->keyring, bytes_of(name, size));
    s->knows_no_secret = key == NULL;
    if (key == NULL) {
        return 1;
    }
    memcpy(s->secret, key->name, sizeof s->secret);
    *session = session_of(ssl, key);
    return *session != NULL;
}

static int use_secrets(const struct tls *t, struct made *m, struct errmsg *em)
{
    struct errmsg why = {{0}};
    struct text file = {0};
    enum secret_file_look look = SECRET_FILE_CLOSED;
    int rc = secret_file_read(&file, t->secrets, KEYRING_FILE_MAX, &look, &why);
    if (rc != 0) {
        err_set(em, rc, "%ssecret_file: %.200s", t->prefix, why.text);
    } else {
        rc = keyring_parse(&m->keyring, text_view(&file), bytes_text(t->cluster_name), &why);
        err_set(em, rc, "%ssecret_file: %.100s: %.120s", t->prefix, t->secrets, why.text);
    }
    secret_file_wipe(&file);
    if (rc == 0 && look == SECRET_FILE_READABLE) {
        snprintf(m->warning, sizeof m->warning,
                 "%ssecret_file: %.100s can be read by everybody on this machine; chmod 600",
                 t->prefix, t->secrets);
    }
    if (rc == 0 && SSL_CTX_set_ciphersuites(m->ctx, SECRET_SUITE) != 1) {
        rc = err_set(em, ERR_NOMEM, "OpenSSL lacks %s", SECRET_SUITE);
    }
    SSL_CTX_set_psk_use_session_callback(m->ctx, on_use_secret);
    SSL_CTX_set_psk_find_session_callback(m->ctx, on_find_secret);
    return rc;
}

/* --- certificates ------------------------------------------------------------------------ */

/* `setting` is "tls.cert" and the like; OpenSSL has said why. */
static int bad_file(const struct tls *t, const char *setting, const char *path,
                    struct errmsg *em)
{
    const char *why = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return err_set(em, ERR_MALFORMED, "%s%s: %.120s: %.80s", t->prefix, setting, path,
                   why == NULL ? "cannot be used" : why);
}

/* Nobody is there to be asked. */
static int no_password(char *to, int size, int is_write, void *owner)
{
    (void)to;
    (void)size;
    (void)is_write;
    (void)owner;
    return -1;
}

static void look_at_dates(const struct tls *t, struct made *m, const X509 *certificate)
{
    struct tm end;
    if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end) == 1) {
        time_t at = timegm(&end);
        m->expires_at_s = at > 0 ? (uint64_t)at : 0;
    }
    bool is_over = X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0;
    bool is_early = X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0;
    if (is_over || is_early) {
        snprintf(m->warning, sizeof m->warning, "%stls.cert: %.100s %s", t->prefix, t->cert,
                 is_over ? "has expired" : "is not valid yet");
    }
}

static int use_key(const struct tls *t, struct made *m, struct errmsg *em)
{
    struct errmsg why = {{0}};
    enum secret_file_look look = SECRET_FILE_CLOSED;
    if (secret_file_check(t->key, &look, &why) != 0) {
        return err_set(em, ERR_MALFORMED, "%stls.key: %.200s", t->prefix, why.text);
    }
    if (look == SECRET_FILE_READABLE) {
        snprintf(m->warning, sizeof m->warning,
                 "%stls.key: %.100s can be read by everybody on this machine; chmod 600",
                 t->prefix, t->key);
    }
    SSL_CTX_set_default_passwd_cb(m->ctx, no_password);
    if (SSL_CTX_use_PrivateKey_file(m->ctx, t->key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(m->ctx) != 1) {
        return bad_file(t, "tls.key", t->key, em);
    }
    return 0;
}

static int use_certificate(const struct tls *t, struct made *m, struct errmsg *em)
{
    if (SSL_CTX_use_certificate_chain_file(m->ctx, t->cert) != 1) {
        return bad_file(t, "tls.cert", t->cert, em);
    }
    const X509 *mine = SSL_CTX_get0_certificate(m->ctx);
    int rc = use_key(t, m, em);
    if (rc == 0) {
        look_at_dates(t, m, mine);
    }
    return rc;
}

/* The name counts where RFC 6125 says it does: in the alternative names, whole. */
static int use_authority(const struct tls *t, struct made *m, struct errmsg *em)
{
    const unsigned flags = X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_WILDCARDS;
    if (SSL_CTX_load_verify_file(m->ctx, t->ca) != 1) {
        return bad_file(t, "tls.ca", t->ca, em);
    }
    X509_VERIFY_PARAM *param = SSL_CTX_get0_param(m->ctx);
    X509_VERIFY_PARAM_set_hostflags(param, flags);
    if (X509_VERIFY_PARAM_set1_host(param, t->cluster_name, strlen(t->cluster_name)) != 1) {
        return err_set(em, ERR_NOMEM, "out of memory");
    }
    X509 *mine = SSL_CTX_get0_certificate(m->ctx);
    if (X509_check_host(mine, t->cluster_name, strlen(t->cluster_name), flags, NULL) != 1) {
        return err_set(em, ERR_MALFORMED,
                       "%stls.cert: %.120s is not for the name %.64s; allowed: a certificate "
                       "with subjectAltName DNS:%.64s",
                       t->prefix, t->cert, t->cluster_name, t->cluster_name);
    }
    return 0;
}

/* --- contexts ---------------------------------------------------------------------------- */

/* RFC 7301: who offers only what we do not speak hears so. */
static int on_choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *size,
                              const unsigned char *offered, unsigned offered_size, void *owner)
{
    static const unsigned char ours[] = "\x08http/1.1\x08http/1.0";
    (void)ssl;
    (void)owner;
    unsigned char *chosen;
    if (SSL_select_next_proto(&chosen, size, ours, sizeof ours - 1, offered, offered_size) !=
        OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *context_new(enum tls_use use)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    if (ctx == NULL) {
        return NULL;
    }
    bool for_peers = use == TLS_FOR_PEERS;
    SSL_CTX_set_security_level(ctx, SECURITY_LEVEL);
    SSL_CTX_set_min_proto_version(ctx, for_peers ? TLS1_3_VERSION : TLS1_2_VERSION);
    SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION);
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
                                 SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(ctx, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_num_tickets(ctx, 0);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_max_cert_list(ctx, CERTIFICATES_MAX);
    SSL_CTX_set_read_ahead(ctx, 1);
    if (for_peers) {
        /* Also where secrets are used: whoever answers with a certificate instead is refused,
         * for no authority is known. */
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
        SSL_CTX_set_default_read_buffer_len(ctx, PEER_READ_SIZE);
        SSL_CTX_set_session_id_context(ctx, session_context, sizeof session_context);
    } else {
        SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS); /* most of many connections idle */
        SSL_CTX_set_cipher_list(ctx, CLIENT_SUITES);
        SSL_CTX_set_alpn_select_cb(ctx, on_choose_protocol, NULL);
    }
    return ctx;
}

static int make(const struct tls *t, struct made *m, struct errmsg *em)
{
    *m = (struct made){.ctx = context_new(t->use)};
    ERR_clear_error();
    if (m->ctx == NULL) {
        return err_set(em, ERR_NOMEM, "OpenSSL gave no TLS");
    }
    int rc = t->secrets[0] != '\0' ? use_secrets(t, m, em) : use_certificate(t, m, em);
    if (rc == 0 && t->ca[0] != '\0') {
        rc = use_authority(t, m, em);
    }
    if (rc != 0) {
        SSL_CTX_free(m->ctx);
        keyring_wipe(&m->keyring);
        return rc == ERR_NOMEM ? rc : ERR_MALFORMED;
    }
    return 0;
}

int tls_reload(struct tls *t, struct errmsg *em)
{
    struct made m;
    int rc = make(t, &m, em);
    if (rc != 0) {
        return rc;
    }
    SSL_CTX_free(t->ctx); /* connections have their own reference */
    t->ctx = m.ctx;
    t->keyring = m.keyring;
    t->expires_at_s = m.expires_at_s;
    memcpy(t->warning, m.warning, sizeof t->warning);
    keyring_wipe(&m.keyring);
    return 0;
}

static bool copy(char **to, const char *from)
{
    *to = strdup(from == NULL ? "" : from);
    return *to != NULL;
}

int tls_open(struct tls **out, const struct tls_config *config, struct errmsg *em)
{
    *out = NULL;
    struct tls *t = calloc(1, sizeof *t);
    if (t == NULL) {
        return err_set(em, ERR_NOMEM, "out of memory");
    }
    t->use = config->use;
    t->plain_answer = config->plain_answer;
    t->wire = tls_wire_method();
    bool ok = t->wire != NULL && copy(&t->prefix, config->prefix) &&
              copy(&t->cert, config->cert) && copy(&t->key, config->key) &&
              copy(&t->ca, config->ca) && copy(&t->secrets, config->secrets) &&
              copy(&t->cluster_name, config->cluster_name);
    int rc = ok ? tls_reload(t, em) : err_set(em, ERR_NOMEM, "out of memory");
    if (rc != 0) {
        tls_free(&t);
    }
    *out = t;
    return rc;
}

void tls_free(struct tls **t)
{
    struct tls *mine = *t;
    *t = NULL;
    if (mine == NULL) {
        return;
    }
    SSL_CTX_free(mine->ctx);
    BIO_meth_free(mine->wire);
    keyring_wipe(&mine->keyring);
    free(mine->prefix);
    free(mine->cert);
    free(mine->key);
    free(mine->ca);
    free(mine->secrets);
    free(mine->cluster_name);
    free(mine);
}

const char *tls_warning(const struct tls *t)
{
    return t->warning;
}

uint64_t tls_expires_at_s(const struct tls *t)
{
    return t->expires_at_s;
}

bool tls_counter_at(const struct tls *t, size_t n, const char **name, uint64_t *value)
{
    static const char *const names[TLS_FAILURE_COUNT] = {[TLS_FINE] = "accepted",
#define TLS_FAILURE_NAME(ID, NAME, TEXT) [TLS_##ID] = NAME,
                                                         TLS_FAILURES(TLS_FAILURE_NAME)
#undef TLS_FAILURE_NAME
    };
    if (n >= TLS_FAILURE_COUNT) {
        return false;
    }
    *name = names[n];
    *value = n == TLS_FINE ? t->accepted : t->failures[n];
    return true;
}
