/* What this node believes of others, and whom it can ask. In strict mode nothing here touches
 * safety: it decides only how long somebody waits. */
#ifndef CLUSTER_TRUST_H
#define CLUSTER_TRUST_H

#include "cluster/state.h"

/* It may answer: a member with a control link, not dead. This node always. */
bool trust_is_reachable(const struct cluster *c, uint16_t node);

/* Reachable, and heard from lately. */
bool trust_is_alive(const struct cluster *c, uint16_t node);

/* Dead, as far as this node knows: takeover may begin. */
bool trust_is_dead(const struct cluster *c, uint16_t node);

/* May it exist although nobody who could be asked has heard of it? While this node has not
 * joined, and for DOUBT_MS after a node that could know became unreachable without leaving:
 * then the answer is "ask again" (503), never "no" (404). */
bool trust_may_exist(const struct cluster *c, const struct guid *guid);

#define DOUBT_MS 60000u

/* Likewise, asked by another node, about what is not known here: its home, or somebody who is
 * out of reach, may know. */
bool trust_may_be_known(const struct cluster *c, const struct guid *guid);

/* The member whose tag is in that GUID; 0: none is known. */
uint16_t trust_home_of(const struct cluster *c, const struct guid *guid);

#endif
