/* The claims at one seat: those that have its vote, and those in line for it. Chains of small
 * items of one pool; whoever stands there counts on its node's number. Decides nothing. */
#ifndef CLUSTER_PLACES_H
#define CLUSTER_PLACES_H

#include "cluster/state.h"

static inline struct place *place_at(const struct cluster *c, uint32_t handle)
{
    return pool_at(&c->places, handle);
}

/* The link that leads to the place of that claim in a chain; *link is 0 at its end. */
uint32_t *places_find(const struct cluster *c, uint32_t *link, uint16_t node, uint64_t counter);

/* `is` is copied. False: no room, or no memory. */
bool places_hold(struct cluster *c, struct seat *s, const struct place *is);
bool places_line_up(struct cluster *c, struct seat *s, const struct place *is);

/* The first in line has the vote now, which nobody had. */
struct place *places_advance(const struct cluster *c, struct seat *s);

/* `link` of places_find(), or the front of the line. */
void places_leave_line(struct cluster *c, struct seat *s, uint32_t *link);

/* False: that claim has no vote here. */
bool places_give_back(struct cluster *c, struct seat *s, uint16_t node, uint64_t counter);

/* Takes the first one out of a chain, which is not empty. */
void places_pop(struct cluster *c, uint32_t *chain);

/* Those who have promises only are the first in line again; they need not know. */
void places_step_back(struct cluster *c, struct seat *s);

#endif
