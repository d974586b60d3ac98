#include "crypto/keyring.h"

#include "crypto/crypto.h"
#include "crypto/secret_file.h"

#define KEY_PURPOSE  "callbackd cluster link, key 1"
#define NAME_PURPOSE "callbackd cluster link, name of the key 1"

static int derive(struct keyring_key *out, struct bytes secret, struct bytes cluster_name)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t name[KEYRING_NAME_SIZE / 2];
    int rc = crypto_hkdf_sha256(out->key, sizeof out->key, secret, cluster_name,
                                bytes_text(KEY_PURPOSE));
    if (rc == 0) {
        rc = crypto_hkdf_sha256(name, sizeof name, secret, cluster_name,
                                bytes_text(NAME_PURPOSE));
    }
    for (size_t i = 0; rc == 0 && i < sizeof name; i++) {
        out->name[2 * i] = digits[name[i] >> 4];
        out->name[2 * i + 1] = digits[name[i] & 15];
    }
    return rc;
}

static int add(struct keyring *k, unsigned line, struct bytes secret, struct bytes cluster_name,
               struct errmsg *em)
{
    if (!bytes_is_visible(secret)) {
        return err_set(em, ERR_MALFORMED,
                       "line %u: a space, or a byte that is no visible character; allowed: "
                       "what `openssl rand -base64 32` prints",
                       line);
    }
    if (secret.size < KEYRING_SECRET_MIN || secret.size > KEYRING_SECRET_MAX) {
        return err_set(em, ERR_MALFORMED,
                       "line %u: a secret of %zu characters; allowed: %u to %u, such as "
                       "`openssl rand -base64 32` prints",
                       line, secret.size, KEYRING_SECRET_MIN, KEYRING_SECRET_MAX);
    }
    if (k->count == KEYRING_MAX) {
        return err_set(em, ERR_MALFORMED, "line %u: more than %u secrets", line, KEYRING_MAX);
    }
    struct keyring_key *key = &k->keys[k->count];
    if (derive(key, secret, cluster_name) != 0) {
        return err_set(em, ERR_NOMEM, "out of memory");
    }
    if (keyring_find(k, bytes_of(key->name, sizeof key->name)) != NULL) {
        return err_set(em, ERR_MALFORMED, "line %u: that secret stands there already", line);
    }
    k->count++;
    return 0;
}

int keyring_parse(struct keyring *out, struct bytes text, struct bytes cluster_name,
                  struct errmsg *em)
{
    *out = (struct keyring){.count = 0};
    unsigned line = 0;
    struct bytes secret;
    while ((secret = secret_file_line(&text, &line)).size > 0) {
        int rc = add(out, line, secret, cluster_name, em);
        if (rc != 0) {
            keyring_wipe(out);
            return rc;
        }
    }
    return out->count > 0 ? 0 : err_set(em, ERR_MALFORMED, "no secret in it");
}

const struct keyring_key *keyring_find(const struct keyring *k, struct bytes name)
{
    for (size_t i = 0; i < k->count; i++) {
        if (bytes_equal(bytes_of(k->keys[i].name, sizeof k->keys[i].name), name)) {
            return &k->keys[i];
        }
    }
    return NULL;
}

void keyring_wipe(struct keyring *k)
{
    explicit_bzero(k, sizeof *k);
}
