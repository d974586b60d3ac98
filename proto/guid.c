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

void guid_print(char *out, const struct guid *g)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < GUID_SIZE; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            *out++ = '-';
        }
        *out++ = digits[g->at[i] >> 4];
        *out++ = digits[g->at[i] & 0x0f];
    }
}
