#include "proto/guid.h"

#include "base/err.h"

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

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

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
        int high = hex_value(text.at[at]);
        int low = hex_value(text.at[at + 1]);
        if (high < 0 || low < 0) {
            return ERR_MALFORMED;
        }
        g.at[i] = (uint8_t)(high << 4 | low);
        at += 2;
    }
    *out = g;
    return 0;
}

/* Both digits of every octet: a GUID is printed several times a request. */
static const char octets[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
                             "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
                             "404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f"
                             "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f"
                             "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f"
                             "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf"
                             "c0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedf"
                             "e0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff";

static inline char *print_group(char *out, const uint8_t *at, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        memcpy(out + 2 * i, octets + 2 * (size_t)at[i], 2);
    }
    return out + 2 * count;
}

void guid_print(char *out, const struct guid *g)
{
    out = print_group(out, g->at, 4);
    *out++ = '-';
    out = print_group(out, g->at + 4, 2);
    *out++ = '-';
    out = print_group(out, g->at + 6, 2);
    *out++ = '-';
    out = print_group(out, g->at + 8, 2);
    *out++ = '-';
    print_group(out, g->at + 10, 6);
}
