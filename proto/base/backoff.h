/* Exponential back-off: the one rule for retries, webhooks and dialling. Pure. */
#ifndef BASE_BACKOFF_H
#define BASE_BACKOFF_H

#include <stdint.h>

/* The wait after `tries` failed ones (1, 2 ...): `min_ms`, doubled each time, `max_ms` at most,
 * of which the second half is jitter (`random` is any number); but not shorter than
 * `asked_ms` (a Retry-After), as long as that is within `max_ms`. */
static inline uint32_t backoff_ms(uint32_t min_ms, uint32_t max_ms, uint32_t tries,
                                  uint64_t asked_ms, uint64_t random)
{
    uint64_t wait = min_ms;
    for (uint32_t i = 1; i < tries && wait < max_ms; i++) {
        wait *= 2;
    }
    wait = wait > max_ms ? max_ms : wait;
    wait = wait / 2 + random % (wait / 2 + 1);
    wait = wait < asked_ms ? asked_ms : wait;
    return (uint32_t)(wait > max_ms ? max_ms : wait);
}

#endif
