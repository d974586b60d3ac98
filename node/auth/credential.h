/* The keys that a request brings along: Authorization: Bearer (RFC 6750), the same with Basic
 * (RFC 7617: the password is the key, any user name will do; what OpenFaaS's clients send),
 * and x-api-key (Jube's clients). Pure. */
#ifndef NODE_AUTH_CREDENTIAL_H
#define NODE_AUTH_CREDENTIAL_H

#include "base/text.h"
#include "http/http_message.h"

/* The key in one header. False: it is not a header that brings one, or brings none.
 * `scratch` holds what had to be decoded, and `out` may be a view into it. */
bool credential_of(const struct http_header *header, struct text *scratch, struct bytes *out);

/* True for the headers that may bring a key. */
bool credential_is_header(struct bytes name);

#endif
