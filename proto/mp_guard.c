#include "proto/mp_guard.h"

#include "base/err.h"

/* 0xc0 to 0xdf, in order: {valid, length_size, payload_size, fixed, items_per_one}. */
static const struct mp_shape shapes_c0[32] = {
    {true, 0, 0, 0, 0},  /* nil */
    {false, 0, 0, 0, 0}, /* never used */
    {true, 0, 0, 0, 0},  /* false */
    {true, 0, 0, 0, 0},  /* true */
    {true, 1, 0, 0, 0},  /* bin 8, 16, 32 */
    {true, 2, 0, 0, 0},  {true, 4, 0, 0, 0},
    {true, 1, 1, 0, 0}, /* ext 8, 16, 32: one byte of type, then the data */
    {true, 2, 1, 0, 0},  {true, 4, 1, 0, 0},
    {true, 0, 4, 0, 0},                      /* float 32, 64 */
    {true, 0, 8, 0, 0},  {true, 0, 1, 0, 0}, /* uint 8, 16, 32, 64 */
    {true, 0, 2, 0, 0},  {true, 0, 4, 0, 0},
    {true, 0, 8, 0, 0},  {true, 0, 1, 0, 0}, /* int 8, 16, 32, 64 */
    {true, 0, 2, 0, 0},  {true, 0, 4, 0, 0},
    {true, 0, 8, 0, 0},  {true, 0, 2, 0, 0}, /* fixext 1, 2, 4, 8, 16, each with its type */
    {true, 0, 3, 0, 0},  {true, 0, 5, 0, 0},
    {true, 0, 9, 0, 0},  {true, 0, 17, 0, 0},
    {true, 1, 0, 0, 0}, /* str 8, 16, 32 */
    {true, 2, 0, 0, 0},  {true, 4, 0, 0, 0},
    {true, 2, 0, 0, 1},                      /* array 16, 32 */
    {true, 4, 0, 0, 1},  {true, 2, 0, 0, 2}, /* map 16, 32 */
    {true, 4, 0, 0, 2},
};

struct mp_shape mp_shape_of(uint8_t first)
{
    if (first < 0x80 || first >= 0xe0) { /* a small integer */
        return (struct mp_shape){.valid = true};
    }
    if (first < 0x90) {
        return (struct mp_shape){.valid = true, .fixed = first & 15, .items_per_one = 2};
    }
    if (first < 0xa0) {
        return (struct mp_shape){.valid = true, .fixed = first & 15, .items_per_one = 1};
    }
    if (first < 0xc0) {
        return (struct mp_shape){.valid = true, .fixed = first & 31};
    }
    return shapes_c0[first - 0xc0];
}

/* Reads one head at *at: how many bytes follow as payload, how many items as children. */
static int read_shape(struct bytes in, size_t *at, uint64_t *items)
{
    if (*at == in.size) {
        return ERR_MALFORMED;
    }
    struct mp_shape s = mp_shape_of(in.at[(*at)++]);
    if (!s.valid || in.size - *at < s.length_size) {
        return ERR_MALFORMED;
    }
    uint64_t length = s.fixed;
    for (uint8_t i = 0; i < s.length_size; i++) {
        length = length << 8 | in.at[(*at)++];
    }
    *items = length * s.items_per_one;
    uint64_t skip = s.payload_size + (s.items_per_one == 0 ? length : 0);
    /* An item takes at least one byte: more items than bytes are a lie. */
    if (skip > in.size - *at || *items > in.size - *at) {
        return ERR_MALFORMED;
    }
    *at += (size_t)skip;
    return 0;
}

int mp_guard(struct bytes in, size_t *size)
{
    uint64_t left[MP_DEPTH_MAX + 1] = {1}; /* items still to be read, by depth */
    size_t depth = 0;
    size_t at = 0;
    while (left[0] > 0 || depth > 0) {
        if (left[depth] == 0) {
            depth--;
            continue;
        }
        left[depth]--;
        uint64_t items;
        if (read_shape(in, &at, &items) != 0) {
            return ERR_MALFORMED;
        }
        if (items == 0) {
            continue;
        }
        if (depth == MP_DEPTH_MAX) {
            return ERR_MALFORMED;
        }
        left[++depth] = items;
    }
    *size = at;
    return 0;
}
