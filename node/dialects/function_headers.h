/* The headers that a function is given with a request: all end-to-end ones as the client
 * wrote them (API.md section 2), without those that end here. */
#ifndef NODE_DIALECTS_FUNCTION_HEADERS_H
#define NODE_DIALECTS_FUNCTION_HEADERS_H

#include "dialects/dialect.h"

/* Which preferences (RFC 7240) end here. */
enum prefer_use {
    PREFER_NOT_OURS,     /* none was honoured: all are passed on */
    PREFER_HONOURED,     /* respond-async and wait were; a function must not answer 202 again */
    PREFER_USED_UP,      /* likewise, and there were no others */
    PREFER_FOR_FUNCTION, /* Verda's respond-async-*: the function gets respond-async */
};

/* Adds "Name: value\r\n"... to `out`. Left out: hop-by-hop headers, Host, Content-Length and
 * Expect (they belong to this connection), and those that whoever calls the function sets
 * itself: X-Call-Id, Idempotency-Key, X-Attempt; and, unless `function` takes them
 * (functions.NAME.forward_credentials), what proves who the client is: Authorization, Cookie,
 * x-api-key. What is left out here is nowhere stored. X-Forwarded-For gets the peer appended;
 * X-Forwarded-Host and -Proto are kept as a load balancer set them, else added. */
void function_headers_add(struct text *out, const struct dialect_config *config,
                          const struct http_request *in, struct bytes function,
                          enum prefer_use prefer);

#endif
