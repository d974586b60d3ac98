#include "obs/log_gate.h"

#include "base/hash.h"

void log_gate_init(struct log_gate *gate, uint32_t interval_ms, uint64_t seed)
{
    *gate = (struct log_gate){.interval_ms = interval_ms, .seed = seed};
}

/* Its own, or the one that is worth least: a free one before all. */
static struct log_gate_place *place_of(struct log_gate *gate, uint64_t key)
{
    struct log_gate_place *best = &gate->places[0];
    for (size_t i = 0; i < LOG_GATE_PLACES; i++) {
        struct log_gate_place *one = &gate->places[i];
        if (one->key == key) {
            return one;
        }
        best = one->open_at_ms < best->open_at_ms ? one : best;
    }
    return best;
}

bool log_gate_pass(struct log_gate *gate, uint64_t now_ms, struct bytes key,
                   uint64_t *held_back)
{
    uint64_t hash = hash_bytes(key, gate->seed) | 1; /* never 0, which means free */
    struct log_gate_place *place = place_of(gate, hash);
    bool is_known = place->key == hash;
    *held_back = 0;
    if (is_known && now_ms < place->open_at_ms) {
        place->held_back++;
        return false;
    }
    if (is_known) {
        *held_back = place->held_back;
    }
    *place = (struct log_gate_place){.key = hash, .open_at_ms = now_ms + gate->interval_ms};
    return true;
}
