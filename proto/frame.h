/* Frames: how messages lie one after the other on a TCP connection between two nodes.
 *
 *   u32 length | u8 type | u8 flags | u16 version | u64 sent_ms | msgpack      big-endian
 *
 * `length` counts what follows it: the other 12 bytes of the head and the message. `sent_ms`
 * is the sender's monotonic clock when the message was written: the receiver ages remaining
 * times by it (PROTOCOL.md, "Messages"). The reader refuses to know what a type means: an
 * unknown one is a frame like any other, and whoever does not know it passes over it.
 *
 * What comes from the other side is input: a length is checked against the limit of the link
 * before anything is allocated for it. All sizes are bytes.
 */
#ifndef PROTO_FRAME_H
#define PROTO_FRAME_H

#include "base/bytes.h"

#define FRAME_HEAD_SIZE 16u                 /* with the length itself */
#define FRAME_SENT_END  ((uint64_t)1 << 62) /* no clock goes so far: differences are safe */

struct frame {
    uint8_t type;
    uint8_t flags;
    uint16_t version;
    uint64_t sent_ms;
    struct bytes body; /* the msgpack value */
};

/* Writes the head of a frame whose body has `body_size` bytes. */
void frame_write_head(uint8_t out[FRAME_HEAD_SIZE], const struct frame *f, size_t body_size);

/* Bytes in, frames out. Frames that arrive whole are read where they lie; only the one cut
 * off at the end of what was received is kept, in memory of exactly its size.
 *
 *   frame_reader_feed(r, received);
 *   while (frame_reader_next(r, &f)) { use f }
 *   if (frame_reader_error(r) != 0) { close the link }
 */
struct frame_reader {
    struct bytes in; /* borrowed: fed and not read yet */
    uint8_t *cut;    /* owned: the frame that is cut off, its head first; or NULL */
    size_t cut_room; /* allocated */
    size_t cut_size; /* of the whole frame, once its head is known; else 0 */
    size_t cut_have; /* bytes of it received */
    uint32_t limit;  /* of a whole frame, its head included */
    int error;
    bool cut_is_lent;              /* the last frame given out lies in `cut` */
    uint8_t head[FRAME_HEAD_SIZE]; /* first bytes of the cut frame, until all 16 are here */
};

void frame_reader_init(struct frame_reader *r, uint32_t limit);
void frame_reader_fini(struct frame_reader *r);

/* From the next frame on. */
void frame_reader_set_limit(struct frame_reader *r, uint32_t limit);

/* `in` is borrowed until frame_reader_next() has said false. */
void frame_reader_feed(struct frame_reader *r, struct bytes in);

/* False: no whole frame left. out->body is borrowed until the next call with this reader. */
bool frame_reader_next(struct frame_reader *r, struct frame *out);

/* 0, or why the link must be closed; it stays so. ERR_MALFORMED: a length shorter than the
 * head. ERR_TOOBIG: over the limit. ERR_NOMEM: no memory for the cut frame. */
int frame_reader_error(const struct frame_reader *r);

/* Where the rest of a cut frame may be received directly, and how much of it: saves the copy
 * of large frames. NULL: none is awaited. Tell frame_reader_filled() before _next(). */
uint8_t *frame_reader_room(struct frame_reader *r, size_t *room);
void frame_reader_filled(struct frame_reader *r, size_t size);

#endif
