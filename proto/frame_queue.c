#include "proto/frame_queue.h"

#include "base/err.h"

#include <assert.h>
#include <stdlib.h>

#define CHUNK_SIZE ((size_t)16 * 1024) /* bytes */
#define COPY_MAX   256u /* bytes; so short a run costs less copied than on its own */
#define FIRST_ROOM 16u  /* runs */

struct frame_queue_run {
    struct buf *holder; /* owned: one reference */
    const uint8_t *at;
    size_t size;
};

void frame_queue_init(struct frame_queue *q)
{
    /* Never NULL, so that pointers can be compared before the first chunk exists. */
    static uint8_t nowhere[1];
    *q = (struct frame_queue){.at = nowhere, .end = nowhere, .settled = nowhere};
}

void frame_queue_fini(struct frame_queue *q)
{
    for (uint32_t i = 0; i < q->count; i++) {
        buf_drop(&q->runs[q->first + i].holder);
    }
    free(q->runs);
    buf_drop(&q->chunk);
    buf_drop(&q->spare);
    frame_queue_init(q);
}

static struct frame_queue_run *last_run(const struct frame_queue *q)
{
    return q->count == 0 ? NULL : &q->runs[q->first + q->count - 1];
}

/* A new run at the end; NULL and `failed` when there is no memory. */
static struct frame_queue_run *add_run(struct frame_queue *q)
{
    if (q->first + q->count < q->room) {
        return &q->runs[q->first + q->count++];
    }
    if (q->first > q->room / 2) {
        memmove(q->runs, q->runs + q->first, q->count * sizeof *q->runs);
        q->first = 0;
        return &q->runs[q->count++];
    }
    uint32_t room = q->room == 0 ? FIRST_ROOM : q->room * 2;
    struct frame_queue_run *moved = realloc(q->runs, room * sizeof *moved);
    if (moved == NULL) {
        q->failed = true;
        return NULL;
    }
    q->runs = moved;
    q->room = room;
    return &q->runs[q->first + q->count++];
}

/* Lets the last run know of what was written behind it. */
static void settle(struct frame_queue *q)
{
    if (q->at > q->settled) {
        size_t more = (size_t)(q->at - q->settled);
        last_run(q)->size += more;
        q->size += more;
        q->settled = q->at;
    }
    q->end = q->at;
}

static uint8_t *chunk_end(const struct frame_queue *q)
{
    return q->chunk == NULL ? q->at : q->chunk->data + CHUNK_SIZE;
}

/* Ends the chunk being filled and takes another. The runs in the old one hold it. */
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
    q->at = q->settled = q->end = fresh->data;
    return true;
}

/* Makes the chunk's free bytes the end of what is to be sent, so that they can be written. */
static bool open_run(struct frame_queue *q)
{
    struct frame_queue_run *last = last_run(q);
    if (last == NULL || last->holder != q->chunk || last->at + last->size != q->at) {
        last = add_run(q);
        if (last == NULL) {
            return false;
        }
        *last = (struct frame_queue_run){.holder = buf_share(q->chunk), .at = q->at};
    }
    q->settled = q->at;
    q->end = chunk_end(q);
    return true;
}

void frame_queue_begin(struct frame_queue *q, const struct frame *head)
{
    assert(!q->is_open);
    q->is_open = true;
    q->failed = false;
    q->open = *head;
    q->size_before = q->size;
    q->count_before = q->count;
    q->last_size_before = q->count == 0 ? 0 : last_run(q)->size;
    bool fits = (size_t)(chunk_end(q) - q->at) >= FRAME_HEAD_SIZE;
    if ((fits || next_chunk(q)) && open_run(q)) {
        q->head = q->at;
        q->at += FRAME_HEAD_SIZE;
    }
}

void frame_queue_add_slow(struct frame_queue *q, const void *at, size_t size)
{
    assert(q->is_open);
    const uint8_t *from = at;
    settle(q);
    while (size > 0 && !q->failed) {
        size_t room = (size_t)(chunk_end(q) - q->at);
        if ((room == 0 && !next_chunk(q)) || !open_run(q)) {
            return;
        }
        room = (size_t)(q->end - q->at);
        size_t n = size < room ? size : room;
        memcpy(q->at, from, n);
        q->at += n;
        from += n;
        size -= n;
        if (size > 0) {
            settle(q);
        }
    }
}

void frame_queue_add_buf(struct frame_queue *q, struct buf *b, size_t offset, size_t size)
{
    assert(q->is_open);
    assert(offset <= buf_size(b));
    assert(size <= buf_size(b) - offset);
    if (q->failed || size == 0) {
        return;
    }
    if (size <= COPY_MAX) {
        frame_queue_add(q, b->data + offset, size);
        return;
    }
    settle(q);
    struct frame_queue_run *r = add_run(q);
    if (r != NULL) {
        *r = (struct frame_queue_run){buf_share(b), b->data + offset, size};
        q->size += size;
    }
}

/* Takes the open frame back. The bytes it used in chunks are lost to them, no more. */
static void undo(struct frame_queue *q)
{
    while (q->count > q->count_before) {
        buf_drop(&last_run(q)->holder);
        q->count--;
    }
    if (q->count > 0) {
        last_run(q)->size = q->last_size_before;
    }
    q->size = q->size_before;
}

int frame_queue_end(struct frame_queue *q, size_t limit)
{
    assert(q->is_open);
    settle(q);
    size_t size = q->size - q->size_before;
    int rc = q->failed ? ERR_NOMEM : size > limit ? ERR_TOOBIG : 0;
    if (rc == 0) {
        frame_write_head(q->head, &q->open, size - FRAME_HEAD_SIZE);
    } else {
        undo(q);
    }
    q->is_open = false;
    q->failed = false;
    return rc;
}

size_t frame_queue_peek(const struct frame_queue *q, struct bytes *runs, size_t max)
{
    assert(!q->is_open);
    size_t n = q->count < max ? q->count : max;
    for (size_t i = 0; i < n; i++) {
        const struct frame_queue_run *r = &q->runs[q->first + i];
        runs[i] = bytes_of(r->at, r->size);
    }
    return n;
}

/* The last reference to a chunk makes it the spare one instead of freeing it. */
static void drop_run(struct frame_queue *q, struct frame_queue_run *r)
{
    struct buf *b = r->holder;
    if (q->spare == NULL && b->refs == 1 && b->size == CHUNK_SIZE && b->budget == NULL) {
        q->spare = b;
        r->holder = NULL;
    } else {
        buf_drop(&r->holder);
    }
}

void frame_queue_sent(struct frame_queue *q, size_t size)
{
    assert(!q->is_open);
    assert(size <= q->size);
    q->size -= size;
    while (size > 0) {
        struct frame_queue_run *r = &q->runs[q->first];
        if (size < r->size) {
            r->at += size;
            r->size -= size;
            return;
        }
        size -= r->size;
        drop_run(q, r);
        q->first++;
        q->count--;
    }
    if (q->count == 0) {
        q->first = 0;
        if (q->chunk != NULL) { /* nothing points into it any more */
            assert(q->chunk->refs == 1);
            q->at = q->settled = q->end = q->chunk->data;
        }
    }
}
