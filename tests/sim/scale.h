/* What a large cluster costs: messages and bytes for each node and each event, measured on
 * the simulated network and printed beside the study's figures. */
#ifndef TESTS_SIM_SCALE_H
#define TESTS_SIM_SCALE_H

#include <stdbool.h>
#include <stdint.h>

/* False: a rule broke, or a callback was not collected. */
bool scale_run(uint32_t nodes, uint64_t seed);

#endif
