/* The few cryptographic primitives that we need ourselves, all OpenSSL's: for signing webhooks
 * (Standard Webhooks 1.0.0) and for comparing secrets. Pure functions; no key is kept. */
#ifndef NODE_CRYPTO_CRYPTO_H
#define NODE_CRYPTO_CRYPTO_H

#include "base/bytes.h"
#include "base/err.h"
#include "base/text.h"

#define CRYPTO_SHA256_SIZE 32 /* bytes */

/* SHA-256 (FIPS 180-4). ERR_NOMEM: the library has no memory. */
int crypto_sha256(uint8_t out[CRYPTO_SHA256_SIZE], struct bytes in);

/* Random bytes that nobody can guess. ERR_IO: the system has none. */
int crypto_random(uint8_t *out, size_t size);

/* Whether two secrets are the same, in a time that tells nothing about where they differ. */
bool crypto_equal(const uint8_t *a, const uint8_t *b, size_t size);

/* HMAC-SHA256 (RFC 2104) over the parts, one after the other. ERR_NOMEM: the library has no
 * memory; nothing can be signed. */
int crypto_hmac_sha256(uint8_t out[CRYPTO_SHA256_SIZE], struct bytes key,
                       const struct bytes *parts, size_t count);

/* HKDF-SHA256 (RFC 5869): `size` bytes of key material that belong to `salt` and `purpose`; who
 * knows them learns nothing of `secret`. ERR_NOMEM: the library has no memory. */
int crypto_hkdf_sha256(uint8_t *out, size_t size, struct bytes secret, struct bytes salt,
                       struct bytes purpose);

/* Appends `b` in base64 with padding (RFC 4648 section 4). */
void crypto_add_base64(struct text *out, struct bytes b);

/* Appends what `text` encodes. ERR_MALFORMED: not base64 with padding. */
int crypto_add_decoded(struct text *out, struct bytes text);

#endif
