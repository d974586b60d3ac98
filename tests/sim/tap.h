/* A wire tap: what can be concluded from the messages alone. It knows each vote that went
 * over the wire and checks S4 and S5 with it; it learns the arbiters of each invocation and
 * who has confirmed a copy, for W1. It changes nothing. */
#ifndef TESTS_SIM_TAP_H
#define TESTS_SIM_TAP_H

#include "proto/msg.h"

struct sim;
struct host;
struct record;

#define VOTES_MAX  8
#define GRANTS_MAX 24
#define CLAIMS_MAX 96

/* The vote of one arbiter, as far as it went over the wire. */
struct tap_vote {
    uint32_t arbiter; /* incarnation; 0: free */
    struct msg_claim_no no;
    struct guid token;
};

/* A vote that has reached its claimer, and was not given back. */
struct tap_grant {
    uint32_t arbiter, claimer; /* incarnations */
    struct msg_claim_no no;
};

/* What stood behind a claim number. */
struct tap_claim {
    struct msg_claim_no no;
    struct guid token;
    uint8_t purpose;
};

struct tap {
    struct tap_vote votes[VOTES_MAX];
    struct tap_grant grants[GRANTS_MAX];
    uint32_t grant_count;
    struct tap_claim claims[CLAIMS_MAX];
    uint32_t claim_count; /* given so far; the table is a ring */
};

/* `from` hands the message to its link to `to_incarnation`. */
void tap_sent(struct host *from, uint32_t to_incarnation, const struct msg *m);

/* The message is about to enter the core of `to`. */
void tap_arrives(struct host *to, uint32_t from_incarnation, const struct msg *m);

/* How many arbiters' votes the claimer holds at this moment; for S5. */
uint32_t tap_grants_of(const struct record *r, uint32_t claimer);

/* A host has died: its votes and claims are history. */
void tap_forget(struct sim *s, uint32_t incarnation);

#endif
