/* Writes the msgpack of a message with msgpack-c, straight into the frame that is open in a
 * link's queue: no buffer in between. Nothing here can fail on its own; a queue that found no
 * memory remembers it until frame_queue_end(). The counterpart of mp_in.h. */
#ifndef PROTO_MP_OUT_H
#define PROTO_MP_OUT_H

#include "proto/frame_queue.h"
#include "proto/guid.h"

#include <msgpack.h>

struct mp_out {
    msgpack_packer packer;
    struct frame_queue *queue;
};

static inline int mp_out_write(void *queue, const char *at, size_t size)
{
    frame_queue_add(queue, at, size);
    return 0;
}

static inline void mp_out_init(struct mp_out *out, struct frame_queue *q)
{
    out->queue = q;
    msgpack_packer_init(&out->packer, q, mp_out_write);
}

static inline void mp_out_array(struct mp_out *out, size_t count)
{
    msgpack_pack_array(&out->packer, count);
}

static inline void mp_out_uint(struct mp_out *out, uint64_t value)
{
    if (value < 0x80) { /* positive fixint: most of them */
        uint8_t wire = (uint8_t)value;
        frame_queue_add(out->queue, &wire, 1);
        return;
    }
    msgpack_pack_uint64(&out->packer, value);
}

static inline void mp_out_bool(struct mp_out *out, bool value)
{
    frame_queue_add(out->queue, value ? "\xc3" : "\xc2", 1);
}

static inline void mp_out_nil(struct mp_out *out)
{
    frame_queue_add(out->queue, "\xc0", 1);
}

/* For text that people gave a name to: shows as such in any msgpack viewer. */
static inline void mp_out_str(struct mp_out *out, struct bytes text)
{
    msgpack_pack_str(&out->packer, text.size);
    if (text.size > 0) {
        frame_queue_add(out->queue, text.at, text.size);
    }
}

static inline void mp_out_bin(struct mp_out *out, struct bytes b)
{
    msgpack_pack_bin(&out->packer, b.size);
    if (b.size > 0) {
        frame_queue_add(out->queue, b.at, b.size);
    }
}

/* A bin whose bytes are `size` bytes of `b` from `offset` on: referred to, not copied. */
static inline void mp_out_buf(struct mp_out *out, struct buf *b, size_t offset, size_t size)
{
    msgpack_pack_bin(&out->packer, size);
    frame_queue_add_buf(out->queue, b, offset, size);
}

static inline void mp_out_guid(struct mp_out *out, const struct guid *g)
{
    uint8_t wire[2 + GUID_SIZE] = {0xc4, GUID_SIZE}; /* bin 8 */
    memcpy(wire + 2, g->at, GUID_SIZE);
    frame_queue_add(out->queue, wire, sizeof wire);
}

/* One that may be none (all zero): nil then. */
static inline void mp_out_guid_or_nil(struct mp_out *out, const struct guid *g)
{
    static const struct guid none;
    if (guid_equal(g, &none)) {
        mp_out_nil(out);
    } else {
        mp_out_guid(out, g);
    }
}

#endif
