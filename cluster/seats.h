/* Who votes where, once nodes have left (docs/protocol.md, "Leaving"; rule A5).
 *
 * An entry names its arbiters for good: they are seats. The vote of a seat is given by the
 * node whose place in that list it is, or, after that has left, by its heir: the one that was
 * handed the seat of that very entry, with its vote, by the leaver, which had stopped voting
 * before it said so (handoff.c). So each seat has one voter at any time, and two majorities of
 * seats still meet in one. `inv->seats` says for which seats this node votes; it alone decides.
 *
 * Where others vote is only a way to find them: heirs tell whose seats they have (MOVED). Who
 * has not heard asks in vain, which is safe, and asks again. */
#ifndef CLUSTER_SEATS_H
#define CLUSTER_SEATS_H

#include "cluster/members.h"

void seats_fini(struct cluster *c);

/* The node that votes for seat `i` of that invocation, `arbiter` being its i-th, as far as is
 * known here. */
uint16_t seats_voter(const struct cluster *c, const struct guid *guid, uint16_t arbiter,
                     uint32_t i);

/* Who has that node's seats, as far as is known here: itself, or an heir. */
uint16_t seats_heir_of(const struct cluster *c, uint16_t node);

/* `nodes` have left, and whoever sought them shall ask `holder`. */
void seats_note(struct cluster *c, const struct guid *node, uint16_t holder);

/* Tells `to` (0: all) whose seats this node has. */
void seats_tell(struct cluster *c, uint16_t to);

/* Fills in whose seats this node gives away: its own, and those that it had from others. */
uint32_t seats_list_own(const struct cluster *c, struct guid out[MSG_MOVED_MAX]);

void seats_on_moved(struct cluster *c, struct member *from, const struct msg_moved *m);

/* Forgets what nothing here refers to any more. */
void seats_sweep(struct cluster *c);

#endif
