/* Terms, as their own files use them: terms.c knows what term an entry is in, and moves it;
 * terms_propose.c gives a seat again; terms_answer.c hears all TURNs, and answers for who is
 * asked. */
#ifndef CLUSTER_TERMS_INNER_H
#define CLUSTER_TERMS_INNER_H

#include "cluster/terms.h"

static inline bool terms_is_majority(const struct invocation *inv, uint32_t seats)
{
    return (uint32_t)__builtin_popcount(seats) >= inv->arbiter_count / 2u + 1;
}

/* --- terms.c ----------------------------------------------------------------------------- */

/* NULL: it has none. */
struct extra *terms_extra(const struct cluster *c, const struct invocation *inv);

/* Nobody counts on a vote of this node, nor ever will in the term that it leaves. */
bool terms_may_move(const struct cluster *c, const struct invocation *inv);

/* Into that term, with the seats whose voter is still the same. False: nothing has changed. */
bool terms_move(struct cluster *c, struct invocation *inv, const struct msg_term *to);

/* It is known that no other has the votes of its term: it has all that are this node's. */
void terms_take_chosen(struct cluster *c, struct invocation *inv);

/* A TURN about that term, or about the one that the entry is in. */
void terms_say(struct cluster *c, uint16_t to, const struct invocation *inv,
               enum msg_turn_what what, const struct msg_term *term);
void terms_say_own(struct cluster *c, uint16_t to, const struct invocation *inv,
                   enum msg_turn_what what);

/* --- terms_propose.c --------------------------------------------------------------------- */

/* The one that gives a seat of it again; NULL: none. */
struct op *terms_op(const struct cluster *c, const struct invocation *inv);
void terms_op_over(struct cluster *c, struct op *op, struct invocation *inv);

/* The answers: of the witness, */
void terms_on_moved(struct cluster *c, struct invocation *inv, const struct msg_turn *m);
void terms_on_later(struct cluster *c, struct invocation *inv);

/* of a voter of the term that was chosen, */
void terms_on_taken(struct cluster *c, struct invocation *inv, const struct msg_turn *m,
                    uint16_t from);

/* of who is to have the seat, */
void terms_on_could(struct cluster *c, struct invocation *inv, uint16_t from, bool can);

/* and of one who lacks what there is. */
void terms_on_lacking(struct cluster *c, struct invocation *inv, struct member *to);

#endif
