/* A wire tap: what can be concluded from the messages alone. It knows each vote that went
 * over the wire and checks S4 and S5 with it; it learns the arbiters of each invocation and
 * who has confirmed a copy, for W1. It changes nothing. */
#ifndef TESTS_SIM_TAP_H
#define TESTS_SIM_TAP_H

#include "proto/msg.h"

struct sim;
struct host;
struct record;

#define GRANTS_MAX 24
#define TERMS_MAX  32
#define CLAIMS_MAX 400

#define VOTER_NONE UINT32_MAX /* given away, and not taken yet */

/* The vote of one seat, as far as it went over the wire. */
struct tap_vote {
    uint32_t voter; /* incarnation; 0: not seen yet */
    struct msg_claim_no no;
    struct guid token;
};

/* The votes of one term of an entry (cluster/terms.h). The first is the one as accepted. */
struct tap_term {
    struct msg_term is;
    struct tap_vote votes[MSG_ARBITERS_MAX]; /* by seat */
};

/* A vote that has reached its claimer, and was not given back. */
struct tap_grant {
    uint32_t claimer; /* incarnation */
    uint32_t term;    /* index */
    uint32_t seat;
    struct msg_claim_no no;
};

/* What stood behind a claim number. */
struct tap_claim {
    struct msg_claim_no no;
    struct guid token;
    uint32_t seat;
    uint8_t purpose;
};

struct tap {
    struct tap_term terms[TERMS_MAX];
    uint32_t term_count; /* without the first */
    uint32_t given_term; /* of the last SEAT; an index */
    struct tap_grant grants[GRANTS_MAX];
    uint32_t grant_count;
    struct tap_claim claims[CLAIMS_MAX];
    uint32_t claim_count; /* given so far; the table is a ring */
};

/* `from` hands the message to a link. */
void tap_sent(struct host *from, const struct msg *m);

/* The message is about to enter the core of `to`. */
void tap_arrives(struct host *to, uint32_t from_incarnation, const struct msg *m);

/* Of how many seats the claimer holds the vote at this moment, in the term in which it has
 * most; for S5. Its own one of the first term is not seen on the wire: `own`, as a bit. */
uint32_t tap_votes_of(const struct record *r, uint32_t claimer, uint32_t own);

#endif
