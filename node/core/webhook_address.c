#include "core/webhook_address.h"

#include "base/num.h"

#include <assert.h>

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

struct webhook_address webhook_address_of(const uint8_t *at, size_t size)
{
    struct webhook_address a;
    assert(size == 4 || size == sizeof a.at);
    if (size == 4) {
        memcpy(a.at, mapped_prefix, sizeof mapped_prefix);
        memcpy(a.at + sizeof mapped_prefix, at, 4);
    } else {
        memcpy(a.at, at, size);
    }
    return a;
}

static struct webhook_address address_of_v4(uint32_t v4)
{
    const uint8_t at[4] = {(uint8_t)(v4 >> 24), (uint8_t)(v4 >> 16), (uint8_t)(v4 >> 8),
                           (uint8_t)v4};
    return webhook_address_of(at, sizeof at);
}

static uint32_t v4_at(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static uint32_t digit_value(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return (uint32_t)(c - '0');
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10) : UINT32_MAX;
}

/* A number as C writes it. False for anything else, and over 32 bits. */
static bool read_part(struct bytes text, uint64_t *out)
{
    uint32_t base = 10;
    if (bytes_cut_front_nocase(&text, "0x")) {
        base = 16; /* "0x" alone is 0 for some: so it is for us */
    } else if (text.size > 1 && text.at[0] == '0') {
        base = 8;
    } else if (text.size == 0) {
        return false;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < text.size; i++) {
        uint32_t digit = digit_value(text.at[i]);
        if (digit >= base || value > UINT32_MAX) {
            return false;
        }
        value = value * base + digit;
    }
    *out = value;
    return value <= UINT32_MAX;
}

bool webhook_address_read_v4(struct webhook_address *out, struct bytes text)
{
    uint64_t v4 = 0;
    size_t parts = 0;
    if (text.size > 0 && text.at[text.size - 1] == '.') {
        text.size--; /* "127.0.0.1." is a spelling of it too */
    }
    while (parts < 4) {
        bool last = text.size == 0 || memchr(text.at, '.', text.size) == NULL;
        uint64_t value;
        if (!read_part(bytes_cut_at(&text, '.'), &value)) {
            return false;
        }
        if (last) {
            uint32_t bits = (uint32_t)(32 - 8 * parts);
            if (bits < 32 && value >> bits != 0) {
                return false;
            }
            *out = address_of_v4((uint32_t)(v4 << bits | value));
            return true;
        }
        if (value > UINT8_MAX) {
            return false;
        }
        v4 = v4 << 8 | value;
        parts++;
    }
    return false;
}

/* The words of one side of "::", or of the whole; the last may be a dotted IPv4 address.
 * The number of bytes written, SIZE_MAX when malformed. */
static size_t read_words(uint8_t *to, struct bytes text)
{
    size_t n = 0;
    while (text.size > 0) {
        bool last = memchr(text.at, ':', text.size) == NULL;
        struct bytes word = bytes_cut_at(&text, ':');
        struct webhook_address v4;
        if (last && memchr(word.at, '.', word.size) != NULL) {
            if (n > 12 || !webhook_address_read_v4(&v4, word)) {
                return SIZE_MAX;
            }
            memcpy(to + n, v4.at + 12, 4);
            return n + 4;
        }
        if (n > 14 || word.size == 0 || word.size > 4 || (!last && text.size == 0)) {
            return SIZE_MAX;
        }
        uint32_t value = 0;
        for (size_t i = 0; i < word.size; i++) {
            uint32_t digit = digit_value(word.at[i]);
            if (digit > 15) {
                return SIZE_MAX;
            }
            value = value << 4 | digit;
        }
        to[n++] = (uint8_t)(value >> 8);
        to[n++] = (uint8_t)value;
    }
    return n;
}

bool webhook_address_read_v6(struct webhook_address *out, struct bytes text)
{
    uint8_t head[16] = {0}, tail[16] = {0};
    const uint8_t *gap = text.size == 0 ? NULL : memmem(text.at, text.size, "::", 2);
    if (gap == NULL) {
        size_t n = read_words(head, text);
        memcpy(out->at, head, sizeof head);
        return n == sizeof head;
    }
    struct bytes before = bytes_of(text.at, (size_t)(gap - text.at));
    struct bytes after = bytes_of(gap + 2, text.size - before.size - 2);
    size_t head_size = read_words(head, before);
    size_t tail_size = read_words(tail, after);
    if (head_size > 14 || tail_size > 14 || head_size + tail_size > 14) {
        return false;
    }
    if (before.size > 0 && memchr(before.at, '.', before.size) != NULL) {
        return false; /* a dotted address can only stand at the end */
    }
    memset(out->at, 0, sizeof out->at);
    memcpy(out->at, head, head_size);
    memcpy(out->at + 16 - tail_size, tail, tail_size);
    return true;
}

bool webhook_network_read(struct webhook_network *out, struct bytes text)
{
    struct bytes bits_text = text;
    struct bytes address = bytes_cut_at(&bits_text, '/');
    bool has_bits = address.size < text.size;
    bool is_v4 = webhook_address_read_v4(&out->address, address);
    if (!is_v4) {
        if (address.size >= 2 && address.at[0] == '[' && address.at[address.size - 1] == ']') {
            address = bytes_of(address.at + 1, address.size - 2);
        }
        if (!webhook_address_read_v6(&out->address, address)) {
            return false;
        }
    }
    uint64_t bits = is_v4 ? 32 : 128;
    if (has_bits && num_parse(bits_text, bits, &bits) != 0) {
        return false;
    }
    out->bits = (uint32_t)bits + (is_v4 ? 96 : 0);
    return true;
}

static bool has_prefix(const uint8_t *a, const uint8_t *prefix, uint32_t bits)
{
    uint32_t whole = bits / 8;
    if (memcmp(a, prefix, whole) != 0) {
        return false;
    }
    uint8_t mask = (uint8_t)(0xff00 >> bits % 8);
    return bits % 8 == 0 || ((a[whole] ^ prefix[whole]) & mask) == 0;
}

bool webhook_network_has(const struct webhook_network *n, const struct webhook_address *a)
{
    return has_prefix(a->at, n->address.at, n->bits);
}

/* The IANA special-purpose registry (RFC 6890 and its updates), multicast and reserved. */
static bool v4_is_internal(uint32_t v4)
{
    static const struct {
        uint32_t network, bits;
    } ranges[] = {
        {0x00000000, 8},  /* this network, unspecified */
        {0x0a000000, 8},  /* private (RFC 1918) */
        {0x64400000, 10}, /* shared by carriers (RFC 6598) */
        {0x7f000000, 8},  /* loopback */
        {0xa9fe0000, 16}, /* link-local, cloud metadata */
        {0xac100000, 12}, /* private */
        {0xc0000000, 24}, /* protocol assignments */
        {0xc0000200, 24}, /* documentation */
        {0xc0586300, 24}, /* 6to4 relays (RFC 7526) */
        {0xc0a80000, 16}, /* private */
        {0xc6120000, 15}, /* benchmark (RFC 2544) */
        {0xc6336400, 24}, /* documentation */
        {0xcb007100, 24}, /* documentation */
        {0xe0000000, 4},  /* multicast */
        {0xf0000000, 4},  /* reserved, broadcast */
    };
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        if ((v4 ^ ranges[i].network) >> (32 - ranges[i].bits) == 0) {
            return true;
        }
    }
    return false;
}

/* IPv6 that is a wrapper of IPv4: where in the address it stands, 0: it is none. Teredo
 * (RFC 4380 4) hides it by inverting the bits. */
static size_t embedded_v4_at(const uint8_t *a)
{
    static const uint8_t zeros[12] = {0};
    static const uint8_t translated[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0};
    static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b};
    if (memcmp(a, mapped_prefix, 12) == 0 || memcmp(a, zeros, 12) == 0 ||
        memcmp(a, translated, 12) == 0 || memcmp(a, nat64, 12) == 0) {
        return 12;
    }
    return a[0] == 0x20 && a[1] == 0x02 ? 2 : 0; /* 6to4, RFC 3056 */
}

bool webhook_address_is_internal(const struct webhook_address *a)
{
    static const struct {
        uint8_t at[6];
        uint32_t bits;
    } ranges[] = {
        {{0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}, 48}, /* local NAT64 (RFC 8215) */
        {{0x01}, 8},                                /* discard (RFC 6666) and reserved */
        {{0x20, 0x01}, 23},                         /* protocol assignments, Teredo, ORCHID */
        {{0x20, 0x01, 0x0d, 0xb8}, 32},             /* documentation */
        {{0x3f, 0xff}, 20},                         /* documentation (RFC 9637) */
        {{0x5f}, 16},                               /* segment routing (RFC 9602) */
        {{0xfc}, 7},                                /* unique local */
        {{0xfe, 0x80}, 10},                         /* link-local */
        {{0xfe, 0xc0}, 10},                         /* site-local, retired */
        {{0xff}, 8},                                /* multicast */
    };
    size_t v4 = embedded_v4_at(a->at);
    if (v4 > 0) {
        return v4_is_internal(v4_at(a->at + v4));
    }
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        if (has_prefix(a->at, ranges[i].at, ranges[i].bits)) {
            return true;
        }
    }
    return false;
}
