/* The entry GUID: the name of an invocation for life, and the only key to its callback.
 *
 * UUID version 8 (RFC 9562 5.8): 98 random bits and a 24-bit tag of the home, so that a
 * node that has never heard of a GUID knows whom to ask (PROTOCOL.md, decision 3). It is a
 * bearer capability: never log it in full above debug level.
 */
#ifndef PROTO_GUID_H
#define PROTO_GUID_H

#include "base/bytes.h"

#define GUID_SIZE      16 /* bytes */
#define GUID_TEXT_SIZE 36 /* characters, no terminator */

struct guid {
    uint8_t at[GUID_SIZE];
};

/* Makes a GUID out of 128 random bits and the low 24 bits of `home_tag`. */
struct guid guid_make(const uint8_t random[GUID_SIZE], uint32_t home_tag);

/* The 24 bits that guid_make() put in; of a foreign UUID, some 24 bits. */
uint32_t guid_home_tag(const struct guid *g);

/* Any case, with or without hyphens, with or without braces. ERR_MALFORMED otherwise. */
int guid_parse(struct guid *out, struct bytes text);

/* Lower case with hyphens: GUID_TEXT_SIZE characters, no terminator. */
void guid_print(char *out, const struct guid *g);

/* Likewise, as a view of where it was printed. */
static inline struct bytes guid_text(char out[GUID_TEXT_SIZE], const struct guid *g)
{
    guid_print(out, g);
    return bytes_of(out, GUID_TEXT_SIZE);
}

static inline bool guid_equal(const struct guid *a, const struct guid *b)
{
    return memcmp(a->at, b->at, GUID_SIZE) == 0;
}

#endif
