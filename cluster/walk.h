/* A walk over all entries that this node votes on, of whatever origin, a step at a time:
 * entries may come and end meanwhile. One that comes behind the cursor is met by the next walk.
 */
#ifndef CLUSTER_WALK_H
#define CLUSTER_WALK_H

#include <stdbool.h>
#include <stdint.h>

struct cluster;
struct invocation;

/* The cursor: where the next entry is sought. */
struct walk {
    uint16_t origin; /* number of a node; 0: no walk is under way */
    uint64_t seq;
};

struct walk walk_begin(void);

/* The next entry. Each that is returned or passed over costs a step. NULL: the walk, or *steps,
 * is over. */
struct invocation *walk_next(const struct cluster *c, struct walk *w, uint32_t *steps);

bool walk_is_over(const struct cluster *c, const struct walk *w);

#endif
