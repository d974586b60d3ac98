/* Reference-counted byte buffer, immutable once a second owner exists.
 *
 * One body may be in the store, in a write to a client and in a frame to a peer at once; each
 * holder owns exactly one reference, and the bytes exist once. Single-threaded by design: a
 * buffer never leaves the loop thread (workers borrow the view of one that the loop holds).
 *
 *   buf_new, buf_copy -> the caller owns the one reference
 *   buf_share         -> one more reference, for a second owner
 *   buf_drop          -> gives one reference back and clears the caller's pointer
 *   buf_view          -> borrows; valid while the caller still holds a reference
 *
 * A buffer charges its size and its own header to the budget it was made with, and gives
 * both back with its last reference. The budget must outlive the buffer.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/budget.h"
#include "base/bytes.h"

struct buf {
    uint32_t refs;
    uint32_t size;
    struct budget *budget; /* NULL: not charged (memory that no outsider sized) */
    uint8_t data[];
};

#define BUF_SIZE_MAX (UINT32_MAX - 64u) /* bytes */

/* `size` writable bytes, to be filled before the first buf_share(). On failure *out is NULL:
 * ERR_FULL: the budget is used up; refuse the work (503). ERR_NOMEM: likewise, the system
 * has none. ERR_TOOBIG: over BUF_SIZE_MAX. */
int buf_new(struct buf **out, struct budget *budget, size_t size);

/* buf_new() and a copy of `content`. */
int buf_copy(struct buf **out, struct budget *budget, struct bytes content);

/* Gives the tail beyond `size` back, to the system and to the budget. Only for the sole
 * owner: the buffer may move, so *b is renewed. */
void buf_shrink(struct buf **b, size_t size);

/* Makes room for `size` bytes in all (sole owner; the buffer may move). Errors as buf_new();
 * on an error *b is as it was. */
int buf_grow(struct buf **b, size_t size);

/* Charges a buffer that was made without a budget, as if it had been made with this one. On
 * ERR_FULL it stays uncharged and the caller's. */
int buf_charge(struct buf *b, struct budget *budget);

static inline struct buf *buf_share(struct buf *b)
{
    assert(b->refs > 0 && b->refs < UINT32_MAX);
    b->refs++;
    return b;
}

/* Accepts a pointer to NULL, so cleanup code needs no test. */
void buf_drop(struct buf **b);

/* NULL has an empty view. */
static inline struct bytes buf_view(const struct buf *b)
{
    return b == NULL ? bytes_of(NULL, 0) : bytes_of(b->data, b->size);
}

static inline size_t buf_size(const struct buf *b)
{
    return b == NULL ? 0 : b->size;
}

#endif
