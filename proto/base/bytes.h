/* A borrowed run of bytes. Never owns, never frees; dies with what it points into.
 * All questions here are pure and total: an empty run may have a NULL pointer. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

struct bytes {
    const uint8_t *at;
    size_t size;
};

/* For printf: "%.*s", BYTES_ARG(b). */
#define BYTES_ARG(b) (int)(b).size, (const char *)(b).at

static inline struct bytes bytes_of(const void *at, size_t size)
{
    return (struct bytes){.at = (const uint8_t *)at, .size = size};
}

static inline struct bytes bytes_text(const char *text)
{
    return bytes_of(text, text == NULL ? 0 : strlen(text));
}

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.at, b.at, a.size) == 0);
}

/* ASCII case is ignored, as in header names. */
static inline bool bytes_equal_nocase(struct bytes a, struct bytes b)
{
    return a.size == b.size &&
           (a.size == 0 || strncasecmp((const char *)a.at, (const char *)b.at, a.size) == 0);
}

static inline bool bytes_is(struct bytes a, const char *text)
{
    return bytes_equal(a, bytes_text(text));
}

/* Most questions are about another name, and the first letter tells: letters of either case
 * differ in one bit. */
static inline bool bytes_is_nocase(struct bytes a, const char *text)
{
    if (a.size == 0 || ((a.at[0] ^ (uint8_t)text[0]) & 0xdf) != 0) {
        return a.size == 0 && text[0] == '\0';
    }
    return bytes_equal_nocase(a, bytes_text(text));
}

static inline bool bytes_is_any_nocase(struct bytes a, const char *const texts[], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (bytes_is_nocase(a, texts[i])) {
            return true;
        }
    }
    return false;
}

/* Cuts `text` off the front of *b. False, and no change, when it is not there. */
static inline bool bytes_cut_front(struct bytes *b, const char *text)
{
    size_t n = strlen(text);
    if (b->size < n || memcmp(b->at, text, n) != 0) {
        return false;
    }
    *b = bytes_of(b->at + n, b->size - n);
    return true;
}

static inline bool bytes_cut_front_nocase(struct bytes *b, const char *text)
{
    size_t n = strlen(text);
    if (b->size < n || strncasecmp((const char *)b->at, text, n) != 0) {
        return false;
    }
    *b = bytes_of(b->at + n, b->size - n);
    return true;
}

/* What stands before the first `mark`; *b keeps what stands after it. Without a mark the
 * whole run is returned and *b becomes empty. */
static inline struct bytes bytes_cut_at(struct bytes *b, char mark)
{
    struct bytes all = *b;
    const uint8_t *hit = all.size == 0 ? NULL : memchr(all.at, mark, all.size);
    if (hit == NULL) {
        *b = bytes_of(NULL, 0);
        return all;
    }
    size_t before = (size_t)(hit - all.at);
    *b = bytes_of(hit + 1, all.size - before - 1);
    return bytes_of(all.at, before);
}

/* Only ASCII that is seen: no space, no control character, nothing beyond. Eight at a time. */
static inline bool bytes_is_visible(struct bytes b)
{
    const uint64_t ones = 0x0101010101010101u, tops = 0x80 * ones;
    uint64_t faults = 0;
    size_t i = 0;
    for (; i + 8 <= b.size; i += 8) {
        uint64_t word;
        memcpy(&word, b.at + i, 8);
        faults |= (word - ('!' * ones)) | (word + ones) | word;
    }
    for (; i < b.size; i++) {
        faults |= b.at[i] < '!' || b.at[i] > '~' ? tops : 0;
    }
    return (faults & tops) == 0;
}

static inline bool bytes_is_letter_or_digit(uint8_t c) /* of ASCII */
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* [-a-zA-Z_0-9.]+, what most things are named with. */
static inline bool bytes_is_word(struct bytes b)
{
    for (size_t i = 0; i < b.size; i++) {
        uint8_t c = b.at[i];
        if (!bytes_is_letter_or_digit(c) && c != '-' && c != '_' && c != '.') {
            return false;
        }
    }
    return b.size > 0;
}

/* Without spaces and tabs at both ends (RFC 9110 5.6.3, OWS). */
static inline struct bytes bytes_trim(struct bytes b)
{
    while (b.size > 0 && (b.at[0] == ' ' || b.at[0] == '\t')) {
        b = bytes_of(b.at + 1, b.size - 1);
    }
    while (b.size > 0 && (b.at[b.size - 1] == ' ' || b.at[b.size - 1] == '\t')) {
        b.size--;
    }
    return b;
}

#endif
