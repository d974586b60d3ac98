/* Takes what the core and its cluster counted into a sample for metrics_print(). */
#ifndef NODE_OBS_METRICS_SAMPLE_H
#define NODE_OBS_METRICS_SAMPLE_H

#include "core/core.h"
#include "obs/metrics.h"

/* Fills functions, refused, members and cluster; the rest (store, links, connections) is its
 * owner's. Borrows from the core until its next event. `out` comes zeroed. */
void metrics_sample_core(struct metrics_sample *out, const struct core *core, uint64_t now_ms);

#endif
