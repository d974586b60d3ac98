/* The keys that this node knows, found by what a client sent. One set is read from one state
 * of the file and never changes; a newer one replaces it, and the old one lives as long as a
 * request that came with one of its keys (counted references, one thread).
 *
 * Only the SHA-256 of a key is known. A key is 256 random bits, so nobody can go through them
 * and nothing slow or salted is needed. A lookup takes no time that tells anything about the
 * hashes that are here: where to look is drawn from the hash with a number of this process,
 * and what is found there is compared in constant time. */
#ifndef NODE_AUTH_KEYS_H
#define NODE_AUTH_KEYS_H

#include "base/err.h"
#include "base/text.h"
#include "core/caller.h"

/* What a client may send as a key, in bytes; more is no key. */
#define KEYS_SECRET_MAX 256u

struct keys;

/* Reads the file at `path`. ERR_MALFORMED: `faults` has a line for each; ERR_NOMEM. `seed` is
 * any random number. */
int keys_read(struct keys **out, const char *path, uint64_t seed, struct text *faults);

struct keys *keys_share(struct keys *k);
void keys_drop(struct keys **k); /* accepts a pointer to NULL */

size_t keys_count(const struct keys *k);

/* Whose that is. NULL: not a key of ours. Lives as long as the set. */
const struct caller *keys_find(const struct keys *k, struct bytes secret);

#endif
