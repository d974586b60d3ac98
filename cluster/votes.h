/* The claimer's machine proper: asking for votes, and rules R1 to R3 (docs/protocol.md).
 *
 *   R1  fewer votes possible than needed: no quorum
 *   R2  in line at the first arbiter that answers: every other vote and place is given back
 *   R3  a vote from it: the others are asked again
 */
#ifndef CLUSTER_VOTES_H
#define CLUSTER_VOTES_H

#include "cluster/state.h"

/* Asks anew those that refused, and those that got their vote back if `also_yielded`; then as
 * votes_judge(). */
void votes_ask(struct cluster *c, struct op *op, bool also_yielded);

/* An arbiter tells of a term: if it is later than what is known, votes of the earlier one are
 * given back, and the arbiters are to be asked anew (votes_ask()). True: it is. */
bool votes_learn(struct cluster *c, struct op *op, const struct msg_term *term);

/* Looks at the votes and does what follows, such as asking one more arbiter: so many are asked
 * that their votes would be enough. The claim may be over afterwards. */
void votes_judge(struct cluster *c, struct op *op);

/* The claim has won, but none of its voters has the body: asks those that were not needed. */
void votes_ask_spared(struct cluster *c, struct op *op);

/* Strict: a majority; to cancel, so many that nobody else can have one. Available: likewise, or
 * the votes of the first two arbiters that are not dead, or of the last one that is left. Two
 * such claims share an arbiter that has not died, unless two have, or somebody is held for
 * dead who lives (rule A6; invariant S1a). */
bool votes_suffice(const struct cluster *c, const struct op *op);

/* The arbiter has the claim, and may still give its vote. */
bool votes_waits(const struct vote *v);

/* When the claim gives up, by its wait and by what it is doing. */
uint64_t votes_deadline_ms(const struct cluster *c, const struct op *op);

/* Sets the timer for that, or for looking again before. */
void votes_arm(struct cluster *c, struct op *op);

#endif
