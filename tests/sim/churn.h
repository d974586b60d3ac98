/* An hour of cluster life at steady load, nodes coming and going all the time: nothing may
 * grow. */
#ifndef TESTS_SIM_CHURN_H
#define TESTS_SIM_CHURN_H

#include <stdbool.h>
#include <stdint.h>

struct churn {
    uint64_t seed;
    uint32_t nodes;
    uint32_t minutes;      /* virtual */
    uint32_t post_each_ms; /* load */
    uint32_t go_each_ms;   /* a node dies or leaves, by turns, and comes back; 0: never */
};

/* Prints the tables' sizes over time. False: something grew, or a rule broke. */
bool churn_run(const struct churn *c);

#endif
