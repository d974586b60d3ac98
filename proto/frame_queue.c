#include "proto/frame_queue.h"

#include "base/err.h"

#include <assert.h>
#include <stdlib.h>

#define CHUNK_SIZE   (16u * 1024) /* bytes */
#define COPY_MAX     256u /* bytes; a shorter run costs less copied than as a run of its own */
#define FIRST_PIECES 16u

struct frame_queue_piece {
    struct buf *holder; /* owned: one reference */
    const uint8_t *at;
    size_t size;
};

void frame_queue_init(struct frame_queue *q)
{
    *q = (struct frame_queue){0};
}

void frame_queue_fini(struct frame_queue *q)
{
    for (uint32_t i = 0; i < q->count; i++) {
        buf_drop(&q->pieces[q->first + i].holder);
    }
    free(q->pieces);
    buf_drop(&q->chunk);
    buf_drop(&q->spare);
    *q = (struct frame_queue){0};
}

/* A new piece at the end; NULL and `failed` when there is no memory. */
static struct frame_queue_piece *add_piece(struct frame_queue *q)
{
    if (q->first + q->count < q->room) {
        return &q->pieces[q->first + q->count++];
    }
    if (q->first > q->room / 2) {
        memmove(q->pieces, q->pieces + q->first, q->count * sizeof *q->pieces);
        q->first = 0;
        return &q->pieces[q->count++];
    }
    uint32_t room = q->room == 0 ? FIRST_PIECES : q->room * 2;
    struct frame_queue_piece *moved = realloc(q->pieces, room * sizeof *moved);
    if (moved == NULL) {
        q->failed = true;
        return NULL;
    }
    q->pieces = moved;
    q->room = room;
    return &q->pieces[q->first + q->count++];
}

/* Ends the chunk being filled and takes another. The pieces in the old one hold it. */
static bool next_chunk(struct frame_queue *q)
{
    struct buf *fresh = q->spare;
    q->spare = NULL;
    if (fresh == NULL && buf_new(&fresh, NULL, CHUNK_SIZE) != 0) {
        q->failed = true;
        return false;
    }
    buf_drop(&q->chunk);
    q->chunk = fresh;
    q->chunk_used = 0;
    return true;
}

/* Makes the next `size` bytes of the chunk part of what is to be sent. */
static uint8_t *extend(struct frame_queue *q, size_t size)
{
    assert(size <= CHUNK_SIZE - q->chunk_used);
    uint8_t *at = q->chunk->data + q->chunk_used;
    struct frame_queue_piece *last = q->count == 0 ? NULL : &q->pieces[q->first + q->count - 1];
    if (last != NULL && last->at + last->size == at && last->holder == q->chunk) {
        last->size += size;
    } else {
        last = add_piece(q);
        if (last == NULL) {
            return NULL;
        }
        *last = (struct frame_queue_piece){buf_share(q->chunk), at, size};
    }
    q->chunk_used += (uint32_t)size;
    q->size += size;
    return at;
}

void frame_queue_begin(struct frame_queue *q, const struct frame *head)
{
    assert(q->head == NULL);
    q->open = *head;
    q->failed = false;
    q->size_before = q->size;
    if (q->chunk == NULL || CHUNK_SIZE - q->chunk_used < FRAME_HEAD_SIZE) {
        next_chunk(q);
    }
    q->count_before = q->count;
    q->last_size_before = q->count == 0 ? 0 : (uint32_t)q->pieces[q->first + q->count - 1].size;
    q->head = q->failed ? NULL : extend(q, FRAME_HEAD_SIZE);
}

void frame_queue_add(struct frame_queue *q, const void *at, size_t size)
{
    const uint8_t *from = at;
    while (size > 0 && !q->failed) {
        size_t room = CHUNK_SIZE - q->chunk_used;
        if (room == 0) {
            next_chunk(q);
            continue;
        }
        size_t n = size < room ? size : room;
        uint8_t *to = extend(q, n);
        if (to != NULL) {
            memcpy(to, from, n);
            from += n;
            size -= n;
        }
    }
}

void frame_queue_add_buf(struct frame_queue *q, struct buf *b, size_t offset, size_t size)
{
    assert(offset <= buf_size(b));
    assert(size <= buf_size(b) - offset);
    if (q->failed || size == 0) {
        return;
    }
    if (size <= COPY_MAX) {
        frame_queue_add(q, b->data + offset, size);
        return;
    }
    struct frame_queue_piece *p = add_piece(q);
    if (p != NULL) {
        *p = (struct frame_queue_piece){buf_share(b), b->data + offset, size};
        q->size += size;
    }
}

/* Takes the open frame back. The bytes it used in chunks are lost to them, no more. */
static void undo(struct frame_queue *q)
{
    while (q->count > q->count_before) {
        q->count--;
        buf_drop(&q->pieces[q->first + q->count].holder);
    }
    if (q->count > 0) {
        q->pieces[q->first + q->count - 1].size = q->last_size_before;
    }
    q->size = q->size_before;
}

int frame_queue_end(struct frame_queue *q, uint32_t limit)
{
    int rc = q->failed ? ERR_NOMEM : 0;
    size_t body_size = rc == 0 ? q->size - q->size_before - FRAME_HEAD_SIZE : 0;
    if (body_size > limit) {
        rc = ERR_TOOBIG;
    }
    if (rc == 0) {
        frame_write_head(q->head, &q->open, body_size);
    } else {
        undo(q);
    }
    q->head = NULL;
    q->failed = false;
    return rc;
}

size_t frame_queue_peek(const struct frame_queue *q, struct bytes *runs, size_t max)
{
    assert(q->head == NULL);
    size_t n = q->count < max ? q->count : max;
    for (size_t i = 0; i < n; i++) {
        const struct frame_queue_piece *p = &q->pieces[q->first + i];
        runs[i] = bytes_of(p->at, p->size);
    }
    return n;
}

/* The last reference to a chunk makes it the spare one instead of freeing it. */
static void drop_piece(struct frame_queue *q, struct frame_queue_piece *p)
{
    bool is_chunk =
        p->holder->refs == 1 && p->holder->size == CHUNK_SIZE && p->holder->budget == NULL;
    if (is_chunk && q->spare == NULL) {
        q->spare = p->holder;
        p->holder = NULL;
    } else {
        buf_drop(&p->holder);
    }
}

void frame_queue_sent(struct frame_queue *q, size_t size)
{
    assert(q->head == NULL);
    assert(size <= q->size);
    q->size -= size;
    while (size > 0) {
        struct frame_queue_piece *p = &q->pieces[q->first];
        if (size < p->size) {
            p->at += size;
            p->size -= size;
            return;
        }
        size -= p->size;
        drop_piece(q, p);
        q->first++;
        q->count--;
    }
    if (q->count == 0) {
        q->first = 0;
        if (q->chunk != NULL && q->chunk->refs == 1) {
            q->chunk_used = 0; /* nothing points into it any more */
        }
    }
}
