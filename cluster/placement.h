/* Which nodes a thing belongs to, by rendezvous hashing (highest random weight): every node
 * comes to the same choice from the same members, and losing one moves only what it had. */
#ifndef CLUSTER_PLACEMENT_H
#define CLUSTER_PLACEMENT_H

#include "cluster/state.h"

/* The arbiters of a new entry of this node: itself, and the best other members for that GUID
 * that are alive, not leaving and keep up, in zones apart where there are any. Where there are
 * too few, the last one stands for those that lack: it has their seats, and gives them away as
 * soon as there is somebody (terms.h); not in `available` mode. Returns how many; from then on
 * they are frozen. */
uint32_t placement_arbiters(const struct cluster *c, const struct guid *guid,
                            uint16_t out[MSG_ARBITERS_MAX]);

/* Who keeps that name. */
uint16_t placement_registrar(const struct cluster *c, const struct guid *name);

/* Who takes this node's seats over when it leaves: one of its zone if possible, and the one
 * that has come last, for it will stay longest. 0: nobody can. */
uint16_t placement_heir(const struct cluster *c);

/* Another node for a seat of that invocation, none of `others`; 0: none. */
uint16_t placement_spare(const struct cluster *c, const struct guid *guid,
                         const uint16_t others[], uint32_t count);

#endif
