/* A growing piece of text or bytes, for what we say ourselves: response heads, JSON, log
 * lines. Not for bodies: those are struct buf. Memory is the owner's until text_fini().
 *
 * A failed allocation is remembered, not reported at each call: append as you like, ask
 * text_failed() once at the end. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/bytes.h"

#include <stdbool.h>

struct text {
    char *at;
    size_t size, room; /* bytes */
    bool failed;
};

void text_fini(struct text *t);

/* Forgets the content, keeps the memory for the next use. */
void text_clear(struct text *t);

bool text_failed(const struct text *t);

void text_add_num(struct text *t, uint64_t n);
void text_addf(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* `b` as a JSON string with its quotes (RFC 8259 section 7). Bytes that are not UTF-8 become
 * U+FFFD, so that the result is always valid JSON. */
void text_add_json(struct text *t, struct bytes b);

/* Length of the UTF-8 sequence at the front of `b`, which is not empty; 0 when it is not valid
 * (RFC 3629). */
size_t text_utf8_sequence(struct bytes b);

/* Undoes percent-encoding (RFC 3986 2.1) into `out`, which has room for `in`.size bytes: the
 * size of what it says. What is not encoded rightly stays as it is. */
size_t text_percent_decode(char *out, struct bytes in);

/* Room for `size` more bytes at the returned address, or NULL; text_commit() what was used. */
char *text_reserve(struct text *t, size_t size);
void text_commit(struct text *t, size_t size);

/* Inline, because an answer is made of dozens of small pieces: those of a known size become
 * a store or two. */
static inline void text_add(struct text *t, struct bytes b)
{
    if (b.size == 0) {
        return;
    }
    bool has_room = t->room - t->size >= b.size; /* nearly always: many adds, few growths */
    char *to = has_room ? t->at + t->size : text_reserve(t, b.size);
    if (to != NULL) {
        memcpy(to, b.at, b.size);
        t->size += b.size;
    }
}

static inline void text_add_str(struct text *t, const char *s)
{
    text_add(t, bytes_of(s, strlen(s)));
}

static inline void text_add_char(struct text *t, char c)
{
    text_add(t, bytes_of(&c, 1));
}

static inline struct bytes text_view(const struct text *t)
{
    return bytes_of(t->at, t->size);
}

#endif
