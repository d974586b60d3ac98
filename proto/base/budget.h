/* A named limit on bytes, and what is in use of it. Whoever allocates memory whose size an
 * outsider chose charges it here first, and is refused when the limit is reached: nothing
 * is ever evicted to make room. Single-threaded, as all state is.
 *
 * Some of what is free may be promised: kept for what is sure to come, the results of what was
 * accepted. What comes in new leaves it alone; who may use it charges an account of its own,
 * `of` the one with the limit. */
#ifndef BASE_BUDGET_H
#define BASE_BUDGET_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>

struct budget {
    size_t limit;      /* bytes */
    size_t used;       /* bytes */
    size_t promised;   /* bytes, of what is free; may be more than that */
    struct budget *of; /* NULL, or whose bytes these are: the others are 0 then */
};

/* The one with the limit. */
static inline struct budget *budget_whole(struct budget *b)
{
    return b->of == NULL ? b : b->of;
}

/* Would what is new, of that size, pass the limit or use what is promised? */
static inline bool budget_is_free(struct budget *b, size_t size)
{
    const struct budget *all = budget_whole(b);
    return size <= all->limit && all->used + all->promised <= all->limit - size;
}

/* False, and nothing charged, when `size` more bytes would pass the limit; of an account for
 * what is new, also when they are promised. */
static inline bool budget_charge(struct budget *b, size_t size)
{
    struct budget *all = budget_whole(b);
    size_t kept = b->of == NULL ? b->promised : 0;
    if (size > all->limit || all->used + kept > all->limit - size) {
        return false;
    }
    all->used += size;
    return true;
}

static inline void budget_return(struct budget *b, size_t size)
{
    struct budget *all = budget_whole(b);
    assert(all->used >= size);
    all->used -= size;
}

/* Keeps so many bytes free until budget_redeem(), as far as nobody else needs them who may. */
static inline void budget_promise(struct budget *b, size_t size)
{
    budget_whole(b)->promised += size;
}

static inline void budget_redeem(struct budget *b, size_t size)
{
    struct budget *all = budget_whole(b);
    assert(all->promised >= size);
    all->promised -= size;
}

#endif
