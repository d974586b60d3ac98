/* Names to addresses, without blocking the loop: the system's resolver in libuv's worker
 * threads. Remembers nothing; how often to ask is the caller's business. */
#ifndef NODE_IO_DNS_H
#define NODE_IO_DNS_H

#include "io/address.h"
#include "io/loop.h"

#define DNS_ADDRESSES_MAX 64u /* of one name; more are not looked at */

struct dns_lookup;

struct dns_events {
    /* Once, unless cancelled; the lookup is gone then. `rc` 0: at least one address, borrowed
     * for this call. ERR_NOTFOUND: the name has none, or does not exist. ERR_IO: the resolver
     * did not answer; ask again later. */
    void (*on_found)(void *owner, int rc, const union address *found, size_t count);
    void *owner;
};

/* Looks `host` up. The answer comes on a later turn. ERR_NOMEM; ERR_MALFORMED: no host name. */
int dns_lookup_start(struct dns_lookup **out, struct loop *l, struct bytes host, uint16_t port,
                     const struct dns_events *events);

/* No answer is wanted any more. The thread may still be busy: loop_run() ends after it. */
void dns_lookup_cancel(struct dns_lookup **lookup); /* accepts a pointer to NULL */

/* Has the resolver give up after about two seconds a server instead of ten or more, unless
 * RES_OPTIONS says something already: a node that ends must not wait for a dead resolver.
 * Before any thread exists. */
void dns_limit_waiting(void);

#endif
