#include "base/text.h"

#include "base/num.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define TEXT_FIRST_ROOM 256u /* bytes */

void text_fini(struct text *t)
{
    free(t->at);
    *t = (struct text){0};
}

void text_clear(struct text *t)
{
    t->size = 0;
    t->failed = false;
}

bool text_failed(const struct text *t)
{
    return t->failed;
}

char *text_reserve(struct text *t, size_t size)
{
    if (t->at != NULL && t->room - t->size >= size) {
        return t->at + t->size;
    }
    size_t room = t->room == 0 ? TEXT_FIRST_ROOM : t->room * 2;
    while (room - t->size < size) {
        room *= 2;
    }
    char *at = realloc(t->at, room);
    if (at == NULL) {
        t->failed = true;
        return NULL;
    }
    t->at = at;
    t->room = room;
    return t->at + t->size;
}

void text_commit(struct text *t, size_t size)
{
    assert(t->room - t->size >= size);
    t->size += size;
}

void text_add_num(struct text *t, uint64_t n)
{
    char *to = text_reserve(t, NUM_TEXT_MAX);
    if (to != NULL) {
        t->size += num_print(to, n);
    }
}

void text_addf(struct text *t, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    size_t free_room = t->room - t->size;
    int n = vsnprintf(free_room == 0 ? NULL : t->at + t->size, free_room, fmt, args);
    va_end(args);
    assert(n >= 0); /* our own formats only */
    if ((size_t)n >= free_room) {
        char *to = text_reserve(t, (size_t)n + 1);
        if (to == NULL) {
            va_end(again);
            return;
        }
        vsnprintf(to, (size_t)n + 1, fmt, again);
    }
    va_end(again);
    t->size += (size_t)n;
}

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

size_t text_percent_decode(char *out, struct bytes in)
{
    size_t size = 0;
    for (size_t i = 0; i < in.size; i++) {
        bool may = in.at[i] == '%' && in.size - i > 2;
        int high = may ? hex_value(in.at[i + 1]) : -1;
        int low = may ? hex_value(in.at[i + 2]) : -1;
        if (high >= 0 && low >= 0) {
            out[size++] = (char)(high << 4 | low);
            i += 2;
        } else {
            out[size++] = (char)in.at[i];
        }
    }
    return size;
}

size_t text_utf8_sequence(struct bytes b)
{
    uint8_t lead = b.at[0];
    size_t need = lead < 0x80   ? 1
                  : lead < 0xc2 ? 0
                  : lead < 0xe0 ? 2
                  : lead < 0xf0 ? 3
                  : lead < 0xf5 ? 4
                                : 0;
    if (need == 0 || need > b.size) {
        return 0;
    }
    for (size_t i = 1; i < need; i++) {
        if ((b.at[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    bool overlong = (lead == 0xe0 && b.at[1] < 0xa0) || (lead == 0xf0 && b.at[1] < 0x90);
    bool surrogate = lead == 0xed && b.at[1] > 0x9f;
    bool beyond = lead == 0xf4 && b.at[1] > 0x8f;
    return overlong || surrogate || beyond ? 0 : need;
}

static void add_json_char(struct text *t, uint8_t c)
{
    switch (c) {
    case '"':
        text_add_str(t, "\\\"");
        break;
    case '\\':
        text_add_str(t, "\\\\");
        break;
    case '\n':
        text_add_str(t, "\\n");
        break;
    case '\r':
        text_add_str(t, "\\r");
        break;
    case '\t':
        text_add_str(t, "\\t");
        break;
    default:
        if (c < 0x20) {
            text_addf(t, "\\u%04x", c);
        } else {
            text_add_char(t, (char)c);
        }
    }
}

/* How many bytes at the front stand for themselves. */
static size_t plain_size(struct bytes b)
{
    size_t n = 0;
    while (n < b.size && b.at[n] >= ' ' && b.at[n] < 0x80 && b.at[n] != '"' &&
           b.at[n] != '\\') {
        n++;
    }
    return n;
}

/* What ends a line in YAML, which reads what --check prints, though not in JSON: NEL, LS, PS.
 * NULL: it does not. */
static const char *line_end(struct bytes sequence)
{
    return bytes_is(sequence, "\xc2\x85")       ? "\\u0085"
           : bytes_is(sequence, "\xe2\x80\xa8") ? "\\u2028"
           : bytes_is(sequence, "\xe2\x80\xa9") ? "\\u2029"
                                                : NULL;
}

void text_add_json(struct text *t, struct bytes b)
{
    text_add_char(t, '"');
    while (b.size > 0) {
        size_t plain = plain_size(b);
        if (plain > 0) {
            text_add(t, bytes_of(b.at, plain));
            b = bytes_of(b.at + plain, b.size - plain);
            continue;
        }
        size_t n = text_utf8_sequence(b);
        if (n == 0) {
            text_add_str(t, "\xef\xbf\xbd");
            n = 1;
        } else if (n == 1) {
            add_json_char(t, b.at[0]);
        } else {
            const char *escaped = line_end(bytes_of(b.at, n));
            text_add(t, escaped == NULL ? bytes_of(b.at, n) : bytes_text(escaped));
        }
        b = bytes_of(b.at + n, b.size - n);
    }
    text_add_char(t, '"');
}
