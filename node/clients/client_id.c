#include "clients/client_id.h"

#include "base/hash.h"

struct client_id client_id_of_address(const struct webhook_address *a)
{
    static const uint8_t v4_mapped[12] = {[10] = 0xff, [11] = 0xff};
    struct client_id id = {.kind = CLIENT_ADDRESS};
    bool is_v4 = memcmp(a->at, v4_mapped, sizeof v4_mapped) == 0;
    memcpy(id.at, a->at, is_v4 ? 16 : 8);
    return id;
}

struct client_id client_id_of_key(struct bytes name)
{
    struct client_id id = {.kind = CLIENT_KEY};
    uint64_t hash = hash_bytes(name, 0);
    memcpy(id.at, &hash, sizeof hash);
    hash = hash_bytes(name, hash | 1);
    memcpy(id.at + 8, &hash, sizeof hash);
    return id;
}

bool client_address_read(struct webhook_address *out, struct bytes text)
{
    struct webhook_address a;
    struct bytes host = text;
    bool is_address;
    if (bytes_cut_front(&host, "[")) {
        is_address = webhook_address_read_v6(&a, bytes_cut_at(&host, ']'));
    } else {
        is_address = webhook_address_read_v6(&a, text) ||
                     webhook_address_read_v4(&a, bytes_cut_at(&host, ':'));
    }
    if (is_address) {
        *out = a;
    }
    return is_address;
}

static bool is_trusted(const struct webhook_address *a, const struct client_trust *trust)
{
    for (size_t i = 0; i < trust->count; i++) {
        if (webhook_network_has(&trust->at[i], a)) {
            return true;
        }
    }
    return false;
}

bool client_step_back(struct webhook_address *a, struct bytes *forwarded,
                      const struct client_trust *trust)
{
    if (forwarded->size == 0 || !is_trusted(a, trust)) {
        return false;
    }
    const uint8_t *comma = memrchr(forwarded->at, ',', forwarded->size);
    size_t before = comma == NULL ? 0 : (size_t)(comma - forwarded->at);
    size_t skip = comma == NULL ? 0 : before + 1;
    struct bytes last = bytes_of(forwarded->at + skip, forwarded->size - skip);
    if (!client_address_read(a, bytes_trim(last))) {
        return false;
    }
    forwarded->size = before;
    return true;
}
