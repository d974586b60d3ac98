/* The entries of this node: created once, moved through their states, ended for good. The only
 * writer of an entry's state, its deadline and its place in the tables (state.h draws it).
 *
 * Everything is charged to the budget first. Tombstones make way for what is new. */
#ifndef CLUSTER_STORE_H
#define CLUSTER_STORE_H

#include "cluster/state.h"

struct store_spec {
    struct guid guid;
    uint64_t seq;
    uint64_t created_at_ms;
    uint16_t arbiters[MSG_ARBITERS_MAX]; /* node numbers; [0] is the origin */
    uint8_t arbiter_count;
    uint16_t function; /* number of a name */
};

/* NULL: not here (it may have ended: tombs.h). */
struct invocation *store_find(const struct cluster *c, const struct guid *guid);

/* The same for who asks as that tenant: NULL too when it is another's. */
struct invocation *store_find_of(const struct cluster *c, const struct guid *guid,
                                 uint16_t tenant);
struct tomb *store_tomb_of(const struct cluster *c, const struct guid *guid, uint16_t tenant);

struct invocation *store_find_seq(const struct cluster *c, uint16_t origin, uint64_t seq);

/* The first one of that origin that is here, at or above *seq and below `to`; *seq is then the
 * number behind it. NULL: there is none, and *seq is `to`. */
struct invocation *store_next_live(const struct cluster *c, uint16_t origin, uint64_t *seq,
                                   uint64_t to);

/* In state QUEUED. ERR_INUSE: that GUID or number is here, or has ended. ERR_FULL, ERR_NOMEM,
 * ERR_TOOBIG: refuse it; nothing has changed. */
int store_new(struct cluster *c, const struct store_spec *spec, struct invocation **out);

/* Its side struct, made if need be. NULL: no memory. */
struct extra *store_extra(struct cluster *c, struct invocation *inv);

/* Frees the side struct when nothing in it is needed any more. */
void store_trim(struct cluster *c, struct invocation *inv);

/* Client id and callback URL into the side struct. ERR_FULL, ERR_NOMEM. */
int store_set_texts(struct cluster *c, struct invocation *inv, struct bytes client_id,
                    struct bytes callback_url);

void store_running(struct cluster *c, struct invocation *inv);
void store_queued(struct cluster *c, struct invocation *inv);

/* While it is not ready this only is what the core and the copies are told; afterwards it
 * ends the callback. UINT64_MAX: none. */
void store_set_deadline(struct cluster *c, struct invocation *inv, uint64_t at_ms);
uint64_t store_deadline_ms(const struct cluster *c, const struct invocation *inv);

struct store_result {
    struct result result; /* references are taken over */
    bool has_payload;
    uint64_t completed_at_ms, expires_at_ms;
};

/* The callback exists. The request is dropped, waiting clients are told. Only once. */
void store_ready(struct cluster *c, struct invocation *inv, const struct store_result *r);

/* Copies enough: the core is told, and answers 202. */
void store_accepted(struct cluster *c, struct invocation *inv);

/* An orphan whose core this node's is from now on: it is told of it, also that it is ready. */
void store_adopt(struct cluster *c, struct invocation *inv);

/* The payload arrives after the header; references are taken over. It comes with the outcome of
 * its own execution, which may be another than the header's. */
void store_set_payload(struct cluster *c, struct invocation *inv, struct result *result);

/* Gone for good, with all that it held: COLLECTED, EXPIRED or CANCELED. `inv` is invalid
 * afterwards, except for a core that knows it, until that has taken the effect. */
void store_end(struct cluster *c, struct invocation *inv, enum invocation_state end);

/* As store_end(), told by another who counts it. */
void store_end_elsewhere(struct cluster *c, struct invocation *inv, enum invocation_state end);

/* The same, so long ago that the other does not know how. No tombstone says so here either. */
void store_end_forgotten(struct cluster *c, struct invocation *inv);

/* A copy that could not be kept: neither ended nor here. */
void store_forget(struct cluster *c, struct invocation *inv);

/* It is over, COLLECTED or EXPIRED, and its home should count that. Whether that still can is
 * not known yet: the body goes, everybody is told, nobody is served any more, and the entry
 * stays until the home has told it too, or silence would have been noticed. */
void store_hold_over(struct cluster *c, struct invocation *inv, enum invocation_state end);

/* It was never accepted: no tombstone, no count; the effect is REFUSED. */
void store_refuse(struct cluster *c, struct invocation *inv);

/* It could not be taken in after all: as if it had never been, but for its number. */
void store_undo(struct cluster *c, struct invocation *inv);

/* After the effect that ended it. */
void store_free(struct cluster *c, uint32_t handle);

/* One whose time is over; its clients are told. `inv` may be invalid afterwards. */
void store_expire_one(struct cluster *c, struct invocation *inv);

/* At most `limit` entries whose time is over. */
void store_expire(struct cluster *c, uint32_t limit);

/* False: the budget is used up, even without tombstones. */
bool store_charge(struct cluster *c, size_t size);

void store_free_all(struct cluster *c);

#endif
