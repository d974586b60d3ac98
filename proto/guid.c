#include "proto/guid.h"

#include "base/err.h"

#include <endian.h>

/* Where the tag stands: octets 13-15, the end of the node field, so that the text's last six
 * digits name the home. */
#define TAG_AT 13

struct guid guid_make(const uint8_t random[GUID_SIZE], uint32_t home_tag)
{
    struct guid g;
    memcpy(g.at, random, GUID_SIZE);
    g.at[6] = (uint8_t)((g.at[6] & 0x0f) | 0x80); /* version 8 */
    g.at[8] = (uint8_t)((g.at[8] & 0x3f) | 0x80); /* variant 10 */
    g.at[TAG_AT] = (uint8_t)(home_tag >> 16);
    g.at[TAG_AT + 1] = (uint8_t)(home_tag >> 8);
    g.at[TAG_AT + 2] = (uint8_t)home_tag;
    return g;
}

uint32_t guid_home_tag(const struct guid *g)
{
    return (uint32_t)g->at[TAG_AT] << 16 | (uint32_t)g->at[TAG_AT + 1] << 8 | g->at[TAG_AT + 2];
}

/* A digit's value plus one; 0: it is none. */
static const uint8_t digits[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,
    ['6'] = 7,  ['7'] = 8,  ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12,
    ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16, ['A'] = 11, ['B'] = 12,
    ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

int guid_parse(struct guid *out, struct bytes text)
{
    if (text.size >= 2 && text.at[0] == '{' && text.at[text.size - 1] == '}') {
        text = bytes_of(text.at + 1, text.size - 2);
    }
    bool hyphens = text.size == GUID_TEXT_SIZE;
    if (!hyphens && text.size != 2 * GUID_SIZE) {
        return ERR_MALFORMED;
    }
    struct guid g;
    size_t at = 0;
    for (size_t i = 0; i < GUID_SIZE; i++) {
        if (hyphens && (i == 4 || i == 6 || i == 8 || i == 10)) {
            if (text.at[at++] != '-') {
                return ERR_MALFORMED;
            }
        }
        uint32_t high = digits[text.at[at]], low = digits[text.at[at + 1]];
        if (high == 0 || low == 0) {
            return ERR_MALFORMED;
        }
        g.at[i] = (uint8_t)((high - 1) << 4 | (low - 1));
        at += 2;
    }
    *out = g;
    return 0;
}

/* Eight digits of four octets at once: a GUID is printed several times a request. Their half
 * octets are spread over eight bytes; those over 9 get the distance from '9' to 'a' as well. */
static void print_four(char *out, const uint8_t at[4])
{
    const uint64_t ones = 0x0101010101010101u;
    uint64_t v =
        (uint64_t)at[0] | (uint64_t)at[1] << 16 | (uint64_t)at[2] << 32 | (uint64_t)at[3] << 48;
    v = (v >> 4 & 0x000f000f000f000fu) | (v << 8 & 0x0f000f000f000f00u);
    uint64_t over_nine = (v + 6 * ones) >> 4 & ones;
    v += '0' * ones + ('a' - '0' - 10) * over_nine;
    v = htole64(v);
    memcpy(out, &v, sizeof v);
}

void guid_print(char *out, const struct guid *g)
{
    char all[2 * GUID_SIZE];
    for (size_t i = 0; i < 4; i++) {
        print_four(all + 8 * i, g->at + 4 * i);
    }
    memcpy(out, all, 8);
    out[8] = '-';
    memcpy(out + 9, all + 8, 4);
    out[13] = '-';
    memcpy(out + 14, all + 12, 4);
    out[18] = '-';
    memcpy(out + 19, all + 16, 4);
    out[23] = '-';
    memcpy(out + 24, all + 20, 12);
}
