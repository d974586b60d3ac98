/* What is known by its address: the members that are not buried, or the seeds. What is asked
 * for every address that anybody tells, so it must not grow with their number.
 *
 * It keeps pointers to where the items hold their address; list_item() leads to the item. */
#ifndef CLUSTER_ADDRESSES_H
#define CLUSTER_ADDRESSES_H

#include "base/bytes.h"

struct addresses {
    const struct bytes **at; /* open addressing; the items are not owned */
    uint32_t room;           /* a power of two, or 0 */
    uint32_t used;           /* with those that were taken out */
    uint32_t count;
    uint64_t key; /* of the hash */
};

void addresses_fini(struct addresses *as);

/* False: no memory. It takes the place of another with that address, and must not change while
 * it is there. */
bool addresses_add(struct addresses *as, const struct bytes *item);

/* It may not be there. */
void addresses_remove(struct addresses *as, const struct bytes *item);

/* NULL: nobody is there. */
const struct bytes *addresses_find(const struct addresses *as, struct bytes address);

#endif
