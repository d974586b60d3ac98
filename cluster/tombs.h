/* Tombstones: what is still told of invocations that have ended (API.md 3: the status can be
 * asked for status.retention_ms; 410 instead of 404).
 *
 * They leave in the order in which they came, so a queue of chunks holds them, 48 bytes each
 * and 4 in the table. They are a courtesy: what must not come back is known by number
 * (seqmap.h), so the oldest may be forgotten early when memory presses. Charged to the budget,
 * at most an eighth of it.
 */
#ifndef CLUSTER_TOMBS_H
#define CLUSTER_TOMBS_H

#include "base/budget.h"
#include "cluster/nodes.h"

struct tomb {
    struct guid guid;                                  /* must be first */
    uint64_t created : 38, origin : 12, function : 14; /* as in struct invocation */
    uint64_t seq : 40, state : 3, webhook : 2, attempt : 8, status : 10;
    uint32_t started, completed, ended; /* ms after created, + 1; 0: never */
    uint32_t hash_next;
};

_Static_assert(sizeof(struct tomb) == 48, "tombstones are many");

#define TOMB_CHARGE (sizeof(struct tomb) + 4) /* bytes */

struct tombs {
    struct table table;
    struct tomb **chunks; /* a ring */
    uint32_t chunk_room;  /* a power of two, or 0 */
    uint64_t first, end;  /* running numbers of the oldest and of the next */
    struct budget *budget;
    struct nodes *nodes; /* each one counts on its origin, for its name */
};

/* ERR_NOMEM. */
int tombs_init(struct tombs *ts, struct budget *budget, struct nodes *nodes, uint64_t hash_key);
void tombs_fini(struct tombs *ts);

/* Copies. False: there was no memory for it, so nobody will hear of it. */
bool tombs_add(struct tombs *ts, const struct tomb *t);

/* NULL: none. Valid until the next call that is not a question. */
struct tomb *tombs_find(const struct tombs *ts, const struct guid *guid);

/* Those of these numbers of one origin, as far as they are among the younger ones; NULL where
 * there is none. `seqs` rise. Valid as above. */
void tombs_of(const struct tombs *ts, uint16_t origin, const uint64_t *seqs,
              const struct tomb **out, uint32_t count);

/* NULL: there are none. */
const struct tomb *tombs_oldest(const struct tombs *ts);
void tombs_forget_oldest(struct tombs *ts);

static inline uint32_t tombs_count(const struct tombs *ts)
{
    return (uint32_t)(ts->end - ts->first);
}

#endif
