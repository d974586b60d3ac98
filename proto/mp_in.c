#include "proto/mp_in.h"

#include "proto/mp_guard.h"

static size_t left(const struct mp_in *in)
{
    return (size_t)(in->end - in->at);
}

/* A big-endian number of `size` bytes. */
static uint64_t number(struct mp_in *in, size_t size)
{
    if (left(in) < size) {
        in->failed = true;
        return 0;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) {
        value = value << 8 | in->at[i];
    }
    in->at += size;
    return value;
}

/* The first byte of the next value, consumed. */
static uint8_t first_byte(struct mp_in *in)
{
    if (in->failed || in->at == in->end) {
        in->failed = true;
        return 0xc1;
    }
    return *in->at++;
}

uint64_t mp_in_uint(struct mp_in *in, uint64_t max)
{
    uint8_t first = first_byte(in);
    uint64_t value = 0;
    if (first < 0x80) {
        value = first;
    } else if (first >= 0xcc && first <= 0xcf) {
        value = number(in, (size_t)1 << (first - 0xcc));
    } else {
        in->failed = true;
    }
    if (value > max) {
        in->failed = true;
    }
    return in->failed ? 0 : value;
}

bool mp_in_bool(struct mp_in *in)
{
    uint8_t first = first_byte(in);
    if (first != 0xc2 && first != 0xc3) {
        in->failed = true;
    }
    return first == 0xc3 && !in->failed;
}

static struct bytes run(struct mp_in *in, uint64_t size, size_t max)
{
    if (in->failed || size > max || size > left(in)) {
        in->failed = true;
        return bytes_of(NULL, 0);
    }
    struct bytes b = bytes_of(in->at, (size_t)size);
    in->at += size;
    return b;
}

struct bytes mp_in_bin(struct mp_in *in, size_t max)
{
    uint8_t first = first_byte(in);
    if (first < 0xc4 || first > 0xc6) {
        in->failed = true;
        return bytes_of(NULL, 0);
    }
    return run(in, number(in, (size_t)1 << (first - 0xc4)), max);
}

struct bytes mp_in_str(struct mp_in *in, size_t max)
{
    uint8_t first = first_byte(in);
    if (first >= 0xa0 && first < 0xc0) {
        return run(in, first & 31, max);
    }
    if (first < 0xd9 || first > 0xdb) {
        in->failed = true;
        return bytes_of(NULL, 0);
    }
    return run(in, number(in, (size_t)1 << (first - 0xd9)), max);
}

void mp_in_fixed(struct mp_in *in, uint8_t *to, size_t size)
{
    struct bytes b = mp_in_bin(in, size);
    if (b.size == size && !in->failed) {
        memcpy(to, b.at, size);
        return;
    }
    in->failed = true;
    memset(to, 0, size);
}

bool mp_in_nil(struct mp_in *in)
{
    if (in->failed || in->at == in->end || *in->at != 0xc0) {
        return false;
    }
    in->at++;
    return true;
}

size_t mp_in_array(struct mp_in *in, size_t min, size_t max)
{
    uint8_t first = first_byte(in);
    uint64_t count = 0;
    if (first >= 0x90 && first < 0xa0) {
        count = first & 15;
    } else if (first == 0xdc || first == 0xdd) {
        count = number(in, first == 0xdc ? 2 : 4);
    } else {
        in->failed = true;
    }
    /* An item takes at least one byte: more items than bytes are a lie. */
    if (in->failed || count < min || count > max || count > left(in)) {
        in->failed = true;
        return 0;
    }
    return (size_t)count;
}

void mp_in_skip(struct mp_in *in, size_t count)
{
    for (size_t i = 0; i < count && !in->failed; i++) {
        size_t size = 0;
        if (mp_guard(bytes_of(in->at, left(in)), &size) != 0) {
            in->failed = true;
            return;
        }
        in->at += size;
    }
}

void mp_in_end(struct mp_in *in)
{
    if (in->at != in->end) {
        in->failed = true;
    }
}
