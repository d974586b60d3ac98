#include "auth/keys.h"

#include "config/keys_file.h"
#include "crypto/crypto.h"

#include "base/hash.h"

#include <assert.h>
#include <stdlib.h>

struct keys {
    uint32_t refs;
    uint64_t seed;
    struct keys_file file;
    struct caller *callers;  /* parallel to file.at */
    struct bytes *functions; /* of all callers, one after the other */
    uint32_t *slots;         /* open addressing; index + 1 */
    uint32_t slot_count;     /* a power of two, more than half of them free */
};

static uint32_t slot_of(const struct keys *k, const uint8_t digest[CRYPTO_SHA256_SIZE])
{
    return (uint32_t)hash_bytes(bytes_of(digest, CRYPTO_SHA256_SIZE), k->seed) &
           (k->slot_count - 1);
}

static void add_slot(struct keys *k, uint32_t index)
{
    uint32_t i = slot_of(k, k->file.at[index].digest);
    while (k->slots[i] != 0) {
        i = (i + 1) & (k->slot_count - 1);
    }
    k->slots[i] = index + 1;
}

static void fill_caller(struct caller *c, const struct keys_file_entry *e,
                        struct bytes *functions)
{
    memcpy(&c->id, e->digest, sizeof c->id);
    c->id |= 1;
    c->name = bytes_text(e->name);
    c->tenant = bytes_text(e->tenant);
    c->scopes = e->scopes;
    c->rate = e->rate;
    c->concurrency = e->concurrency;
    c->parked = e->parked;
    c->tenant_share = e->share;
    c->functions = functions;
    for (size_t i = 0; i < e->functions.count; i++) {
        struct bytes name = bytes_text(e->functions.items[i]);
        if (bytes_is(name, "*")) {
            c->all_functions = true;
        } else {
            functions[c->function_count++] = name;
        }
    }
}

static int index_all(struct keys *k)
{
    size_t function_count = 0;
    for (size_t i = 0; i < k->file.count; i++) {
        function_count += k->file.at[i].functions.count;
    }
    k->slot_count = 4;
    while (k->slot_count < 2 * k->file.count + 1) {
        k->slot_count *= 2;
    }
    k->callers = calloc(k->file.count + 1, sizeof *k->callers);
    k->functions = calloc(function_count + 1, sizeof *k->functions);
    k->slots = calloc(k->slot_count, sizeof *k->slots);
    if (k->callers == NULL || k->functions == NULL || k->slots == NULL) {
        return ERR_NOMEM;
    }
    struct bytes *functions = k->functions;
    for (uint32_t i = 0; i < k->file.count; i++) {
        fill_caller(&k->callers[i], &k->file.at[i], functions);
        functions += k->callers[i].function_count;
        add_slot(k, i);
    }
    return 0;
}

int keys_read(struct keys **out, const char *path, uint64_t seed, struct text *faults)
{
    *out = NULL;
    struct keys *k = calloc(1, sizeof *k);
    if (k == NULL) {
        return ERR_NOMEM;
    }
    k->refs = 1;
    k->seed = seed;
    int rc = keys_file_read(&k->file, path, faults) ? index_all(k) : ERR_MALFORMED;
    if (rc != 0) {
        keys_drop(&k);
        return rc;
    }
    *out = k;
    return 0;
}

struct keys *keys_share(struct keys *k)
{
    assert(k->refs > 0);
    k->refs++;
    return k;
}

void keys_drop(struct keys **k)
{
    struct keys *mine = *k;
    *k = NULL;
    if (mine == NULL || --mine->refs > 0) {
        return;
    }
    keys_file_fini(&mine->file);
    free(mine->callers);
    free(mine->functions);
    free(mine->slots);
    free(mine);
}

size_t keys_count(const struct keys *k)
{
    return k->file.count;
}

const struct caller *keys_find(const struct keys *k, struct bytes secret)
{
    uint8_t digest[CRYPTO_SHA256_SIZE];
    if (secret.size == 0 || secret.size > KEYS_SECRET_MAX ||
        crypto_sha256(digest, secret) != 0) {
        return NULL;
    }
    const struct caller *found = NULL;
    uint32_t i = slot_of(k, digest);
    while (k->slots[i] != 0) {
        uint32_t index = k->slots[i] - 1;
        bool is_same = crypto_equal(k->file.at[index].digest, digest, sizeof digest);
        found = is_same ? &k->callers[index] : found;
        i = (i + 1) & (k->slot_count - 1);
    }
    return found;
}
