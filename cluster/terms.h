/* Seats of the dead, given again (docs/protocol.md, "Seats of the dead").
 *
 * An entry names three seats for good. As accepted, in term 0, they are its arbiters'. When the
 * voter of a seat is dead, or one node has two seats, who votes for the first of the others
 * that lives gives that seat to another node, in the next term:
 *
 *   proposer: COULD -> the other one: CAN, once it has what there is
 *   proposer: ASK -> witness: moves, MOVED -> proposer: moves; it is CHOSEN -> all voters:
 * TAKEN
 *
 * Each term has its own votes: a claim needs a majority of seats in one and the same. A voter
 * moves only while no vote that counts is held with it, and never back. So whoever had a
 * majority in the old term shows up at one of the two that moved, whatever the dead one did or
 * does: nothing here believes that it is dead (rule A2; invariants S1 and S4 for each term).
 *
 * Not in `available` mode, and not while this node drains (handoff.h). Knows nothing of
 * requests and callbacks, but that who gets a seat must have what there is. */
#ifndef CLUSTER_TERMS_H
#define CLUSTER_TERMS_H

#include "cluster/members.h"

/* 0: as accepted. */
uint8_t terms_of(const struct cluster *c, const struct invocation *inv);

/* Whose the i-th seat was made in that term; heirs of those that have left are seats.h's. */
uint16_t terms_voter(const struct cluster *c, const struct invocation *inv, uint32_t i);
bool terms_is_voter(const struct cluster *c, const struct invocation *inv, uint16_t node);

/* As messages carry it; term 0 is not told. */
void terms_tell(const struct cluster *c, const struct invocation *inv, struct msg_term *out);

/* Is `m` another term than that one, and to be believed in its stead? Two that were proposed
 * under one number are told apart by their voters; at most one of them is ever chosen. */
bool terms_is_later(const struct msg_term *than, const struct msg_term *m);
bool terms_are_same(const struct msg_term *a, const struct msg_term *b);

/* With a seat that was inherited: the entry is in that term from now on. False: it is in
 * another, or cannot move now, because a vote is held here; or no memory. */
bool terms_follow(struct cluster *c, struct invocation *inv, const struct msg_term *m);

/* It has moved to a term of which it does not know whether it was chosen. */
bool terms_is_unsure(const struct cluster *c, const struct invocation *inv);

/* A term was chosen here, and not all of its voters have said that they know. */
bool terms_is_untold(const struct cluster *c, const struct invocation *inv);

/* The entry's side struct ends. */
void terms_forget(struct cluster *c, struct extra *x);

/* --- terms_propose.c: giving a seat again ------------------------------------------------- */

/* Gives a seat again, if there is need and a way. True: it is under way, in the entry's
 * `accept_op`; takeover_wake() says when it is over. */
bool terms_begin(struct cluster *c, struct invocation *inv);

/* Before something else is begun that a death should not stop: as terms_begin(), but not for
 * ever. */
bool terms_begin_first(struct cluster *c, struct invocation *inv);

/* A seat here is about to change: no vote may be given. */
bool terms_is_asking(const struct cluster *c, const struct invocation *inv);

void terms_timeout(struct cluster *c, struct op *op, struct invocation *inv);

/* --- terms_answer.c ----------------------------------------------------------------------- */

void terms_on_turn(struct cluster *c, struct member *from, const struct msg_turn *m);

/* --- terms_walk.c: which seats ------------------------------------------------------------ */

struct terms_plan {
    uint8_t seat;     /* that is given again, */
    uint16_t holder;  /* to that node; may be the witness */
    uint16_t witness; /* who moves first; SELF: nobody else is needed */
};

/* False: there is nothing to give, or no way. */
bool terms_plan(const struct cluster *c, const struct invocation *inv, struct terms_plan *out);

/* A member's state has changed: all entries are looked at. */
void terms_wake(struct cluster *c);

/* An entry may have to be looked at within two seconds; who is being looked at now is first. */
void terms_wake_later(struct cluster *c);

/* Returns when to look again. */
uint64_t terms_tick(struct cluster *c);

#endif
