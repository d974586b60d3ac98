/* The request headers that every dialect understands on an invocation (API.md sections 3 and
 * 7). Each reader returns NULL, or what is wrong and what is allowed, as static text. */
#ifndef NODE_DIALECTS_INVOKE_OPTIONS_H
#define NODE_DIALECTS_INVOKE_OPTIONS_H

#include "dialects/dialect.h"

/* Fills mode-independent fields of `out`: Idempotency-Key, X-Deadline-Ms, and, unless the
 * answer goes out on this very connection (INVOKE_SYNC), X-Callback-Url. */
const char *invoke_options_read(const struct dialect_config *config,
                                const struct http_request *in, struct op_invoke *out);

/* Idempotency-Key: a structured-field string or a bare token (draft-ietf-httpapi-
 * idempotency-key-header 2.1), at most 255 characters. Empty: there is none. */
const char *idempotency_key_read(const struct http_request *in, struct bytes *out);

/* Claim-Token: 1 to 64 visible characters. Empty: there is none. */
const char *claim_token_read(const struct http_request *in, struct bytes *out);

/* X-Call-Id, X-Inference-Id: an id that the client chose, 1 to 255 visible characters or
 * spaces. Empty: it chose none. */
const char *chosen_id_read(const struct http_request *in, const char *header,
                           struct bytes *out);

/* The wait of a collect: ?wait=MS, else Prefer: wait=SECONDS, else OP_WAIT_DEFAULT. */
const char *collect_wait_read(const struct dialect_config *config,
                              const struct http_request *in, uint64_t *out);

#endif
