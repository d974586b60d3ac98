#include "cluster/wheel.h"

#include <assert.h>
#include <string.h>

/* The first item of a slot has the slot's own number, marked, as its `prev`. */
#define SLOT_MARK 0x80000000u
#define MOVES_MAX 4096u /* items: well under a millisecond of work */

static struct wheel_link *link_of(const struct wheel *w, uint32_t handle)
{
    return (struct wheel_link *)(void *)((char *)pool_at(w->pool, handle) + w->link_offset);
}

void wheel_init(struct wheel *w, const struct wheel_config *config, uint64_t now_ms)
{
    memset(w, 0, sizeof *w);
    w->pool = config->pool;
    w->link_offset = config->link_offset;
    w->due_at_ms = config->due_at_ms;
    w->owner = config->owner;
    w->now_ms = now_ms;
}

static void slot_push(struct wheel *w, uint32_t level, uint32_t slot, uint32_t handle)
{
    struct wheel_link *link = link_of(w, handle);
    uint32_t first = w->slots[level][slot];
    link->prev = SLOT_MARK | level << 8 | slot;
    link->next = first;
    if (first != 0) {
        link_of(w, first)->prev = handle;
    }
    w->slots[level][slot] = handle;
    w->busy[level][slot / 64] |= (uint64_t)1 << (slot % 64);
}

static void place(struct wheel *w, uint32_t handle, uint64_t due)
{
    if (due <= w->now_ms) {
        slot_push(w, 0, (uint32_t)(w->now_ms & 255), handle);
        return;
    }
    for (uint32_t level = 0; level < WHEEL_LEVELS; level++) {
        uint32_t shift = 8 * level;
        if ((due >> shift) - (w->now_ms >> shift) < WHEEL_SLOTS) {
            slot_push(w, level, (uint32_t)(due >> shift) & 255, handle);
            return;
        }
    }
    uint32_t shift = 8 * (WHEEL_LEVELS - 1);
    uint32_t last = (uint32_t)((w->now_ms >> shift) + WHEEL_SLOTS - 1) & 255;
    slot_push(w, WHEEL_LEVELS - 1, last, handle);
}

void wheel_add(struct wheel *w, uint32_t handle)
{
    assert(link_of(w, handle)->prev == 0);
    w->count++;
    place(w, handle, w->due_at_ms(w->owner, pool_at(w->pool, handle)));
}

static void unlink_item(struct wheel *w, struct wheel_link *link)
{
    if (link->next != 0) {
        link_of(w, link->next)->prev = link->prev;
    }
    if ((link->prev & SLOT_MARK) != 0) {
        uint32_t level = link->prev >> 8 & 255;
        uint32_t slot = link->prev & 255;
        w->slots[level][slot] = link->next;
        if (link->next == 0) {
            w->busy[level][slot / 64] &= ~((uint64_t)1 << (slot % 64));
        }
    } else {
        link_of(w, link->prev)->next = link->next;
    }
    link->prev = link->next = 0;
}

void wheel_remove(struct wheel *w, uint32_t handle)
{
    struct wheel_link *link = link_of(w, handle);
    if (link->prev == 0) {
        return;
    }
    unlink_item(w, link);
    w->count--;
}

/* Everything of one slot of a higher level is to be placed anew: see move_some(). */
static void cascade(struct wheel *w, uint32_t level)
{
    uint32_t slot = (uint32_t)(w->now_ms >> (8 * level)) & 255;
    uint32_t handle = w->slots[level][slot];
    assert(w->slots[WHEEL_MOVING][level] == 0);
    if (handle == 0) {
        return;
    }
    w->slots[level][slot] = 0;
    w->busy[level][slot / 64] &= ~((uint64_t)1 << (slot % 64));
    w->slots[WHEEL_MOVING][level] = handle;
    w->busy[WHEEL_MOVING][0] |= (uint64_t)1 << level;
    link_of(w, handle)->prev = SLOT_MARK | WHEEL_MOVING << 8 | level;
}

/* Places at most MOVES_MAX of those anew. True when none is left. */
static bool move_some(struct wheel *w)
{
    uint32_t moved = 0;
    for (uint32_t level = 1; level < WHEEL_LEVELS; level++) {
        uint32_t handle;
        while ((handle = w->slots[WHEEL_MOVING][level]) != 0) {
            if (moved == MOVES_MAX) {
                return false;
            }
            moved++;
            unlink_item(w, link_of(w, handle));
            place(w, handle, w->due_at_ms(w->owner, pool_at(w->pool, handle)));
        }
    }
    return true;
}

/* The first busy slot of `level` in [from, 256), or 256. */
static uint32_t busy_from(const struct wheel *w, uint32_t level, uint32_t from)
{
    for (uint32_t word = from / 64; word < WHEEL_SLOTS / 64; word++) {
        uint64_t bits = w->busy[level][word];
        if (word == from / 64) {
            bits &= ~(uint64_t)0 << (from % 64);
        }
        if (bits != 0) {
            return word * 64 + (uint32_t)__builtin_ctzll(bits);
        }
    }
    return WHEEL_SLOTS;
}

uint64_t wheel_deadline_ms(const struct wheel *w)
{
    if (w->count == 0) {
        return UINT64_MAX;
    }
    if (w->busy[WHEEL_MOVING][0] != 0) {
        return w->now_ms;
    }
    uint64_t best = UINT64_MAX;
    for (uint32_t level = 0; level < WHEEL_LEVELS; level++) {
        uint32_t shift = 8 * level;
        uint64_t tick = w->now_ms >> shift;
        uint32_t at = (uint32_t)tick & 255;
        /* The own slot of level 0 is due now; of a higher level it is a whole turn away. */
        uint32_t from = level == 0 ? at : at + 1;
        uint32_t slot = from < WHEEL_SLOTS ? busy_from(w, level, from) : WHEEL_SLOTS;
        uint64_t ahead = slot - at;
        if (slot == WHEEL_SLOTS) {
            slot = busy_from(w, level, 0);
            if (slot == WHEEL_SLOTS) {
                continue;
            }
            ahead = (uint64_t)slot + WHEEL_SLOTS - at;
        }
        uint64_t due = (tick + ahead) << shift;
        best = due < best ? due : best;
    }
    return best;
}

/* Moves to the next tick that has something to do, but not past `now_ms`. No busy slot is
 * passed over, so only slots that begin just now have to be placed anew. */
static void step(struct wheel *w, uint64_t now_ms)
{
    uint64_t next = wheel_deadline_ms(w);
    w->now_ms = next < now_ms ? next : now_ms;
    for (uint32_t level = 1; level < WHEEL_LEVELS; level++) {
        if ((w->now_ms & (((uint64_t)1 << (8 * level)) - 1)) != 0) {
            break;
        }
        cascade(w, level);
    }
}

uint32_t wheel_pop(struct wheel *w, uint64_t now_ms)
{
    if (w->count == 0) {
        w->now_ms = now_ms > w->now_ms ? now_ms : w->now_ms;
        return 0;
    }
    for (;;) {
        if (w->busy[WHEEL_MOVING][0] != 0 && !move_some(w)) {
            return 0;
        }
        uint32_t handle = w->slots[0][w->now_ms & 255];
        if (handle != 0) {
            unlink_item(w, link_of(w, handle));
            w->count--;
            return handle;
        }
        if (w->now_ms >= now_ms) {
            return 0;
        }
        step(w, now_ms);
    }
}

void wheel_validate(const struct wheel *w)
{
    uint32_t found = 0;
    for (uint32_t level = 0; level <= WHEEL_MOVING; level++) {
        for (uint32_t slot = 0; slot < WHEEL_SLOTS; slot++) {
            uint32_t prev = SLOT_MARK | level << 8 | slot;
            uint32_t handle = w->slots[level][slot];
            bool bit = (w->busy[level][slot / 64] >> (slot % 64) & 1) != 0;
            assert(bit == (handle != 0));
            for (; handle != 0; handle = link_of(w, handle)->next) {
                assert(link_of(w, handle)->prev == prev);
                prev = handle;
                found++;
            }
        }
    }
    assert(found == w->count);
}
