/* Walks one msgpack value without allocating and without recursion, to find out whether it is
 * whole, and no deeper than we allow.
 *
 * msgpack-c allocates what a container's header declares before it sees the items: five bytes
 * make it ask for gigabytes. So nothing received is decoded by it: the pull reader (mp_in.h)
 * takes known fields, and this passes over unknown ones. Pure.
 */
#ifndef PROTO_MP_GUARD_H
#define PROTO_MP_GUARD_H

#include "base/bytes.h"

#define MP_DEPTH_MAX 4u /* containers within containers, the outermost counted */

/* The first byte of a value, taken apart. */
struct mp_shape {
    bool valid;            /* false: the byte 0xc1, which msgpack never uses */
    uint8_t length_size;   /* bytes of the length or count that follow */
    uint8_t payload_size;  /* bytes of a fixed payload after that */
    uint8_t fixed;         /* length or count that stands in the first byte itself */
    uint8_t items_per_one; /* 1: an array; 2: a map; 0: no container */
};

struct mp_shape mp_shape_of(uint8_t first);

/* Stores in *size how many bytes the first value in `in` takes. ERR_MALFORMED: it is cut off,
 * promises more than there is, contains what msgpack does not know, or is nested deeper than
 * MP_DEPTH_MAX. */
int mp_guard(struct bytes in, size_t *size);

#endif
