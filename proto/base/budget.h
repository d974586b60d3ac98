/* A named limit on bytes, and what is in use of it. Whoever allocates memory whose size an
 * outsider chose charges it here first, and is refused when the limit is reached: nothing
 * is ever evicted to make room. Single-threaded, as all state is. */
#ifndef BASE_BUDGET_H
#define BASE_BUDGET_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>

struct budget {
    size_t limit; /* bytes */
    size_t used;  /* bytes */
};

/* False, and nothing charged, when `size` more bytes would pass the limit. */
static inline bool budget_charge(struct budget *b, size_t size)
{
    if (size > b->limit || b->used > b->limit - size) {
        return false;
    }
    b->used += size;
    return true;
}

static inline void budget_return(struct budget *b, size_t size)
{
    assert(b->used >= size);
    b->used -= size;
}

#endif
