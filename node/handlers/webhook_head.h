/* The header lines of one webhook (API.md section 7): those of the function, and above them
 * ours, which the function cannot forge. Pure: the time and the keys are given. */
#ifndef NODE_HANDLERS_WEBHOOK_HEAD_H
#define NODE_HANDLERS_WEBHOOK_HEAD_H

#include "core/webhook.h"
#include "handlers/webhook_signature.h"

/* Appends "Name: value\r\n" lines; with keys, those of Standard Webhooks for the time `now_s`.
 * Framing and Host are left to whoever sends. Lack of memory stays in `out`; ERR_NOMEM also
 * when the signature cannot be made: an unsigned webhook must not leave. */
int webhook_head(struct text *out, const struct webhook_attempt *a,
                 const struct webhook_keys *keys, uint64_t now_s);

#endif
