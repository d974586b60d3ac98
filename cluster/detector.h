/* Who is alive (PROTOCOL.md, "Failure detection"): PING on an idle control lane every 250 ms,
 * any message counts as life; suspect after 1 s of silence, dead after 2 s, or 1.25 s when two
 * others say so; at once when the link broke and nobody listens there any more. A node that
 * stood still itself suspects itself first: it gives everybody the time it has slept.
 *
 * An opinion only: in strict mode no safety hangs on it. */
#ifndef CLUSTER_DETECTOR_H
#define CLUSTER_DETECTOR_H

#include "cluster/members.h"

/* Returns when to look again. */
uint64_t detector_tick(struct cluster *c);

/* A message came from it. */
void detector_heard(struct cluster *c, struct member *m);

/* Its control link is up. */
void detector_greeted(struct cluster *c, struct member *m);

/* Dialled, and nobody listens. */
void detector_refused(struct cluster *c, struct member *m);

/* Tells the others that it is dead for good. */
void detector_tell_dead(struct cluster *c, const struct member *m);

/* PING, PONG, PEERS, PROBE, PROBE_ACK, SUSPECT, ALIVE, DEAD, LEAVE. */
void detector_on_message(struct cluster *c, struct member *from, const struct msg *m,
                         uint64_t sent_at_ms);

#endif
