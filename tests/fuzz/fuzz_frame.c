/* The frame reader: however the bytes are cut, the same frames come out, and the same error.
 * First byte of the input: how to cut the rest. */
#include "fuzz.h"
#include "proto/frame.h"

#include <assert.h>
#include <stdlib.h>

#define LIMIT 5000u

struct seen {
    size_t count, size;
    uint64_t sum;
    int error;
};

static void look(struct seen *s, const struct frame *f)
{
    s->count++;
    s->size += f->body.size;
    s->sum = s->sum * 31 + f->type + f->flags + f->version + f->sent_ms;
    for (size_t i = 0; i < f->body.size; i++) {
        s->sum = s->sum * 31 + f->body.at[i];
    }
}

/* Receives into the cut frame where that is possible, as a link does. */
static struct seen read_all(struct bytes in, size_t step)
{
    struct frame_reader r;
    struct frame f;
    struct seen s = {0};
    frame_reader_init(&r, LIMIT);
    while (in.size > 0 && frame_reader_error(&r) == 0) {
        size_t room, n = in.size < step ? in.size : step;
        uint8_t *to = frame_reader_room(&r, &room);
        uint8_t *piece = NULL;
        if (to != NULL && room > 0) {
            n = n < room ? n : room;
            memcpy(to, in.at, n);
            frame_reader_filled(&r, n);
        } else {
            piece = malloc(n); /* so that a read beyond it is seen */
            assert(piece != NULL);
            memcpy(piece, in.at, n);
            frame_reader_feed(&r, bytes_of(piece, n));
        }
        while (frame_reader_next(&r, &f)) {
            look(&s, &f);
        }
        free(piece);
        in = bytes_of(in.at + n, in.size - n);
    }
    s.error = frame_reader_error(&r);
    frame_reader_fini(&r);
    return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    struct bytes in = bytes_of(data + 1, size - 1);
    struct seen whole = read_all(in, in.size);
    struct seen cut = read_all(in, data[0] == 0 ? 1 : data[0]);
    assert(whole.count == cut.count);
    assert(whole.size == cut.size);
    assert(whole.sum == cut.sum);
    assert(whole.error == cut.error);
    return 0;
}
