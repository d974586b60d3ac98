/* Text to number, with every failure reported: no sign, no spaces, no overflow. */
#ifndef BASE_NUM_H
#define BASE_NUM_H

#include "base/bytes.h"

/* Decimal digits only. ERR_MALFORMED: empty or another character. ERR_TOOBIG: over `max`. */
int num_parse(struct bytes text, uint64_t max, uint64_t *out);

/* A size in bytes: decimal digits and optionally KiB, MiB or GiB. Errors as num_parse(). */
int num_parse_size(struct bytes text, uint64_t *out);

#define NUM_TEXT_MAX 20 /* bytes of the longest uint64 in decimal, no terminator */

/* Writes `value` in decimal to `out` (NUM_TEXT_MAX bytes of room) and returns the length. */
size_t num_print(char *out, uint64_t value);

#endif
