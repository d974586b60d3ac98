#include "dialects/json_object.h"

#include "base/text.h"

#define DEPTH_MAX 512u /* levels; one bit each */

/* What may come next. */
enum expect {
    EXPECT_VALUE,
    EXPECT_VALUE_OR_END, /* behind '[' */
    EXPECT_KEY,
    EXPECT_KEY_OR_END, /* behind '{' */
    EXPECT_COMMA_OR_END,
    EXPECT_NOTHING,
};

struct scan {
    struct bytes rest;
    enum expect expect;
    uint32_t depth;
    uint8_t is_object[DEPTH_MAX / 8];
};

static int peek(const struct scan *s)
{
    return s->rest.size > 0 ? s->rest.at[0] : -1;
}

static void skip(struct scan *s, size_t n)
{
    s->rest = bytes_of(s->rest.at + n, s->rest.size - n);
}

static void skip_space(struct scan *s)
{
    while (peek(s) == ' ' || peek(s) == '\t' || peek(s) == '\n' || peek(s) == '\r') {
        skip(s, 1);
    }
}

static bool skip_escape(struct scan *s)
{
    static const char hex[] = "0123456789abcdefABCDEF";
    skip(s, 1);
    int c = peek(s);
    if (c <= 0 || strchr("\"\\/bfnrtu", c) == NULL) {
        return false;
    }
    skip(s, 1);
    for (size_t i = 0; c == 'u' && i < 4; i++) {
        int digit = peek(s);
        if (digit <= 0 || strchr(hex, digit) == NULL) {
            return false;
        }
        skip(s, 1);
    }
    return true;
}

static bool skip_string(struct scan *s)
{
    if (peek(s) != '"') {
        return false;
    }
    skip(s, 1);
    for (;;) {
        int c = peek(s);
        if (c < 0x20) {
            return false; /* a control character, or the end */
        }
        if (c == '"') {
            skip(s, 1);
            return true;
        }
        if (c == '\\') {
            if (!skip_escape(s)) {
                return false;
            }
            continue;
        }
        size_t n = text_utf8_sequence(s->rest);
        if (n == 0) {
            return false;
        }
        skip(s, n);
    }
}

static bool skip_digits(struct scan *s)
{
    size_t n = 0;
    while (n < s->rest.size && s->rest.at[n] >= '0' && s->rest.at[n] <= '9') {
        n++;
    }
    skip(s, n);
    return n > 0;
}

static bool skip_number(struct scan *s)
{
    if (peek(s) == '-') {
        skip(s, 1);
    }
    if (peek(s) == '0') {
        skip(s, 1);
    } else if (!skip_digits(s)) {
        return false;
    }
    if (peek(s) == '.') {
        skip(s, 1);
        if (!skip_digits(s)) {
            return false;
        }
    }
    if (peek(s) == 'e' || peek(s) == 'E') {
        skip(s, 1);
        if (peek(s) == '+' || peek(s) == '-') {
            skip(s, 1);
        }
        return skip_digits(s);
    }
    return true;
}

static bool push(struct scan *s, bool object)
{
    if (s->depth == DEPTH_MAX) {
        return false;
    }
    uint8_t bit = (uint8_t)(1u << s->depth % 8);
    uint8_t *byte = &s->is_object[s->depth / 8];
    *byte = (uint8_t)(object ? *byte | bit : *byte & ~bit);
    s->depth++;
    s->expect = object ? EXPECT_KEY_OR_END : EXPECT_VALUE_OR_END;
    skip(s, 1);
    return true;
}

static bool top_is_object(const struct scan *s)
{
    return (s->is_object[(s->depth - 1) / 8] >> (s->depth - 1) % 8 & 1) != 0;
}

static bool pop(struct scan *s)
{
    if (peek(s) != (top_is_object(s) ? '}' : ']')) {
        return false;
    }
    skip(s, 1);
    s->depth--;
    s->expect = s->depth == 0 ? EXPECT_NOTHING : EXPECT_COMMA_OR_END;
    return true;
}

static bool skip_value(struct scan *s)
{
    int c = peek(s);
    if (c == '{' || c == '[') {
        return push(s, c == '{');
    }
    s->expect = EXPECT_COMMA_OR_END;
    if (c == '"') {
        return skip_string(s);
    }
    return bytes_cut_front(&s->rest, "true") || bytes_cut_front(&s->rest, "false") ||
           bytes_cut_front(&s->rest, "null") || skip_number(s);
}

static bool skip_key(struct scan *s)
{
    if (!skip_string(s)) {
        return false;
    }
    skip_space(s);
    if (peek(s) != ':') {
        return false;
    }
    skip(s, 1);
    s->expect = EXPECT_VALUE;
    return true;
}

static bool skip_comma(struct scan *s)
{
    if (peek(s) != ',') {
        return pop(s);
    }
    skip(s, 1);
    s->expect = top_is_object(s) ? EXPECT_KEY : EXPECT_VALUE;
    return true;
}

static bool step(struct scan *s)
{
    switch (s->expect) {
    case EXPECT_VALUE_OR_END:
        return peek(s) == ']' ? pop(s) : skip_value(s);
    case EXPECT_VALUE:
        return skip_value(s);
    case EXPECT_KEY_OR_END:
        return peek(s) == '}' ? pop(s) : skip_key(s);
    case EXPECT_KEY:
        return skip_key(s);
    case EXPECT_COMMA_OR_END:
        return skip_comma(s);
    case EXPECT_NOTHING:
        break;
    }
    return false;
}

bool json_text_is_object(struct bytes text)
{
    struct scan s = {.rest = text, .expect = EXPECT_VALUE};
    skip_space(&s);
    if (peek(&s) != '{') {
        return false;
    }
    while (s.expect != EXPECT_NOTHING) {
        if (!step(&s)) {
            return false;
        }
        skip_space(&s);
    }
    return s.rest.size == 0;
}
