/* Repair (PROTOCOL.md 5): every second each origin tells each member which of
 * its numbers have ended and which are ready. The member drops what has ended, and fetches
 * what it should know and still does not a moment later. Nothing new: nothing is said. */
#ifndef CLUSTER_DIGEST_H
#define CLUSTER_DIGEST_H

#include "cluster/members.h"

/* Returns when to look again. */
uint64_t digest_tick(struct cluster *c);

/* Bodies that were on their way here when the last link to it broke are asked for again. */
void digest_want_bodies(struct cluster *c, struct member *m);

/* Who votes on that entry without its body asks another voter for it. True: it lacks it. */
bool digest_fetch_body(struct cluster *c, const struct invocation *inv);

void digest_on_digest(struct cluster *c, struct member *from, const struct msg_digest *m);
void digest_on_fetch(struct cluster *c, struct member *from, const struct msg_seqs *m);

#endif
