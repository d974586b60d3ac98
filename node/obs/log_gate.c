#include "obs/log_gate.h"

#include "base/hash.h"

void log_gate_init(struct log_gate *gate, uint32_t interval_ms, uint64_t seed)
{
    *gate = (struct log_gate){.interval_ms = interval_ms, .seed = seed};
}

bool log_gate_pass(struct log_gate *gate, uint64_t now_ms, struct bytes key,
                   uint64_t *held_back)
{
    uint64_t hash = hash_bytes(key, gate->seed) | 1; /* never 0, which means free */
    size_t place = (size_t)(hash >> 32) % LOG_GATE_PLACES;
    bool is_known = gate->places[place].key == hash;
    *held_back = 0;
    if (is_known && now_ms < gate->places[place].open_at_ms) {
        gate->places[place].held_back++;
        return false;
    }
    if (is_known) {
        *held_back = gate->places[place].held_back;
    }
    gate->places[place].key = hash;
    gate->places[place].open_at_ms = now_ms + gate->interval_ms;
    gate->places[place].held_back = 0;
    return true;
}
