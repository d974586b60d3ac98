/* Pull reader for the msgpack of a message: takes one field after the other from borrowed
 * bytes, allocates nothing, trusts nothing.
 *
 * Every count is checked against the bytes that are left and against the caller's maximum,
 * before anybody acts on it. The first failure is remembered and every later call answers
 * 0 or empty at once: read all fields as if nothing could fail, then ask mp_in_failed(). Only
 * what our messages use is read: unsigned integers, booleans, nil, bin, str and arrays.
 */
#ifndef PROTO_MP_IN_H
#define PROTO_MP_IN_H

#include "base/bytes.h"

struct mp_in {
    const uint8_t *at, *end; /* borrowed */
    bool failed;
};

static inline struct mp_in mp_in_of(struct bytes b)
{
    const uint8_t *end = b.size == 0 ? b.at : b.at + b.size;
    return (struct mp_in){.at = b.at, .end = end, .failed = b.size == 0};
}

static inline bool mp_in_failed(const struct mp_in *in)
{
    return in->failed;
}

/* What the caller found wrong with a value. */
static inline void mp_in_fail(struct mp_in *in)
{
    in->failed = true;
}

/* An integer from 0 to `max`, in any of its encodings. */
uint64_t mp_in_uint(struct mp_in *in, uint64_t max);

bool mp_in_bool(struct mp_in *in);

/* bin or str of at most `max` bytes; borrowed from the input. */
struct bytes mp_in_bin(struct mp_in *in, size_t max);
struct bytes mp_in_str(struct mp_in *in, size_t max);

/* Copies a bin of exactly `size` bytes; on failure fills `to` with zeros. */
void mp_in_fixed(struct mp_in *in, uint8_t *to, size_t size);

/* True, and passed over, when the next value is nil. */
bool mp_in_nil(struct mp_in *in);

/* The count of an array, which must have at least `min` and at most `max` items. */
size_t mp_in_array(struct mp_in *in, size_t min, size_t max);

/* Passes over `count` values of any kind: fields that a newer version has added. */
void mp_in_skip(struct mp_in *in, size_t count);

/* Fails unless everything was read. */
void mp_in_end(struct mp_in *in);

#endif
