/* The claimer's side of the one collection: one struct op for each client that wants a
 * callback, or wants it gone (docs/protocol.md: rules R1 to R3).
 *
 *   (line) -> LOCATING -> ASKING -> FETCHING -> SERVING -> done: TAKEN, or RELEASE
 *
 * Clients of this node that want the same callback wait behind one another here; only the
 * first claims, so that an arbiter's line stays short. Claims with the same token do not wait
 * for each other. What counts as a claim: COLLECT, FREE (DELETE with its token) and CANCEL of
 * a ready callback.
 */
#ifndef CLUSTER_CLAIMS_H
#define CLUSTER_CLAIMS_H

#include "cluster/state.h"

/* Puts `op` (its guid, token, purpose, wait_until_ms are set) into the line of its GUID and
 * begins. It is answered in its time, perhaps now. */
void claims_join(struct cluster *c, struct op *op);

/* It is its turn: asks, or finds out whom to ask. It may be over afterwards. */
void claims_begin(struct cluster *c, struct op *op);

/* How the writing to the client of a SERVING one went. */
void claims_sent(struct cluster *c, struct op *op, bool complete);

/* Its client has left: votes and places are given back, nothing is answered. */
void claims_leave(struct cluster *c, struct op *op);

void claims_timeout(struct cluster *c, struct op *op);

/* Does `act` to every claim. It may end any of them: the walk is over a list of its own. */
void claims_each(struct cluster *c, void (*act)(struct cluster *, struct op *));

/* --- what they hear --------------------------------------------------------------------- */

/* A vote was given, or promised, by arbiter `node`. */
void claims_on_grant(struct cluster *c, uint16_t node, const struct msg_grant *m);
void claims_on_deny(struct cluster *c, uint16_t node, const struct msg_deny *m);

/* The callback exists now, here or elsewhere. */
void claims_on_ready(struct cluster *c, const struct guid *guid);

/* The entry has ended here. */
void claims_on_end(struct cluster *c, const struct guid *guid, uint16_t tenant,
                   enum invocation_state end);

/* A token has it: for all others it is gone. */
void claims_on_bound(struct cluster *c, const struct guid *guid, const struct guid *token);

/* An arbiter is dead, suspected, or back: rules R1 and R2 look again. */
void claims_on_members(struct cluster *c);

/* An answer to the question who decides about this GUID. */
void claims_on_located(struct cluster *c, struct op *op, const struct msg_status *m);

/* A new control link: what was asked over the old one is asked again. */
void claims_on_link_up(struct cluster *c, uint16_t node);

/* --- for fetch.c ----------------------------------------------------------------------------
 */

struct op *claims_by_counter(const struct cluster *c, const struct guid *guid, uint64_t counter,
                             uint16_t *node);
const struct watch *claims_watch(const struct cluster *c, const struct op *op);
bool claims_has_quorum(const struct cluster *c, const struct op *op);
bool claims_want(const struct cluster *c, const struct guid *guid);

#endif
