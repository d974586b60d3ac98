/* What happened here, told to every member in order, with a cursor for each of them
 * (PROTOCOL.md 4).
 *
 * What has ended before it was told is skipped. A window of unconfirmed bytes for each lane
 * holds a slow member's stream back; one that falls behind too far is skipped over, and
 * digests mend that. So a slow member costs a place in a ring, never a buffer. DELETEs are
 * batched for a millisecond; a new callback is told at once.
 */
#ifndef CLUSTER_STREAMS_H
#define CLUSTER_STREAMS_H

#include "cluster/event_ring.h"
#include "cluster/members.h"

struct streams {
    struct event_ring created, ended;
    uint64_t version;     /* raised by whatever a digest tells */
    uint64_t flush_at_ms; /* UINT64_MAX: no end waits to be told */
};

/* ERR_NOMEM. */
int streams_init(struct cluster *c);
void streams_fini(struct cluster *c);

/* Drops the events of that ring that every member's cursor has passed. */
void streams_trim(struct cluster *c, struct event_ring *r);

/* A new member: it has yet to hear of all that is here. */
void streams_join(struct cluster *c, struct member *m);

/* A lane came up, or went down. */
void streams_start(struct cluster *c, struct member *m);
void streams_stop(struct cluster *c, struct member *m);

/* Sends what the window lets through. */
void streams_pump(struct cluster *c, struct member *m);

/* It asks for one: the request or the callback, whichever is here. */
void streams_want(struct member *m, uint16_t origin, uint64_t seq);

/* An arbiter leaves: it can only hand on its seat of what it has heard of. */
void streams_on_leaving(struct cluster *c, struct member *m);

/* Sends what waits for company. */
void streams_flush(struct cluster *c);

/* Flushes and confirms. Returns when to look again. */
uint64_t streams_tick(struct cluster *c);

/* Ends that nobody has been told of yet. */
bool streams_has_ends(const struct cluster *c);

/* The member has confirmed every callback, and what it had asked for. */
bool streams_are_told(const struct cluster *c, const struct member *m);

void streams_on_ack(struct cluster *c, struct member *from, const struct msg_stream_ack *m);

/* Counts what came, for the sender's window. */
void streams_count(struct cluster *c, struct member *from, enum msg_lane lane,
                   const struct msg *m);

/* The identity of an entry, as messages carry it. */
void streams_fill_entry(const struct cluster *c, struct msg_entry *out,
                        const struct invocation *inv);

/* The request's copy to one arbiter. */
bool streams_send_accept(struct cluster *c, struct member *to, struct invocation *inv);

#endif
