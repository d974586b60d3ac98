#include "handlers/webhook_signature.h"

#include "crypto/crypto.h"
#include "crypto/secret_file.h"

static int add_key(struct webhook_keys *keys, struct bytes line, unsigned number,
                   struct errmsg *em)
{
    struct text decoded = {0};
    if (keys->count == WEBHOOK_KEYS_MAX) {
        return err_set(em, ERR_MALFORMED, "line %u: more than %u keys", number,
                       WEBHOOK_KEYS_MAX);
    }
    if (!bytes_cut_front(&line, "whsec_") || crypto_add_decoded(&decoded, line) != 0) {
        text_fini(&decoded);
        return err_set(em, ERR_MALFORMED, "line %u: a key is whsec_ and base64", number);
    }
    struct bytes key = text_view(&decoded);
    bool fits = key.size >= WEBHOOK_KEY_SIZE_MIN && key.size <= WEBHOOK_KEY_SIZE_MAX;
    if (fits) {
        memcpy(keys->key[keys->count].at, key.at, key.size);
        keys->key[keys->count].size = key.size;
        keys->count++;
    }
    text_fini(&decoded);
    return fits ? 0
                : err_set(em, ERR_MALFORMED, "line %u: a key has %u to %u bytes", number,
                          WEBHOOK_KEY_SIZE_MIN, WEBHOOK_KEY_SIZE_MAX);
}

int webhook_keys_parse(struct webhook_keys *out, struct bytes text, struct errmsg *em)
{
    *out = (struct webhook_keys){0};
    unsigned number = 0;
    struct bytes line;
    while ((line = secret_file_line(&text, &number)).size > 0) {
        int rc = add_key(out, line, number, em);
        if (rc != 0) {
            return rc;
        }
    }
    return out->count > 0 ? 0 : err_set(em, ERR_MALFORMED, "it holds no key");
}

int webhook_sign(struct text *out, const struct webhook_keys *keys, struct bytes id,
                 struct bytes timestamp, struct bytes body)
{
    const struct bytes parts[] = {id, bytes_text("."), timestamp, bytes_text("."), body};
    for (size_t i = 0; i < keys->count; i++) {
        uint8_t mac[CRYPTO_SHA256_SIZE];
        int rc =
            crypto_hmac_sha256(mac, bytes_of(keys->key[i].at, keys->key[i].size), parts, 5);
        if (rc != 0) {
            return rc;
        }
        text_add_str(out, i == 0 ? "v1," : " v1,");
        crypto_add_base64(out, bytes_of(mac, sizeof mac));
    }
    return text_failed(out) ? ERR_NOMEM : 0;
}
