/* TLS as OpenSSL does it, without a socket: what a node shows and accepts (struct tls), and one
 * connection as a function of bytes (struct tls_session). Who owns a session moves the sealed
 * bytes and says when it took too long; sessions of both sides can be tried in one process.
 *
 *   TLS_FOR_CLIENTS  HTTPS: TLS 1.2 and 1.3, our certificate, ALPN http/1.1 and 1.0, no tickets
 *   TLS_FOR_PEERS    the cluster's links: TLS 1.3 only, both sides prove themselves, with one
 *                    of the keyring's secrets (external PSK, RFC 8446 4.2.11, always with a
 *                    fresh key exchange: psk_dhe_ke), or with certificates that one authority
 *                    signed for the cluster's name. No 0-RTT, no tickets
 *
 * Files are read by tls_open() and tls_reload() only. Single-threaded. */
#ifndef NODE_CRYPTO_TLS_H
#define NODE_CRYPTO_TLS_H

#include "base/bytes.h"
#include "base/err.h"

struct tls;
struct tls_session;

enum tls_use { TLS_FOR_CLIENTS, TLS_FOR_PEERS };

/* Why a connection did not come to be, or broke. NAME for metrics, TEXT for the log: it
 * follows "peer A was refused: ". */
#define TLS_FAILURES(X)                                                                        \
    X(PLAIN, "plain-text", "it does not speak TLS")                                            \
    X(VERSION, "version", "no common version of TLS; allowed: 1.3 between nodes")              \
    X(SECRET, "secret", "it has no secret of this keyring for this cluster.name")              \
    X(MISSING, "certificate-missing", "it showed no certificate")                              \
    X(EXPIRED, "certificate-expired", "its certificate has expired, or is not valid yet")      \
    X(FOREIGN, "certificate-foreign", "cluster.tls.ca has not signed its certificate")         \
    X(NAME, "certificate-name", "its certificate is for another name than cluster.name")       \
    X(REJECTED, "rejected-by-peer", "the other side refused the TLS handshake")                \
    X(ENDED, "ended", "the other side ended the connection during the TLS handshake")          \
    X(UNFINISHED, "unfinished", "the TLS handshake took too long")                             \
    X(MALFORMED, "malformed", "what it sent is no TLS as it should be")

enum tls_failure {
    TLS_FINE,
#define TLS_FAILURE_ENUM(ID, NAME, TEXT) TLS_##ID,
    TLS_FAILURES(TLS_FAILURE_ENUM)
#undef TLS_FAILURE_ENUM
        TLS_FAILURE_COUNT
};

/* Paths are copied; NULL or empty: not used. Either `secrets`, or `cert` and `key`; for peers
 * `ca` as well. `prefix` is what stands before "tls.cert" in the settings' names. */
struct tls_config {
    enum tls_use use;
    const char *prefix;
    const char *cert, *key, *ca, *secrets;
    const char *cluster_name; /* for peers */
    /* For clients: what one that speaks plain text is told, in plain text; static, or NULL. */
    const char *plain_answer;
};

/* ERR_MALFORMED: a file that cannot be used; `em` says which, and why. ERR_NOMEM. */
int tls_open(struct tls **out, const struct tls_config *config, struct errmsg *em);

/* Reads the files again: for connections from now on; of the older ones
 * tls_session_is_trusted() tells who would not be let in any more. An error leaves all as it
 * was. */
int tls_reload(struct tls *t, struct errmsg *em);

/* After its sessions. Accepts a pointer to NULL. */
void tls_free(struct tls **t);

/* What a person should look at in the files that were read last, or an empty text. */
const char *tls_warning(const struct tls *t);

/* When our certificate ends, seconds since 1970; 0: there is none. */
uint64_t tls_expires_at_s(const struct tls *t);

/* The n-th of the counters, with its name, which is static: "accepted", then the failures.
 * False: there are no more. */
bool tls_counter_at(const struct tls *t, size_t n, const char **name, uint64_t *value);

/* --- one connection ---------------------------------------------------------------------- */

/* How sealed bytes move; called from inside the functions below. */
struct tls_wire {
    /* 0 and *got: what there is; 0 bytes: nothing now. ERR_CLOSED: the end. ERR_IO: broken. */
    int (*pull)(void *owner, uint8_t *to, size_t size, size_t *got);
    /* Keeps the bytes for sending. False: no memory, which ends the connection. */
    bool (*push)(void *owner, struct bytes sealed);
    void *owner;
};

#define TLS_RECORD_MAX 16384u /* bytes of one record (RFC 8446 5.1) */

/* `dials`: we are the side that connected. ERR_NOMEM. */
int tls_session_new(struct tls_session **out, struct tls *t, bool dials,
                    const struct tls_wire *wire);

enum { TLS_WAITS = 1 };

/* 0: done, bytes may be read and written. TLS_WAITS: for more from the other side; again when
 * there is more to pull. ERR_REFUSED: see tls_session_failure(). What was pushed is worth
 * sending in any case: it tells the other side why. */
int tls_session_shake(struct tls_session *s);

bool tls_session_is_open(const struct tls_session *s);

/* Whether the files as they were read last still let a peer in that has proven itself: its
 * secret stands in the keyring, or its certificate is good for the authorities. True before the
 * handshake is done. */
bool tls_session_is_trusted(const struct tls_session *s);

/* As tls_wire.pull(), of opened bytes. When less came than was asked for, there may be more:
 * only *got of 0 says that there is nothing now. */
int tls_session_read(struct tls_session *s, uint8_t *to, size_t size, size_t *got);

/* False: the last read ended before everything pulled was given out; so read again without
 * waiting for the wire. */
bool tls_session_is_dry(const struct tls_session *s);

/* True: it has pulled bytes that no read has given out, perhaps less than a record. */
bool tls_session_holds(const struct tls_session *s);

/* Seals everything into pushes. ERR_IO: broken. */
int tls_session_write(struct tls_session *s, struct bytes plain);

/* Pushes the word that nothing more comes; a handshake that is not done yet is given up. */
void tls_session_end(struct tls_session *s);

/* Why it failed, and the same for people, static; TLS_FINE and NULL while it has not. */
enum tls_failure tls_session_failure(const struct tls_session *s);
const char *tls_session_explain(const struct tls_session *s);

void tls_session_free(struct tls_session **s); /* accepts a pointer to NULL */

#endif
