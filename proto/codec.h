/* Messages to frames and back (proto/msg.h; the wire is docs/protocol.md).
 *
 * A message is one msgpack array of positional fields. Arrays may only grow at the end: a
 * decoder takes the fields it knows, demands those of version 1 and passes over what a newer
 * version has added. What every field may be at most stands in enum msg_limit; a frame with
 * anything else is refused whole. The codec knows encodings, and refuses to know what a
 * message means: that values make sense together is the core's business.
 *
 * Memory. Encoding writes into the link's queue and shares the buffers of bodies. Decoding
 * borrows views and arrays from the frame and from the decoder; only bodies, headers and
 * requests get buffers of their own, charged to the budget, with exactly one copy.
 */
#ifndef PROTO_CODEC_H
#define PROTO_CODEC_H

#include "proto/frame_queue.h"
#include "proto/msg.h"

/* Appends `m` as one frame of at most `frame_max` bytes. ERR_TOOBIG: it does not fit; nothing
 * was queued. ERR_NOMEM: likewise; close the link, for its stream has a hole now. */
int codec_encode(struct frame_queue *q, const struct msg *m, uint64_t sent_ms,
                 size_t frame_max);

/* Room for the arrays of one message; one per thread is enough. */
struct codec_arrays {
    union {
        struct msg_peer peers[MSG_PEERS_MAX];
        struct msg_taken_item taken[MSG_TAKEN_MAX];
        uint64_t seqs[MSG_SEQS_MAX];
        struct msg_place places[MSG_PLACES_MAX];
        struct guid nodes[MSG_MOVED_MAX];
    };
};

/* Borrows from `f` and `arrays`; codec_release() when done with *out. `budget` is charged for
 * bodies; without room there, `no_room` is set and they are left out. ERR_NOTFOUND: a kind this
 * build does not know; pass over it. ERR_MALFORMED: close the link. */
int codec_decode(struct msg *out, const struct frame *f, struct codec_arrays *arrays,
                 struct budget *budget);

/* Gives back the references that decoding made; the core has taken its own. */
void codec_release(struct msg *m);

#endif
