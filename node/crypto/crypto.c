#include "crypto/crypto.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>

int crypto_sha256(uint8_t out[CRYPTO_SHA256_SIZE], struct bytes in)
{
    unsigned size = 0;
    bool ok = EVP_Digest(in.at, in.size, out, &size, EVP_sha256(), NULL) == 1;
    return ok && size == CRYPTO_SHA256_SIZE ? 0 : ERR_NOMEM;
}

int crypto_random(uint8_t *out, size_t size)
{
    return RAND_bytes(out, (int)size) == 1 ? 0 : ERR_IO;
}

bool crypto_equal(const uint8_t *a, const uint8_t *b, size_t size)
{
    return CRYPTO_memcmp(a, b, size) == 0;
}

int crypto_hmac_sha256(uint8_t out[CRYPTO_SHA256_SIZE], struct bytes key,
                       const struct bytes *parts, size_t count)
{
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string("digest", digest, 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *ctx = mac == NULL ? NULL : EVP_MAC_CTX_new(mac);
    size_t size = 0;
    bool ok = ctx != NULL && EVP_MAC_init(ctx, key.at, key.size, params) == 1;
    for (size_t i = 0; i < count && ok; i++) {
        ok = parts[i].size == 0 || EVP_MAC_update(ctx, parts[i].at, parts[i].size) == 1;
    }
    ok = ok && EVP_MAC_final(ctx, out, &size, CRYPTO_SHA256_SIZE) == 1;
    EVP_MAC_CTX_free(ctx);
    EVP_MAC_free(mac);
    return ok && size == CRYPTO_SHA256_SIZE ? 0 : ERR_NOMEM;
}

static OSSL_PARAM octets(const char *name, struct bytes b)
{
    return OSSL_PARAM_construct_octet_string(name, (void *)(uintptr_t)b.at, b.size);
}

int crypto_hkdf_sha256(uint8_t *out, size_t size, struct bytes secret, struct bytes salt,
                       struct bytes purpose)
{
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string("digest", digest, 0),
        octets("key", secret),
        octets("salt", salt),
        octets("info", purpose),
        OSSL_PARAM_construct_end(),
    };
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *ctx = kdf == NULL ? NULL : EVP_KDF_CTX_new(kdf);
    bool ok = ctx != NULL && EVP_KDF_derive(ctx, out, size, params) == 1;
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    return ok ? 0 : ERR_NOMEM;
}

void crypto_add_base64(struct text *out, struct bytes b)
{
    size_t size = (b.size + 2) / 3 * 4;
    char *to = text_reserve(out, size + 1); /* the encoder ends with a zero */
    if (to != NULL) {
        EVP_EncodeBlock((unsigned char *)to, b.at, (int)b.size);
        text_commit(out, size);
    }
}

int crypto_add_decoded(struct text *out, struct bytes text)
{
    if (text.size == 0 || text.size % 4 != 0) {
        return ERR_MALFORMED;
    }
    char *to = text_reserve(out, text.size / 4 * 3);
    if (to == NULL) {
        return ERR_NOMEM;
    }
    int size = EVP_DecodeBlock((unsigned char *)to, text.at, (int)text.size);
    if (size < 0) {
        return ERR_MALFORMED;
    }
    /* The decoder counts what the padding stands for. */
    size -= text.at[text.size - 1] == '=';
    size -= text.at[text.size - 2] == '=';
    text_commit(out, (size_t)size);
    return 0;
}
