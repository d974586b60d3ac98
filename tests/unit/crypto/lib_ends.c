#include "lib_ends.h"

#include <stdio.h>

static int pull(void *owner, uint8_t *to, size_t size, size_t *got)
{
    struct end *from = ((struct end *)owner)->other;
    size_t left = from->sent.size - from->pulled;
    *got = left < size ? left : size;
    if (*got == 0) {
        return from->hangs_up ? ERR_CLOSED : 0;
    }
    memcpy(to, from->sent.at + from->pulled, *got);
    from->pulled += *got;
    return 0;
}

static bool push(void *owner, struct bytes sealed)
{
    struct end *e = owner;
    if (e->room > 0 && e->sent.size - e->pulled + sealed.size > e->room) {
        return false;
    }
    text_add(&e->sent, sealed);
    return true;
}

struct tls *peer_with_secrets(const char *file, const char *cluster_name)
{
    struct errmsg em = {{0}};
    struct tls *t;
    const struct tls_config config = {.use = TLS_FOR_PEERS,
                                      .prefix = "cluster.",
                                      .secrets = certs_path(file),
                                      .cluster_name = cluster_name};
    assert_int_equal(tls_open(&t, &config, &em), 0);
    return t;
}

int open_with_certificate(struct tls **out, enum tls_use use, const char *name,
                          struct errmsg *em)
{
    char cert[64], key[64];
    snprintf(cert, sizeof cert, "%s.pem", name);
    snprintf(key, sizeof key, "%s.key", name);
    bool for_peers = use == TLS_FOR_PEERS;
    const char *ca = strcmp(name, "foreign") == 0 ? "other-ca.pem" : "ca.pem";
    const struct tls_config config = {.use = use,
                                      .prefix = for_peers ? "cluster." : "",
                                      .cert = certs_path(cert),
                                      .key = certs_path(key),
                                      .ca = for_peers ? certs_path(ca) : NULL,
                                      .cluster_name =
                                          strcmp(name, "named") == 0 ? "another" : "callbackd"};
    return tls_open(out, &config, em);
}

struct tls *peer_with_certificate(const char *name)
{
    struct errmsg em = {{0}};
    struct tls *t;
    assert_int_equal(open_with_certificate(&t, TLS_FOR_PEERS, name, &em), 0);
    return t;
}

void end_open(struct end *e, struct end *other, struct tls *t, bool dials)
{
    const struct tls_wire wire = {pull, push, e};
    *e = (struct end){.tls = t, .other = other, .rc = TLS_WAITS};
    assert_int_equal(tls_session_new(&e->session, t, dials, &wire), 0);
}

void ends_shake(struct end *a, struct end *b)
{
    for (int i = 0; i < FLIGHTS_MAX; i++) {
        a->rc = tls_session_shake(a->session);
        b->rc = tls_session_shake(b->session);
    }
}

void ends_connect(struct end *a, struct end *b, struct tls *dials, struct tls *accepts)
{
    end_open(a, b, dials, true);
    end_open(b, a, accepts, false);
    ends_shake(a, b);
}

void end_close(struct end *e, bool frees)
{
    tls_session_free(&e->session);
    text_fini(&e->sent);
    if (frees) {
        tls_free(&e->tls);
    }
}

void ends_close(struct end *a, struct end *b)
{
    end_close(a, true);
    end_close(b, true);
}
