#include "cluster/table.h"

#include "base/err.h"
#include "base/hash.h"

#include <assert.h>
#include <stdlib.h>

#define SEGMENT_BITS 12 /* buckets in a segment: 4096, 16 KiB */
#define SEGMENT_SIZE (1u << SEGMENT_BITS)
#define FIRST_COUNT  64u /* buckets of an empty table */

static void *item_at(const struct table *t, uint32_t handle)
{
    return t->config.pool != NULL ? pool_at(t->config.pool, handle)
                                  : t->config.at(t->config.owner, handle);
}

static uint32_t *next_of(const struct table *t, uint32_t handle)
{
    return (uint32_t *)(void *)((char *)item_at(t, handle) + t->config.next_offset);
}

static uint32_t *bucket_at(const struct table *t, uint32_t index)
{
    return &t->segments[index >> SEGMENT_BITS][index & (SEGMENT_SIZE - 1)];
}

/* Buckets below the split point have been divided already: they use one bit more. */
static uint32_t bucket_of(const struct table *t, const void *key)
{
    uint32_t hash = (uint32_t)hash_16((const uint8_t *)key, t->config.key);
    uint32_t index = hash & (2 * t->low - 1);
    return index < t->bucket_count ? index : index & (t->low - 1);
}

int table_init(struct table *t, const struct table_config *config)
{
    *t = (struct table){.config = *config, .bucket_count = FIRST_COUNT, .low = FIRST_COUNT};
    t->segments = calloc(8, sizeof *t->segments);
    t->last = calloc(1, sizeof *t->last);
    if (t->segments == NULL || t->last == NULL) {
        table_fini(t);
        return ERR_NOMEM;
    }
    t->segment_room = 8;
    t->segments[0] = calloc(SEGMENT_SIZE, sizeof(uint32_t));
    if (t->segments[0] == NULL) {
        table_fini(t);
        return ERR_NOMEM;
    }
    t->segment_count = 1;
    return 0;
}

void table_fini(struct table *t)
{
    for (uint32_t i = 0; i < t->segment_count; i++) {
        free(t->segments[i]);
    }
    free(t->segments);
    free(t->last);
    *t = (struct table){0};
}

static int segment_add(struct table *t)
{
    if (t->segment_count == t->segment_room) {
        uint32_t room = t->segment_room * 2;
        uint32_t **grown = realloc(t->segments, room * sizeof *grown);
        if (grown == NULL) {
            return ERR_NOMEM;
        }
        t->segments = grown;
        t->segment_room = room;
    }
    uint32_t *segment = calloc(SEGMENT_SIZE, sizeof *segment);
    if (segment == NULL) {
        return ERR_NOMEM;
    }
    t->segments[t->segment_count++] = segment;
    return 0;
}

/* Adds one bucket and moves half of another's items into it. */
static int grow(struct table *t)
{
    if (t->bucket_count >> SEGMENT_BITS == t->segment_count && segment_add(t) != 0) {
        return ERR_NOMEM;
    }
    uint32_t source = t->bucket_count - t->low;
    uint32_t handle = *bucket_at(t, source);
    *bucket_at(t, source) = 0;
    *bucket_at(t, t->bucket_count) = 0;
    t->bucket_count++;
    if (t->bucket_count == 2 * t->low) {
        t->low *= 2;
    }
    while (handle != 0) {
        uint32_t *link = next_of(t, handle);
        uint32_t next = *link;
        uint32_t *bucket = bucket_at(t, bucket_of(t, item_at(t, handle)));
        *link = *bucket;
        *bucket = handle;
        handle = next;
    }
    handle = *bucket_at(t, t->bucket_count - t->low);
    if (handle != 0) {
        __builtin_prefetch(item_at(t, handle)); /* the next one to be divided */
    }
    return 0;
}

/* Joins the last bucket with the one it was split from. */
static void shrink(struct table *t)
{
    uint32_t last = t->bucket_count - 1;
    if (last < t->low) {
        t->low /= 2;
    }
    uint32_t handle = *bucket_at(t, last);
    uint32_t *target = bucket_at(t, last - t->low);
    while (handle != 0) {
        uint32_t *link = next_of(t, handle);
        uint32_t next = *link;
        *link = *target;
        *target = handle;
        handle = next;
    }
    t->bucket_count = last;
    /* A spare segment stays, so that going to and fro over a border costs nothing. */
    uint32_t needed = ((last - 1) >> SEGMENT_BITS) + 2;
    if (t->segment_count > needed) {
        free(t->segments[--t->segment_count]);
    }
}

int table_add(struct table *t, uint32_t handle)
{
    if (t->count >= t->bucket_count && grow(t) != 0) {
        return ERR_NOMEM;
    }
    uint32_t *bucket = bucket_at(t, bucket_of(t, item_at(t, handle)));
    *next_of(t, handle) = *bucket;
    *bucket = handle;
    t->count++;
    return 0;
}

uint32_t table_find(const struct table *t, const struct guid *key)
{
    if (*t->last != 0 && guid_equal(item_at(t, *t->last), key)) {
        return *t->last;
    }
    uint32_t handle = *bucket_at(t, bucket_of(t, key));
    while (handle != 0) {
        const void *item = item_at(t, handle);
        if (guid_equal(item, key)) {
            *t->last = handle;
            return handle;
        }
        handle = *(const uint32_t *)(const void *)((const char *)item + t->config.next_offset);
    }
    return 0;
}

uint32_t table_bucket(const struct table *t, uint32_t index)
{
    return index < t->bucket_count ? *bucket_at(t, index) : 0;
}

uint32_t table_any(const struct table *t)
{
    for (uint32_t i = t->count == 0 ? 0 : t->bucket_count; i > 0; i--) {
        if (*bucket_at(t, i - 1) != 0) {
            return *bucket_at(t, i - 1);
        }
    }
    return 0;
}

void table_remove(struct table *t, uint32_t handle)
{
    uint32_t *link = bucket_at(t, bucket_of(t, item_at(t, handle)));
    while (*link != handle) {
        assert(*link != 0);
        link = next_of(t, *link);
    }
    *link = *next_of(t, handle);
    t->count--;
    if (*t->last == handle) {
        *t->last = 0;
    }
    if (t->bucket_count > FIRST_COUNT && t->count < t->bucket_count / 2) {
        shrink(t);
    }
}
