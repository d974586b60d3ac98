/* Latencies in microseconds, in buckets of about 3 % width: 32 steps an octave. */
#ifndef TESTS_BENCH_HISTOGRAM_H
#define TESTS_BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_STEPS   32u
#define HISTOGRAM_BUCKETS (HISTOGRAM_STEPS * 40u)

struct histogram {
    uint64_t count[HISTOGRAM_BUCKETS];
    uint64_t total;
};

static inline uint32_t histogram_bucket(uint64_t us)
{
    if (us < HISTOGRAM_STEPS) {
        return (uint32_t)us;
    }
    uint32_t octave = 63u - (uint32_t)__builtin_clzll(us) - 5u;
    uint32_t step = (uint32_t)(us >> octave) - HISTOGRAM_STEPS;
    uint32_t bucket = (octave + 1) * HISTOGRAM_STEPS + step;
    return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

static inline void histogram_add(struct histogram *h, uint64_t us)
{
    h->count[histogram_bucket(us)]++;
    h->total++;
}

/* The lower edge of the bucket in which that share of all values is reached. */
static inline uint64_t histogram_at(const struct histogram *h, double share)
{
    uint64_t wanted = (uint64_t)((double)h->total * share);
    uint64_t seen = 0;
    for (uint32_t b = 0; b < HISTOGRAM_BUCKETS; b++) {
        seen += h->count[b];
        if (seen > wanted) {
            return b < HISTOGRAM_STEPS ? b
                                       : (uint64_t)(HISTOGRAM_STEPS + b % HISTOGRAM_STEPS)
                                             << (b / HISTOGRAM_STEPS - 1);
        }
    }
    return 0;
}

#endif
