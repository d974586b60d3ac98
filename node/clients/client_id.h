/* Who a client is, as far as limits go: its key, or its address. Pure.
 *
 * An IPv6 client counts by its /64, for it can have every address of it. What a proxy says of
 * its own client (X-Forwarded-For) is believed only of those that limits.client.trusted names:
 * anybody else could be a new client with each request. */
#ifndef NODE_CLIENTS_CLIENT_ID_H
#define NODE_CLIENTS_CLIENT_ID_H

#include "core/webhook_address.h"

enum client_kind { CLIENT_ADDRESS, CLIENT_KEY };

struct client_id {
    uint8_t at[16];
    enum client_kind kind;
};

/* Networks of proxies; the owner's. */
struct client_trust {
    struct webhook_network *at;
    size_t count;
};

struct client_id client_id_of_address(const struct webhook_address *a);

/* `name` says which key it is, and is no secret. Two of 2^64 names may be taken for one. */
struct client_id client_id_of_key(struct bytes name);

/* An address as sockets and proxies print it: 1.2.3.4, 1.2.3.4:80, 2001:db8::1,
 * [2001:db8::1], [2001:db8::1]:80. False: it is none. */
bool client_address_read(struct webhook_address *out, struct bytes text);

/* One step back on the way that a request took: the last address of `*forwarded`, the value of
 * X-Forwarded-For, is cut off there and put into `a`, if `a` is a trusted proxy. False: `a` is
 * the client, as far as anybody knows; what is left in `*forwarded` is not to be believed. */
bool client_step_back(struct webhook_address *a, struct bytes *forwarded,
                      const struct client_trust *trust);

#endif
