/* Where a webhook may go (API.md section 7), as far as the text of its URL tells.
 *
 * A URL is taken apart strictly, and a host that is an internal address is recognised however
 * it is spelled. Names are not resolved here: whoever connects asks
 * webhook_address_is_allowed() again for each address that a name leads to. Pure: no socket, no
 * resolver. Everything returned is borrowed from the text.
 */
#ifndef NODE_CORE_WEBHOOK_URL_H
#define NODE_CORE_WEBHOOK_URL_H

#include "base/bytes.h"

/* An address as 16 bytes; IPv4 as IPv4-mapped IPv6 (::ffff:a.b.c.d). */
struct webhook_address {
    uint8_t at[16];
};

enum webhook_host_kind {
    WEBHOOK_HOST_NAME,    /* to be resolved */
    WEBHOOK_HOST_ADDRESS, /* `address` counts */
};

struct webhook_url {
    bool is_https;
    struct bytes host; /* as written, IPv6 without its brackets */
    enum webhook_host_kind kind;
    struct webhook_address address;
    uint16_t port;
    struct bytes origin; /* scheme, host and port, as written */
    struct bytes target; /* path and query, may be empty; never a fragment */
};

/* What may be internal all the same (webhook.allow): addresses, networks, host names.
 * Borrowed from the configuration. */
struct webhook_allow {
    const struct bytes *items;
    size_t count;
};

/* Takes an absolute http or https URL apart (RFC 3986; RFC 9110 4.2). NULL when it is one, else
 * what is wrong, as static text for people. */
const char *webhook_url_parse(struct webhook_url *out, struct bytes text);

/* NULL when the URL is well-formed and its host is a name, an outside address, or one that
 * `allow` (may be NULL) names; else what is wrong, as static text. */
const char *webhook_url_fault(struct bytes text, const struct webhook_allow *allow);

/* Four or sixteen bytes in network order, as a resolver gives them. */
struct webhook_address webhook_address_of(const uint8_t *at, size_t size);

/* True for whatever is not the public internet: loopback, link-local, private, shared (RFC
 * 6598), unspecified, multicast, broadcast, benchmark, documentation and other reserved
 * ranges, and IPv6 that carries such an IPv4 address inside (mapped, compatible, NAT64, 6to4,
 * Teredo). */
bool webhook_address_is_internal(const struct webhook_address *a);

/* May a webhook go to this address, which `host` (a name, or empty) led to? */
bool webhook_address_is_allowed(const struct webhook_address *a, struct bytes host,
                                const struct webhook_allow *allow);

/* True when `text` can stand in webhook.allow: an address, NETWORK/BITS, or a host name. */
bool webhook_allow_is_valid(struct bytes text);

#endif
