/* Hash table by 16-byte key that grows and shrinks by one bucket at a time (linear hashing,
 * Litwin 1980): no insertion ever pays for moving a million others, and memory follows the
 * number of items down as well as up. Buckets are 32-bit handles, chains run through the
 * items, so an item costs about four bytes here.
 *
 * The items belong to the owner, who tells where an item lies: in a pool, or elsewhere. Its key
 * must not change while it is in the table.
 */
#ifndef CLUSTER_TABLE_H
#define CLUSTER_TABLE_H

#include "cluster/pool.h"
#include "proto/guid.h"

struct table_config {
    const struct pool *pool; /* the items are there, with the key at their beginning, or else */
    void *(*at)(const void *owner, uint32_t handle); /* this says where the key of one is */
    const void *owner;
    size_t next_offset; /* from the key to the item's uint32_t link */
    uint64_t key;       /* makes collisions unpredictable */
};

struct table {
    struct table_config config;
    uint32_t **segments;
    uint32_t *last; /* what was found last: often it is asked for again; 0: nothing */
    uint32_t segment_room;
    uint32_t segment_count;
    uint32_t bucket_count; /* >= the first segment's */
    uint32_t low;          /* the largest power of two in it */
    uint32_t count;
};

/* ERR_NOMEM. */
int table_init(struct table *t, const struct table_config *config);
void table_fini(struct table *t);

/* ERR_NOMEM: nothing has changed. The key must not be there. */
int table_add(struct table *t, uint32_t handle);

/* 0: not there. */
uint32_t table_find(const struct table *t, const struct guid *key);

/* Some item, to empty a table one by one; 0: it is empty. */
uint32_t table_any(const struct table *t);

/* The first item of a bucket, 0: none; buckets at and above t->bucket_count are empty. */
uint32_t table_bucket(const struct table *t, uint32_t index);

/* It must be there. */
void table_remove(struct table *t, uint32_t handle);

#endif
