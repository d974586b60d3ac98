/* The arbiter's side of the one collection: who has the vote of this node for an entry, and
 * who stands in line (docs/protocol.md: rules A1 to A6).
 *
 *   no vote   + CLAIM n            -> vote = n, GRANT
 *   vote = n  + CLAIM n            -> GRANT again
 *   vote = n  + CLAIM m            -> m in line (LINE_MAX), DENY(HELD)
 *   vote = n  + RELEASE n          -> vote = first in line, GRANT it; or no vote
 *   any       + TAKEN              -> ended; the others are denied
 *
 * Until the callback is ready a vote to collect it is a promise, and serves nothing: the
 * arbiter says GRANT a second time when it is. So a promise may be broken: to a node that
 * died meanwhile, which has seen nothing, and for a claim that cancels, which steps before
 * those who wait and whose vote counts at once.
 *
 * A vote by token is for the token: claims with the same one share it, and it is free only
 * when all of them have been released. A vote is never taken back by a timer or by
 * suspicion, and there is none without an entry.
 */
#ifndef CLUSTER_ARBITER_H
#define CLUSTER_ARBITER_H

#include "cluster/state.h"

#define LINE_MAX    16 /* claims in line at one arbiter for one entry */
#define HOLDERS_MAX 8  /* claims that share one token's vote */

struct arbiter_claim {
    uint64_t counter;
    uint16_t node; /* number of the claimer */
    uint8_t seat;  /* one that votes here */
    uint8_t purpose;
    struct guid token;
};

enum arbiter_answer {
    ARBITER_GRANTED, /* or promised: arbiter_counts() */
    ARBITER_HELD,
    ARBITER_FULL,
    ARBITER_COLLECTED, /* bound to another token */
    ARBITER_EXPIRED,
    ARBITER_CANCELED,
    ARBITER_UNBOUND, /* to free it: it is not that token's */
};

enum arbiter_answer arbiter_claim(struct cluster *c, struct invocation *inv,
                                  const struct arbiter_claim *claim);

/* A vote that is given to a claim of that purpose now is one. */
bool arbiter_counts(const struct invocation *inv, uint8_t purpose);

/* The callback has become ready here: promises become votes. As arbiter_release(), it may end
 * the entry. */
void arbiter_ready(struct cluster *c, struct invocation *inv);

/* Of a claim that has neither vote nor place: nothing. May grant to the next in line, whose
 * client may be served or may end the entry: `inv` is not to be used afterwards. */
void arbiter_release(struct cluster *c, struct invocation *inv, uint16_t node,
                     uint64_t counter);

struct arbiter_taken {
    uint64_t counter;
    uint16_t node;
    enum invocation_state end; /* COLLECTED or CANCELED */
    enum webhook_state webhook;
    struct guid token; /* zero: ends at once */
    uint32_t redeliver_ms;
};

/* Ends the entry, or keeps it for its token for a while. */
void arbiter_taken(struct cluster *c, struct invocation *inv, const struct arbiter_taken *t);

/* `to` was away when a token took it, and has just been sent its CREATE, on one of the lanes.
 */
bool arbiter_tell_bound(struct cluster *c, const struct invocation *inv, uint16_t to);

bool arbiter_holds(const struct cluster *c, const struct invocation *inv, uint16_t node,
                   uint64_t counter);

/* Is a vote that counts given, by any of its seats here? */
bool arbiter_has_given(const struct cluster *c, const struct invocation *inv);

/* Those seats (bits) are given to others: who has a promise there, or waits, asks again. */
void arbiter_vacate(struct cluster *c, struct invocation *inv, uint32_t seats);

/* Who was promised a vote here is told so again, and of the term. The entry may end of it. */
void arbiter_tell_promised(struct cluster *c, const struct guid *guid);

/* Is any vote of this entry with that node? */
bool arbiter_holds_for_node(const struct cluster *c, const struct invocation *inv,
                            uint16_t node);

/* The claims at those of its seats (bits), and how many there are. */
uint32_t arbiter_describe(const struct cluster *c, const struct invocation *inv, uint32_t seats,
                          struct msg_place out[MSG_PLACES_MAX]);

/* This node votes for those seats from now on. Those that it had are left as they are. False:
 * no memory, nothing has changed. */
bool arbiter_inherit(struct cluster *c, struct invocation *inv, const struct msg_seat *m);

/* Votes that nobody has go to the first in line. At the seats `promised` (bits), which have
 * just been inherited, promises become votes if the callback is ready. The entry may end of it.
 */
void arbiter_resume(struct cluster *c, const struct guid *guid, uint32_t promised);

/* The entry ends: everybody who waits here is told. */
void arbiter_end(struct cluster *c, struct invocation *inv, enum invocation_state end);

/* As arbiter_end(), but nobody is told: this node itself ends. */
void arbiter_forget(struct cluster *c, struct invocation *inv);

/* Messages CLAIM, RELEASE, TAKEN from node `from`. */
void arbiter_on_claim(struct cluster *c, uint16_t from, const struct msg_claim *m);
void arbiter_on_release(struct cluster *c, uint16_t from, const struct msg_release *m);
void arbiter_on_taken(struct cluster *c, uint16_t from, const struct msg_taken *m,
                      uint64_t aged_ms);

#endif
