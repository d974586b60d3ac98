/* The few cryptographic primitives that we need ourselves, all OpenSSL's: for signing webhooks
 * (Standard Webhooks 1.0.0) and for comparing secrets. Pure functions; no key is kept. */
#ifndef NODE_IO_CRYPTO_H
#define NODE_IO_CRYPTO_H

#include "base/bytes.h"
#include "base/err.h"
#include "base/text.h"

#define CRYPTO_SHA256_SIZE 32 /* bytes */

/* HMAC-SHA256 (RFC 2104) over the parts, one after the other. ERR_NOMEM: the library has no
 * memory; nothing can be signed. */
int crypto_hmac_sha256(uint8_t out[CRYPTO_SHA256_SIZE], struct bytes key,
                       const struct bytes *parts, size_t count);

/* Appends `b` in base64 with padding (RFC 4648 section 4). */
void crypto_add_base64(struct text *out, struct bytes b);

/* Appends what `text` encodes. ERR_MALFORMED: not base64 with padding. */
int crypto_add_decoded(struct text *out, struct bytes text);

#endif
