/* Lets an event that repeats into the log once in a while, not in a flood: a peer that is
 * refused every second is one line a minute, with how often it happened in between.
 *
 * Keyed by what makes it the same event (the peer's address, the reason). Fixed memory: the
 * key that was let in longest ago gives its place to a new one. Milliseconds, monotonic; the
 * time is given, never asked. */
#ifndef NODE_OBS_LOG_GATE_H
#define NODE_OBS_LOG_GATE_H

#include "base/bytes.h"

#define LOG_GATE_PLACES 64u

struct log_gate {
    uint32_t interval_ms;
    uint64_t seed;
    struct log_gate_place {
        uint64_t key; /* 0: free */
        uint64_t open_at_ms;
        uint64_t held_back;
    } places[LOG_GATE_PLACES];
};

void log_gate_init(struct log_gate *gate, uint32_t interval_ms, uint64_t seed);

/* True: log it now; *held_back is how often it was not since the last time. */
bool log_gate_pass(struct log_gate *gate, uint64_t now_ms, struct bytes key,
                   uint64_t *held_back);

#endif
