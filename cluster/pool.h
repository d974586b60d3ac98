/* Fixed-size items by 32-bit handle: half the size of a pointer, which is what keeps a stored
 * callback small. Items lie in chunks that come from the system one by one and go back when
 * their last item does (one empty chunk is kept), so that a burst leaves nothing behind.
 *
 * Item addresses are stable. Handles are reused; 0 is never one. A new item is not cleared.
 * Charging a budget is the caller's business: he knows which items an outsider sizes.
 */
#ifndef CLUSTER_POOL_H
#define CLUSTER_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POOL_CHUNK_SIZE (256u * 1024u) /* bytes, and their alignment */
#define POOL_SLOT_BITS  14             /* a handle: chunk index, then slot from 1 */

struct pool_chunk;

struct pool {
    size_t item_size; /* bytes, a multiple of 8, at least 16 */
    uint32_t slots;   /* in a chunk */
    uint32_t count;   /* items in use */
    uint32_t index_count, index_room;
    struct pool_chunk **chunks; /* by index; NULL: given back */
    struct pool_chunk *partial; /* those with a free slot */
    uint32_t empty_count;       /* chunks without an item */
    void *owner;
};

void pool_init(struct pool *p, size_t item_size, void *owner);
void pool_fini(struct pool *p); /* items and all */

/* 0: the system has no memory. */
uint32_t pool_new(struct pool *p);
void pool_free(struct pool *p, uint32_t handle);

/* Of a handle in use. */
static inline void *pool_at(const struct pool *p, uint32_t handle)
{
    char *chunk = (char *)p->chunks[handle >> POOL_SLOT_BITS];
    return chunk + (handle & ((1u << POOL_SLOT_BITS) - 1)) * p->item_size;
}

/* The way back, from an address that pool_at() gave. */
uint32_t pool_handle(const struct pool *p, const void *item);

/* The owner that pool_init() was told, from nothing but an item's address. */
void *pool_owner(const void *item);

#endif
