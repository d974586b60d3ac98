#include "cluster/tombs.h"

#include "base/err.h"
#include "base/pages.h"

#include <assert.h>
#include <stdlib.h>

#define CHUNK_SIZE    (256u * 1024u)
#define CHUNK_ITEMS   (CHUNK_SIZE / sizeof(struct tomb))
#define SHARE         8      /* of the budget, at most one in so many */
#define LOOKED_AT_MAX 65536u /* by tombs_of(): a few milliseconds */

/* A running number as a handle: 31 bits of it, never 0. */
#define TURN_MASK 0x7fffffffu

static uint32_t handle_of(uint64_t number)
{
    return (uint32_t)(number & TURN_MASK) + 1;
}

static struct tomb *tomb_at(const struct tombs *ts, uint64_t number)
{
    return &ts->chunks[number / CHUNK_ITEMS & (ts->chunk_room - 1)][number % CHUNK_ITEMS];
}

static void *at(const void *owner, uint32_t handle)
{
    const struct tombs *ts = owner;
    uint32_t ahead = (handle - 1 - (uint32_t)ts->first) & TURN_MASK;
    return tomb_at(ts, ts->first + ahead);
}

int tombs_init(struct tombs *ts, struct budget *budget, struct nodes *nodes, uint64_t hash_key)
{
    *ts = (struct tombs){.budget = budget, .nodes = nodes};
    struct table_config config = {.at = at,
                                  .owner = ts,
                                  .next_offset = offsetof(struct tomb, hash_next),
                                  .key = hash_key};
    return table_init(&ts->table, &config);
}

void tombs_fini(struct tombs *ts)
{
    while (ts->first < ts->end) {
        tombs_forget_oldest(ts);
    }
    for (uint32_t i = 0; i < ts->chunk_room; i++) {
        if (ts->chunks[i] != NULL) {
            pages_unmap(ts->chunks[i], CHUNK_SIZE);
        }
    }
    free(ts->chunks);
    table_fini(&ts->table);
    *ts = (struct tombs){0};
}

static bool ring_grow(struct tombs *ts)
{
    uint32_t room = ts->chunk_room == 0 ? 4 : ts->chunk_room * 2;
    struct tomb **chunks = calloc(room, sizeof(struct tomb *));
    if (chunks == NULL) {
        return false;
    }
    for (uint64_t i = 0; i < ts->chunk_room; i++) {
        uint64_t chunk = ts->first / CHUNK_ITEMS + i;
        chunks[chunk & (room - 1)] = ts->chunks[chunk & (ts->chunk_room - 1)];
    }
    free(ts->chunks);
    ts->chunks = chunks;
    ts->chunk_room = room;
    return true;
}

static bool reserve(struct tombs *ts)
{
    uint64_t chunk = ts->end / CHUNK_ITEMS;
    if (chunk - ts->first / CHUNK_ITEMS >= ts->chunk_room && !ring_grow(ts)) {
        return false;
    }
    struct tomb **slot = &ts->chunks[chunk & (ts->chunk_room - 1)];
    if (*slot == NULL) {
        *slot = pages_map(CHUNK_SIZE);
    }
    return *slot != NULL;
}

bool tombs_add(struct tombs *ts, const struct tomb *t)
{
    size_t limit = budget_whole(ts->budget)->limit / SHARE;
    while (ts->first < ts->end && (size_t)tombs_count(ts) * TOMB_CHARGE >= limit) {
        tombs_forget_oldest(ts);
    }
    while (!budget_charge(ts->budget, TOMB_CHARGE)) {
        if (ts->first == ts->end) {
            return false;
        }
        tombs_forget_oldest(ts);
    }
    if (!reserve(ts)) {
        budget_return(ts->budget, TOMB_CHARGE);
        return false;
    }
    *tomb_at(ts, ts->end) = *t;
    ts->end++;
    if (table_add(&ts->table, handle_of(ts->end - 1)) != 0) {
        ts->end--;
        budget_return(ts->budget, TOMB_CHARGE);
        return false;
    }
    nodes_share(ts->nodes, (uint32_t)t->origin);
    return true;
}

struct tomb *tombs_find(const struct tombs *ts, const struct guid *guid)
{
    if (ts->first == ts->end) {
        return NULL;
    }
    uint32_t handle = table_find(&ts->table, guid);
    return handle == 0 ? NULL : at(ts, handle);
}

const struct tomb *tombs_oldest(const struct tombs *ts)
{
    return ts->first == ts->end ? NULL : tomb_at(ts, ts->first);
}

void tombs_forget_oldest(struct tombs *ts)
{
    assert(ts->first < ts->end);
    table_remove(&ts->table, handle_of(ts->first));
    nodes_drop(ts->nodes, (uint32_t)tomb_at(ts, ts->first)->origin);
    ts->first++;
    budget_return(ts->budget, TOMB_CHARGE);
    if (ts->first % CHUNK_ITEMS == 0) {
        struct tomb **slot = &ts->chunks[(ts->first / CHUNK_ITEMS - 1) & (ts->chunk_room - 1)];
        pages_unmap(*slot, CHUNK_SIZE);
        *slot = NULL;
    }
}

/* The index of `seq` in the `count` rising numbers; `count`: it is none of them. */
static uint32_t index_of(const uint64_t *seqs, uint32_t count, uint64_t seq)
{
    uint32_t low = 0, high = count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (seqs[middle] < seq) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < count && seqs[low] == seq ? low : count;
}

void tombs_of(const struct tombs *ts, uint16_t origin, const uint64_t *seqs,
              const struct tomb **out, uint32_t count)
{
    uint64_t left = ts->end - ts->first < LOOKED_AT_MAX ? ts->end - ts->first : LOOKED_AT_MAX;
    uint32_t found = 0;
    memset(out, 0, count * sizeof *out);
    for (uint64_t number = ts->end; left > 0 && found < count; left--) {
        const struct tomb *t = tomb_at(ts, --number);
        uint32_t i = t->origin == origin ? index_of(seqs, count, t->seq) : count;
        if (i < count) {
            out[i] = t;
            found++;
        }
    }
}
