/* Keyed 64-bit hash of short keys, for hash tables and rendezvous placement. The key makes
 * collisions unpredictable to whoever chooses the input. Not a cryptographic MAC. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/bytes.h"

static inline uint64_t hash_mix(uint64_t a, uint64_t b)
{
    __extension__ typedef unsigned __int128 uint128;
    uint128 product = (uint128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Of 16 bytes; one multiplication each half. */
static inline uint64_t hash_16(const uint8_t at[16], uint64_t key)
{
    uint64_t lo, hi;
    memcpy(&lo, at, 8);
    memcpy(&hi, at + 8, 8);
    return hash_mix(hash_mix(lo ^ key, 0xa0761d6478bd642fu) ^ hi, 0xe7037ed1a0b428dbu ^ key);
}

/* Of any run of bytes. */
static inline uint64_t hash_bytes(struct bytes b, uint64_t key)
{
    uint64_t h = key ^ (b.size * 0x9e3779b97f4a7c15u);
    size_t i = 0;
    for (; i + 8 <= b.size; i += 8) {
        uint64_t word;
        memcpy(&word, b.at + i, 8);
        h = hash_mix(h ^ word, 0xa0761d6478bd642fu);
    }
    uint64_t tail = 0;
    if (i < b.size) {
        memcpy(&tail, b.at + i, b.size - i);
    }
    return hash_mix(h ^ tail, 0xe7037ed1a0b428dbu);
}

#endif
