/* What tls.c and tls_session.c share. */
#ifndef NODE_CRYPTO_TLS_INNER_H
#define NODE_CRYPTO_TLS_INNER_H

#include "crypto/keyring.h"
#include "crypto/tls.h"

#include <openssl/ssl.h>

struct tls {
    enum tls_use use;
    char *prefix, *cert, *key, *ca, *secrets, *cluster_name; /* empty: not used */
    const char *plain_answer;                                /* NULL: none */
    SSL_CTX *ctx;
    BIO_METHOD *wire;
    struct keyring keyring; /* empty without `secrets` */
    uint64_t expires_at_s;
    uint64_t accepted, failures[TLS_FAILURE_COUNT];
    char warning[256];
};

struct tls_session {
    struct tls *tls;
    SSL *ssl;
    struct tls_wire wire;
    enum tls_failure failure;
    int broken;       /* what reading says from now on; 0: nothing yet */
    int wire_end;     /* what pull() said at its end; 0: it has not ended */
    unsigned records; /* written since the keys were renewed */
    bool has_begun, is_open, is_dry;
    bool has_pulled, begins_as_tls; /* whether the first byte pulled was that of a record */
    bool knows_no_secret;           /* the other side named a secret that is not ours */
    char secret[KEYRING_NAME_SIZE]; /* the name of the one that was agreed on */
};

/* The methods of the BIO between a session and its wire. NULL: out of memory. */
BIO_METHOD *tls_wire_method(void);

/* Of the connection that OpenSSL calls back about. */
struct tls_session *tls_session_of(SSL *ssl);

#endif
