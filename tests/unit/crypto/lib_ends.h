/* Two ends of a TLS connection in one process, without a socket. */
#ifndef LIB_ENDS_H
#define LIB_ENDS_H

#include "lib_certs.h"

#include "base/text.h"
#include "crypto/tls.h"

#define FLIGHTS_MAX 10

/* One end. What it seals lies in `sent` until the other end pulls it. */
struct end {
    struct tls *tls;
    struct tls_session *session;
    struct text sent;
    size_t pulled;
    struct end *other;
    size_t room;   /* bytes that may wait in `sent`; 0: any number */
    bool hangs_up; /* the other end finds the connection closed after what was sent */
    int rc;        /* of the handshake */
};

struct tls *peer_with_secrets(const char *file, const char *cluster_name);
struct tls *peer_with_certificate(const char *name);
int open_with_certificate(struct tls **out, enum tls_use use, const char *name,
                          struct errmsg *em);

void end_open(struct end *e, struct end *other, struct tls *t, bool dials);
void end_close(struct end *e, bool frees);

/* Both ends in turn until neither has anything to do. */
void ends_shake(struct end *a, struct end *b);

void ends_connect(struct end *a, struct end *b, struct tls *dials, struct tls *accepts);
void ends_close(struct end *a, struct end *b);

#endif
