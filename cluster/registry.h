/* The names that clients chose, as far as this node is their registrar (PROTOCOL.md 3): which
 * invocation a key of a space belongs to. Keys are kept as 128-bit hashes, so an entry has one
 * size, and their length costs nothing. Who the registrar of a key is, is not decided here. A
 * home keeps its own invocations' names too, so that a new registrar can be told.
 */
#ifndef CLUSTER_REGISTRY_H
#define CLUSTER_REGISTRY_H

#include "cluster/cluster.h"
#include "cluster/pool.h"
#include "cluster/table.h"
#include "cluster/wheel.h"

struct registration {
    uint8_t key[GUID_SIZE]; /* hash of space and key; must be first */
    struct guid guid;
    uint64_t fingerprint;
    uint64_t until_ms;
    uint32_t hash_next;
    struct wheel_link wheel;
    uint32_t pad;
};

struct registry {
    struct pool pool;
    struct table table;
    struct wheel wheel;
    struct budget *budget;
};

/* ERR_NOMEM. */
int registry_init(struct registry *r, struct budget *budget, uint64_t hash_key,
                  uint64_t now_ms);
void registry_fini(struct registry *r);

struct registry_entry {
    struct guid guid;
    uint64_t fingerprint;
};

/* What a name is known by, the same at every node. */
struct guid registry_hash(const struct cluster_name *name);

/* Keeps the name for `entry`, until `until_ms`. ERR_INUSE: it has an owner, who is put into
 * *entry. ERR_FULL, ERR_NOMEM. The same owner again is no conflict: 0, and it
 * is kept longer if need be. */
int registry_add(struct registry *r, const struct guid *name, struct registry_entry *entry,
                 uint64_t until_ms);

bool registry_find(const struct registry *r, const struct guid *name,
                   struct registry_entry *out);

/* Only if it is that one's. */
void registry_remove(struct registry *r, const struct guid *name, const struct guid *guid);

/* The names in one of the table's buckets, for walking through all of them piece by piece.
 * NULL: no more; `*handle` begins as 0. */
const struct registration *registry_walk(const struct registry *r, uint32_t bucket,
                                         uint32_t *handle);

/* One whose time is over, taken out; NULL: none. Say with registry_keep() that it shall stay
 * longer, or with registry_drop() that it shall not. */
struct registration *registry_due(struct registry *r, uint64_t now_ms);
void registry_keep(struct registry *r, struct registration *reg, uint64_t until_ms);
void registry_drop(struct registry *r, struct registration *reg);

#endif
