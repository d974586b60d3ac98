/* What an upstream is told and what of its answer is kept: which header lines pass, in both
 * directions. Pure: no connection, no libcurl, so that any client can stand behind it. */
#ifndef NODE_HANDLERS_HTTP_PASS_H
#define NODE_HANDLERS_HTTP_PASS_H

#include "base/text.h"
#include "handlers/handler.h"

/* Appends the request's end-to-end headers, and then our own: X-Call-Id, Idempotency-Key,
 * X-Attempt, X-Forwarded-For/-Host/-Proto (API.md 2), which replace the client's. Host is left
 * to whoever connects. */
void http_pass_request(struct text *out, const struct execution *x);

/* Appends path and query for the upstream: its own base path, the sub-path and the raw query,
 * unchanged. Never empty. */
void http_pass_target(struct text *out, struct bytes base_path, const struct request_view *v);

/* Appends the end-to-end headers of an upstream's answer, one "Name: value\r\n" each. Framing
 * and hop-by-hop headers are left out (RFC 9110 7.6.1), and so are Date, which whoever hands
 * the callback over says anew, and lines that are no header. */
void http_pass_answer(struct text *out, struct bytes headers);

#endif
