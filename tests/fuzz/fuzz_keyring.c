/* Any bytes as the file of the cluster's secrets.
 *
 * Beyond not crashing: what was taken is found by its name and by no other cluster's; what was
 * refused leaves no key behind, and is told without the secret. */
#include "fuzz.h"

#include "crypto/keyring.h"

#include <assert.h>
#include <string.h>

static void check_taken(const struct keyring *k, struct bytes in)
{
    struct keyring foreign;
    struct errmsg em;
    assert(k->count >= 1 && k->count <= KEYRING_MAX);
    int rc = keyring_parse(&foreign, in, bytes_text("theirs"), &em);
    assert(rc == 0 && foreign.count == k->count);
    for (size_t i = 0; i < k->count; i++) {
        struct bytes name = bytes_of(k->keys[i].name, sizeof k->keys[i].name);
        assert(keyring_find(k, name) == &k->keys[i]);
        assert(keyring_find(&foreign, name) == NULL);
    }
    keyring_wipe(&foreign);
}

static void check_told(const struct errmsg *em, struct bytes in)
{
    struct bytes told = bytes_text(em->text);
    assert(told.size > 0);
    while (in.size > 0) {
        struct bytes line = bytes_trim(bytes_cut_at(&in, '\n'));
        if (line.size >= KEYRING_SECRET_MIN) {
            assert(memmem(told.at, told.size, line.at, line.size) == NULL);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct keyring none;
    struct bytes in = bytes_of(data, size);
    struct keyring k;
    struct errmsg em;
    int rc = keyring_parse(&k, in, bytes_text("ours"), &em);
    if (rc == 0) {
        check_taken(&k, in);
        keyring_wipe(&k);
    } else {
        check_told(&em, in);
    }
    assert(memcmp(&k, &none, sizeof k) == 0);
    return 0;
}
