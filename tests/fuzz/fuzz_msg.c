/* The codec: any frame is refused, or can be said again, and then means the same. The input is
 * one frame with its head. */
#include "fuzz.h"
#include "proto/codec.h"
#include "proto/mp_guard.h"

#include <assert.h>
#include <stdlib.h>

static struct codec_arrays arrays;

/* The body of the one frame in `q`, in memory of exactly its size. */
static uint8_t *body_of(const struct frame_queue *q, size_t *size)
{
    struct bytes runs[16];
    size_t n = frame_queue_peek(q, runs, 16), at = 0;
    uint8_t *all = malloc(frame_queue_size(q));
    assert(all != NULL);
    for (size_t i = 0; i < n; i++) {
        memcpy(all + at, runs[i].at, runs[i].size);
        at += runs[i].size;
    }
    assert(at == frame_queue_size(q));
    *size = at;
    return all;
}

static uint8_t *say(const struct msg *m, size_t *size)
{
    struct frame_queue q;
    frame_queue_init(&q);
    int rc = codec_encode(&q, m, 1, MSG_BULK_MAX);
    assert(rc == 0);
    uint8_t *wire = body_of(&q, size);
    frame_queue_fini(&q);
    return wire;
}

static int understand(struct msg *m, uint8_t type, struct bytes body, struct budget *budget)
{
    struct frame f = {.type = type, .version = 1, .body = body};
    return codec_decode(m, &f, &arrays, budget);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size <= FRAME_HEAD_SIZE) {
        return 0;
    }
    struct budget budget = {.limit = 1u << 20};
    struct bytes body = bytes_of(data + FRAME_HEAD_SIZE, size - FRAME_HEAD_SIZE);
    struct msg m;
    if (understand(&m, data[4], body, &budget) != 0) {
        assert(budget.used == 0);
        return 0;
    }
    assert(budget.used <= body.size + 4 * sizeof(struct buf));
    if (m.kind == MSG_ACCEPT && m.accept.no_room) {
        codec_release(&m);
        return 0;
    }
    size_t said_size, again_size;
    uint8_t *said = say(&m, &said_size);
    codec_release(&m);
    assert(budget.used == 0);
    struct bytes said_body = bytes_of(said + FRAME_HEAD_SIZE, said_size - FRAME_HEAD_SIZE);
    int rc = understand(&m, said[4], said_body, &budget);
    assert(rc == 0);
    uint8_t *again = say(&m, &again_size);
    codec_release(&m);
    assert(said_size == again_size);
    assert(memcmp(said, again, said_size) == 0);
    free(said);
    free(again);
    return 0;
}
