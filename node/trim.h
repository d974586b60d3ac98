/* Gives memory back to the system after a burst. The allocator keeps what is freed below its
 * highest block in use, so one small block that lives on can hold hundreds of megabytes.
 *
 * It looks at what the store's budget says and knows nothing else. A look is a comparison; the
 * work is done once for every TRIM_STEP_SIZE that was freed, so that no turn of the loop pays
 * for a whole burst.
 */
#ifndef NODE_TRIM_H
#define NODE_TRIM_H

#include "base/budget.h"

#define TRIM_STEP_SIZE (32u << 20) /* bytes */

struct trim {
    const struct budget *budget;
    size_t high_size; /* most bytes in use since memory was last given back */
};

/* Often: when a request is answered and when the loop's timer rings. */
void trim_look(struct trim *t);

#endif
