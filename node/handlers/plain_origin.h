/* Where a plain client connects to: host and port as they are written, and the addresses that
 * the name has had lately. Resolves nothing and opens nothing; times are the loop's. */
#ifndef NODE_HANDLERS_PLAIN_ORIGIN_H
#define NODE_HANDLERS_PLAIN_ORIGIN_H

#include "base/err.h"
#include "io/address.h"

#define PLAIN_ORIGIN_NAME_MS       10000u /* a name's addresses are believed for so long */
#define PLAIN_ORIGIN_ADDRESSES_MAX 8u     /* of one name; more are not tried */

/* Public only so that its owner can embed it. */
struct plain_origin {
    char *authority;   /* "host[:port]" as Host says it */
    struct bytes host; /* in `authority`, without brackets */
    uint16_t port;
    union address addresses[PLAIN_ORIGIN_ADDRESSES_MAX];
    size_t address_count;
    uint64_t known_until_ms; /* UINT64_MAX: a literal */
};

/* ERR_MALFORMED: no host[:port]; ERR_NOMEM. `em` says it. */
int plain_origin_init(struct plain_origin *o, struct bytes authority, struct errmsg *em);
void plain_origin_fini(struct plain_origin *o);

/* False: the name must be looked up first. */
bool plain_origin_is_known(const struct plain_origin *o, uint64_t now_ms);

/* What the lookup found. */
void plain_origin_learn(struct plain_origin *o, const union address *found, size_t count,
                        uint64_t now_ms);

#endif
