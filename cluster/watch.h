/* The GUIDs that clients of this node want to collect, whether known here or not, each with
 * its claims in the order in which they came (struct watch). */
#ifndef CLUSTER_WATCH_H
#define CLUSTER_WATCH_H

#include "cluster/state.h"

/* NULL: nobody here wants it. */
struct watch *watch_find(const struct cluster *c, const struct guid *guid);

/* NULL: no memory. One without a claim must not stay. */
struct watch *watch_make(struct cluster *c, const struct guid *guid);

/* Of the entry; they never change. */
void watch_set_arbiters(struct cluster *c, struct watch *w, const struct invocation *inv);

void watch_add(struct cluster *c, struct watch *w, struct op *op);

/* The watch goes with its last claim. */
void watch_remove(struct cluster *c, struct op *op);

struct watch *watch_of(const struct cluster *c, const struct op *op);

/* The node that votes for its i-th arbiter now. */
uint16_t watch_voter(const struct cluster *c, const struct watch *w, uint32_t i);

/* A majority of its arbiters. */
/* In which term its arbiters vote, as far as is known; and another, told by one of them. False:
 * it is not later. */
void watch_term(const struct cluster *c, const struct watch *w, struct msg_term *out);
bool watch_learn(struct cluster *c, struct watch *w, const struct msg_term *term);

uint32_t watch_quorum(const struct watch *w);
uint32_t watch_grants(const struct op *op);

/* The claim that asked an arbiter under that number, and which arbiter. NULL: none does now. */
struct op *watch_claim(const struct cluster *c, const struct guid *guid, uint64_t counter,
                       uint32_t *index);

#endif
