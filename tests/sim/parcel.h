/* A message on its way: everything that one host's core lent out, copied, and given to
 * another host's core as if it had been decoded there.
 *
 * A parcel owns its bytes, in one block, charged to no host: what is on the wire belongs to
 * neither. Opening it makes the buffers of the receiver, charged to the receiver's budget, or
 * sets `no_room`, exactly as the codec does (proto/msg.h, "Decoding"). With the option codec
 * the parcel holds the encoded frame instead, and opening it decodes.
 */
#ifndef TESTS_SIM_PARCEL_H
#define TESTS_SIM_PARCEL_H

#include "base/budget.h"
#include "proto/msg.h"

struct parcel {
    struct msg msg;      /* its views point into `block` */
    uint64_t sent_at_ms; /* the sender's clock */
    bool encoded;        /* `block` is a frame, and of `msg` only the kind is set */
    uint8_t *block;
    size_t block_size;
    struct bytes body, headers;  /* of CREATE, or of ACCEPT's request: in `block` */
    struct request_view request; /* of ACCEPT: in `block` */
};

struct parcel *parcel_new(const struct msg *m, uint64_t sent_at_ms);

/* The same through the codec. NULL: it does not fit into `frame_max` bytes. */
struct parcel *parcel_encode(const struct msg *m, uint64_t sent_at_ms, size_t frame_max);

/* `out` is borrowed from the parcel and holds references until parcel_close(). False: the
 * frame cannot be decoded. */
bool parcel_open(struct parcel *p, struct budget *budget, struct msg *out);
void parcel_close(struct msg *opened);

void parcel_drop(struct parcel **p);

/* Bytes of the frame. */
uint32_t parcel_wire_size(const struct parcel *p);

#endif
