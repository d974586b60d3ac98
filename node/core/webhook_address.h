/* Addresses and networks as text, in every spelling that some resolver takes. For
 * webhook_url.c, see there, and for who a client is (clients/client_id.h). */
#ifndef NODE_CORE_WEBHOOK_ADDRESS_H
#define NODE_CORE_WEBHOOK_ADDRESS_H

#include "core/webhook_url.h"

/* One to four parts, each decimal, octal (0...) or hexadecimal (0x...), the last one filling
 * what is left, as inet_aton() reads it: 127.0.0.1, 127.1, 0x7f000001, 017700000001. */
bool webhook_address_read_v4(struct webhook_address *out, struct bytes text);

/* RFC 4291 2.2, without brackets; no zone. */
bool webhook_address_read_v6(struct webhook_address *out, struct bytes text);

struct webhook_network {
    struct webhook_address address;
    uint32_t bits; /* of 128 */
};

/* ADDRESS or ADDRESS/BITS. */
bool webhook_network_read(struct webhook_network *out, struct bytes text);
bool webhook_network_has(const struct webhook_network *n, const struct webhook_address *a);

#endif
