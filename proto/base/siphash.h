/* SipHash-2-4 with 128 bits of output (Aumasson and Bernstein, 2012; the reference's variant).
 *
 * Where hash.h is not enough: two inputs that strangers choose must not meet although all
 * nodes must come to the same, so that the key is no secret. Slower than hash.h. */
#ifndef BASE_SIPHASH_H
#define BASE_SIPHASH_H

#include "base/bytes.h"

struct siphash {
    uint64_t v[4];
};

static inline uint64_t siphash_turn(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static inline void siphash_rounds(struct siphash *s, int rounds)
{
    uint64_t *v = s->v;
    for (int i = 0; i < rounds; i++) {
        v[0] += v[1];
        v[2] += v[3];
        v[1] = siphash_turn(v[1], 13) ^ v[0];
        v[3] = siphash_turn(v[3], 16) ^ v[2];
        v[0] = siphash_turn(v[0], 32);
        v[2] += v[1];
        v[0] += v[3];
        v[1] = siphash_turn(v[1], 17) ^ v[2];
        v[3] = siphash_turn(v[3], 21) ^ v[0];
        v[2] = siphash_turn(v[2], 32);
    }
}

static inline void siphash_word(struct siphash *s, uint64_t word)
{
    s->v[3] ^= word;
    siphash_rounds(s, 2);
    s->v[0] ^= word;
}

/* Little-endian, as all machines this is built for. */
static inline void siphash_128(uint8_t out[16], struct bytes in, const uint64_t key[2])
{
    struct siphash s = {{key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du ^ 0xee,
                         key[0] ^ 0x6c7967656e657261u, key[1] ^ 0x7465646279746573u}};
    size_t i = 0;
    uint64_t word;
    for (; i + 8 <= in.size; i += 8) {
        memcpy(&word, in.at + i, 8);
        siphash_word(&s, word);
    }
    word = 0;
    if (i < in.size) {
        memcpy(&word, in.at + i, in.size - i);
    }
    siphash_word(&s, word | (uint64_t)in.size << 56);
    s.v[2] ^= 0xee;
    siphash_rounds(&s, 4);
    word = s.v[0] ^ s.v[1] ^ s.v[2] ^ s.v[3];
    memcpy(out, &word, 8);
    s.v[1] ^= 0xdd;
    siphash_rounds(&s, 4);
    word = s.v[0] ^ s.v[1] ^ s.v[2] ^ s.v[3];
    memcpy(out + 8, &word, 8);
}

#endif
