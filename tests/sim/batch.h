/* Many seeds, on a few processes at once. */
#ifndef TESTS_SIM_BATCH_H
#define TESTS_SIM_BATCH_H

#include "marks.h"

#include <stdbool.h>
#include <stdint.h>

struct batch {
    uint64_t first, count; /* seeds */
    uint32_t jobs;
    bool must_mark;        /* every mark must be reached */
    const uint64_t *extra; /* seeds that have failed once: run first, for ever */
    uint32_t extra_count;
    const uint64_t *open; /* seeds that are known to fail still: told, but not counted */
    uint32_t open_count;
};

#define JOBS_MAX        64u
#define MARKS_BATCH_MIN 2000u /* seeds from which on all marks are demanded */

/* Prints failures with the commands that replay them. False: something failed. */
bool batch_run(const struct batch *b);

#endif
