#include "cluster/pool.h"

#include "base/pages.h"

#include <assert.h>
#include <stdlib.h>

/* The head takes the place of slot 0, so slots count from 1 and no handle is 0. */
struct pool_chunk {
    uint32_t index;
    uint32_t used;
    uint32_t fresh;                 /* slots from here on were never used */
    uint32_t free_slot;             /* first of the freed ones, 0: none */
    struct pool_chunk *prev, *next; /* in `partial`, or both NULL and not its head */
    void *owner;
};

#define HEAD_SIZE sizeof(struct pool_chunk)
#define INDEX_MAX (1u << (31 - POOL_SLOT_BITS))

#if defined(__SANITIZE_ADDRESS__)
#define HAVE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAVE_ASAN 1
#endif
#endif

#ifdef HAVE_ASAN
/* So that a use of a freed item is found as if it had come from malloc. */
void __asan_poison_memory_region(void const volatile *at, size_t size);
void __asan_unpoison_memory_region(void const volatile *at, size_t size);
#define hide(at, size) __asan_poison_memory_region(at, size)
#define show(at, size) __asan_unpoison_memory_region(at, size)
#else
#define hide(at, size) ((void)(at), (void)(size))
#define show(at, size) ((void)(at), (void)(size))
#endif

void pool_init(struct pool *p, size_t item_size, void *owner)
{
    assert(item_size % 8 == 0 && item_size >= 16);
    *p = (struct pool){.item_size = item_size, .owner = owner};
    size_t head_slots = (HEAD_SIZE + item_size - 1) / item_size;
    size_t slots = POOL_CHUNK_SIZE / item_size - head_slots;
    size_t limit = (1u << POOL_SLOT_BITS) - 1 - head_slots;
    p->slots = (uint32_t)(slots < limit ? slots : limit);
}

/* Slots that the head covers, at the front of every chunk. */
static uint32_t head_slots(const struct pool *p)
{
    return (uint32_t)((HEAD_SIZE + p->item_size - 1) / p->item_size);
}

static char *slot_at(const struct pool *p, struct pool_chunk *chunk, uint32_t slot)
{
    return (char *)chunk + slot * p->item_size;
}

static void partial_add(struct pool *p, struct pool_chunk *chunk)
{
    chunk->prev = NULL;
    chunk->next = p->partial;
    if (p->partial != NULL) {
        p->partial->prev = chunk;
    }
    p->partial = chunk;
}

static void partial_remove(struct pool *p, struct pool_chunk *chunk)
{
    if (chunk->prev != NULL) {
        chunk->prev->next = chunk->next;
    } else {
        p->partial = chunk->next;
    }
    if (chunk->next != NULL) {
        chunk->next->prev = chunk->prev;
    }
    chunk->prev = chunk->next = NULL;
}

static bool index_reserve(struct pool *p, uint32_t *index)
{
    for (uint32_t i = 0; i < p->index_count; i++) {
        if (p->chunks[i] == NULL) {
            *index = i;
            return true;
        }
    }
    if (p->index_count == INDEX_MAX) {
        return false;
    }
    if (p->index_count == p->index_room) {
        uint32_t room = p->index_room == 0 ? 16 : p->index_room * 2;
        struct pool_chunk **grown = realloc(p->chunks, room * sizeof *grown);
        if (grown == NULL) {
            return false;
        }
        p->chunks = grown;
        p->index_room = room;
    }
    *index = p->index_count++;
    p->chunks[*index] = NULL;
    return true;
}

static bool chunk_add(struct pool *p)
{
    uint32_t index;
    if (!index_reserve(p, &index)) {
        return false;
    }
    struct pool_chunk *chunk = pages_map(POOL_CHUNK_SIZE);
    if (chunk == NULL) {
        return false;
    }
    *chunk = (struct pool_chunk){.index = index, .fresh = head_slots(p), .owner = p->owner};
    p->chunks[index] = chunk;
    p->empty_count++;
    partial_add(p, chunk);
    hide(slot_at(p, chunk, head_slots(p)), p->slots * p->item_size);
    return true;
}

static void chunk_remove(struct pool *p, struct pool_chunk *chunk)
{
    partial_remove(p, chunk);
    p->chunks[chunk->index] = NULL;
    p->empty_count--;
    show(chunk, POOL_CHUNK_SIZE);
    pages_unmap(chunk, POOL_CHUNK_SIZE);
}

void pool_fini(struct pool *p)
{
    for (uint32_t i = 0; i < p->index_count; i++) {
        if (p->chunks[i] != NULL) {
            show(p->chunks[i], POOL_CHUNK_SIZE);
            pages_unmap(p->chunks[i], POOL_CHUNK_SIZE);
        }
    }
    free(p->chunks);
    *p = (struct pool){0};
}

uint32_t pool_new(struct pool *p)
{
    if (p->partial == NULL && !chunk_add(p)) {
        return 0;
    }
    struct pool_chunk *chunk = p->partial;
    uint32_t slot = chunk->free_slot;
    if (slot != 0) {
        char *at = slot_at(p, chunk, slot);
        show(at, p->item_size);
        chunk->free_slot = *(uint32_t *)(void *)at;
    } else {
        slot = chunk->fresh++;
        show(slot_at(p, chunk, slot), p->item_size);
    }
    p->empty_count -= chunk->used == 0;
    chunk->used++;
    p->count++;
    if (chunk->used == p->slots) {
        partial_remove(p, chunk);
    }
    return chunk->index << POOL_SLOT_BITS | slot;
}

void pool_free(struct pool *p, uint32_t handle)
{
    struct pool_chunk *chunk = p->chunks[handle >> POOL_SLOT_BITS];
    uint32_t slot = handle & ((1u << POOL_SLOT_BITS) - 1);
    assert(chunk != NULL && slot >= head_slots(p) && slot < chunk->fresh && chunk->used > 0);
    char *at = slot_at(p, chunk, slot);
    *(uint32_t *)(void *)at = chunk->free_slot;
    chunk->free_slot = slot;
    hide(at, p->item_size);
    if (chunk->used == p->slots) {
        partial_add(p, chunk);
    }
    chunk->used--;
    p->count--;
    if (chunk->used == 0) {
        p->empty_count++;
        if (p->empty_count > 1) {
            chunk_remove(p, chunk);
        }
    }
}

uint32_t pool_handle(const struct pool *p, const void *item)
{
    uintptr_t at = (uintptr_t)item;
    const struct pool_chunk *chunk =
        (const struct pool_chunk *)(at & ~(uintptr_t)(POOL_CHUNK_SIZE - 1));
    uint32_t offset = (uint32_t)(at & (POOL_CHUNK_SIZE - 1));
    return chunk->index << POOL_SLOT_BITS | offset / (uint32_t)p->item_size;
}

void *pool_owner(const void *item)
{
    uintptr_t at = (uintptr_t)item;
    return ((const struct pool_chunk *)(at & ~(uintptr_t)(POOL_CHUNK_SIZE - 1)))->owner;
}
