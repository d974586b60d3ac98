/* What waits to be sent on one link: frames, written once, straight to where they are sent
 * from.
 *
 * Small things (heads, msgpack) are copied into chunks that the queue fills one after the
 * other; payloads are not copied: the queue keeps a reference to their buffer and hands out the
 * place where the bytes lie. So a body that goes to ten peers exists once, and one gathering
 * write takes a whole batch.
 *
 * A frame is written between frame_queue_begin() and frame_queue_end(). If memory runs out in
 * between, that is remembered, and _end() takes the whole frame back: half a frame is never
 * sent. The queue refuses to know what is in a frame and does not limit itself: ask
 * frame_queue_size(). Sizes are bytes.
 */
#ifndef PROTO_FRAME_QUEUE_H
#define PROTO_FRAME_QUEUE_H

#include "base/buf.h"
#include "proto/frame.h"

struct frame_queue_run; /* bytes that lie one after the other, and who holds them */

/* Fields are public for embedding and for the inline path only. */
struct frame_queue {
    struct frame_queue_run *runs; /* owned */
    uint32_t first, count, room;  /* the live ones are runs[first .. first + count) */
    size_t size;                  /* to be sent, with what is settled of an open frame */
    struct buf *chunk;            /* the chunk being filled, or NULL */
    struct buf *spare;            /* an empty one, kept for the next burst */
    uint8_t *at;                  /* the next free byte of the chunk */
    uint8_t *end;                 /* up to here one may write without asking */
    uint8_t *settled;             /* up to here the last run knows of what was written */

    /* The open frame. */
    struct frame open;
    uint8_t *head; /* where its head stands; NULL: none is open */
    size_t size_before;
    uint32_t count_before;
    size_t last_size_before;
    bool is_open, failed;
};

void frame_queue_init(struct frame_queue *q);
void frame_queue_fini(struct frame_queue *q); /* drops what was not sent */

/* Of frames that have ended. */
static inline size_t frame_queue_size(const struct frame_queue *q)
{
    return q->is_open ? q->size_before : q->size;
}

/* Opens a frame; `head->body` is not looked at. */
void frame_queue_begin(struct frame_queue *q, const struct frame *head);

/* For frame_queue_add() only: where no room is left in the chunk. */
void frame_queue_add_slow(struct frame_queue *q, const void *at, size_t size);

/* Copies. After a failure of this frame nothing is done, here and below. */
static inline void frame_queue_add(struct frame_queue *q, const void *at, size_t size)
{
    if ((size_t)(q->end - q->at) >= size) {
        memcpy(q->at, at, size);
        q->at += size;
        return;
    }
    frame_queue_add_slow(q, at, size);
}

/* `size` bytes of `b` from `offset` on, without a copy: the queue takes a reference of its
 * own. Runs too short to be worth one are copied. */
void frame_queue_add_buf(struct frame_queue *q, struct buf *b, size_t offset, size_t size);

/* Closes the frame if it has at most `limit` bytes, its head included. ERR_NOMEM, ERR_TOOBIG:
 * the queue is as it was before frame_queue_begin(). */
int frame_queue_end(struct frame_queue *q, size_t limit);

/* The first at most `max` runs of bytes to be sent; returns how many. Borrowed until the queue
 * is changed. */
size_t frame_queue_peek(const struct frame_queue *q, struct bytes *runs, size_t max);

/* The first `size` bytes have been handed to the system. */
void frame_queue_sent(struct frame_queue *q, size_t size);

#endif
