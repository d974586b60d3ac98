/* Small seeded generator (splitmix64, Steele et al. 2014). Deterministic on purpose, for
 * schedules, jitter and simulation: NOT for secrets or GUIDs. */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stdint.h>

struct rng {
    uint64_t state;
};

static inline uint64_t rng_next(struct rng *r)
{
    r->state += 0x9e3779b97f4a7c15u;
    uint64_t z = r->state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Uniform enough for schedules and tests: a value in [0, bound). `bound` must be > 0. */
static inline uint64_t rng_below(struct rng *r, uint64_t bound)
{
    return rng_next(r) % bound;
}

#endif
