/* Which member is at an address: the members that are not buried, by their address. What is
 * asked for every address that anybody tells, so it must not grow with their number. */
#ifndef CLUSTER_ADDRESSES_H
#define CLUSTER_ADDRESSES_H

#include "base/bytes.h"

struct member; /* members.h */

struct addresses {
    struct member **at; /* open addressing; the members are not owned */
    uint32_t room;      /* a power of two, or 0 */
    uint32_t used;      /* with those that were taken out */
    uint32_t count;
    uint64_t key; /* of the hash */
};

void addresses_fini(struct addresses *as);

/* False: no memory. Its address must not change while it is there. */
bool addresses_add(struct addresses *as, struct member *m);

/* It may not be there. */
void addresses_remove(struct addresses *as, const struct member *m);

/* NULL: nobody is there. */
struct member *addresses_find(const struct addresses *as, struct bytes address);

#endif
