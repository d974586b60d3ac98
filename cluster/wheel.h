/* Hierarchical timing wheel (Varghese & Lauck 1987, scheme 7): four levels of 256 slots over
 * ticks of one millisecond. Adding, removing and finding what is due are O(1); an item moves
 * down at most three times in its life.
 *
 * A slot of a higher level may hold a million items, too many to move in one go: they wait on a
 * list of their own, and each wheel_pop() moves some, while the wheel's time stands still.
 *
 * The links lie in the items, the items in a pool, so adding never allocates and never fails.
 * The wheel knows no clock: time is an argument. An item that is due in more than 49 days
 * waits in the last slot and is asked again.
 */
#ifndef CLUSTER_WHEEL_H
#define CLUSTER_WHEEL_H

#include "cluster/pool.h"

#define WHEEL_LEVELS 4
#define WHEEL_SLOTS  256
#define WHEEL_MOVING                                                                           \
    WHEEL_LEVELS /* one more row of slots: what is on its way down, by level                   \
                  */

/* In each item; zeroed before the first use. `prev` 0: not in the wheel. */
struct wheel_link {
    uint32_t prev, next;
};

struct wheel {
    const struct pool *pool;
    size_t link_offset; /* of struct wheel_link in an item */
    uint64_t (*due_at_ms)(const void *owner, const void *item);
    const void *owner;
    uint64_t now_ms; /* all before this has been given out */
    uint32_t count;
    uint32_t slots[WHEEL_LEVELS + 1][WHEEL_SLOTS];
    uint64_t busy[WHEEL_LEVELS + 1][WHEEL_SLOTS / 64];
};

struct wheel_config {
    const struct pool *pool;
    size_t link_offset;
    uint64_t (*due_at_ms)(const void *owner, const void *item); /* asked when an item moves */
    const void *owner;
};

void wheel_init(struct wheel *w, const struct wheel_config *config, uint64_t now_ms);

/* The item must not be in the wheel; what `due_at_ms` says of it must not change while it is.
 */
void wheel_add(struct wheel *w, uint32_t handle);

/* Harmless when it is not in the wheel. */
void wheel_remove(struct wheel *w, uint32_t handle);

/* Takes one item out that is due at `now_ms`; 0: there is none (yet). Call it until it says
 * so, or stop earlier and come back: nothing is lost. */
uint32_t wheel_pop(struct wheel *w, uint64_t now_ms);

/* When to call wheel_pop() next, at the latest; may be too early by moves between levels, never
 * too late. UINT64_MAX: it is empty. */
uint64_t wheel_deadline_ms(const struct wheel *w);

/* Asserts every link and bit; for tests. */
void wheel_validate(const struct wheel *w);

#endif
