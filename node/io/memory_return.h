/* Gives memory that is free back to the system while what is stored shrinks.
 *
 * The C library keeps what was freed, for ever if a single piece above it is still in use, so
 * a burst of callbacks would stay in the node's size after they were collected. Asking it to
 * let go takes time in proportion to what there is to give, so it is done in small steps: each
 * time the stored size has fallen by one step below the highest since the last time. A size
 * that goes up and down by less costs nothing. Sizes in bytes. For one thread.
 */
#ifndef NODE_IO_MEMORY_RETURN_H
#define NODE_IO_MEMORY_RETURN_H

#include <stdbool.h>
#include <stdint.h>

#define MEMORY_RETURN_STEP_SIZE ((uint64_t)4 << 20)

struct memory_return {
    uint64_t high_size; /* the most that was stored since memory was last given back */
    uint64_t step_size; /* 0: MEMORY_RETURN_STEP_SIZE */
};

/* Tells what is stored now. True: memory was given back. A step that took the
 * processor long makes the next ones larger and so rarer, until one is quick again. */
bool memory_return_look(struct memory_return *m, uint64_t stored_size);

#endif
