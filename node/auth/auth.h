/* auth -- who makes a request. Holds the keys that are valid now, reads them anew when told,
 * and finds the caller of a request. It decides nothing: access.h does.
 *
 * All calls on the loop thread. */
#ifndef NODE_AUTH_AUTH_H
#define NODE_AUTH_AUTH_H

#include "auth/keys.h"
#include "http/http_message.h"

struct auth;

/* Reads the keys. ERR_MALFORMED: `faults` says what is wrong, a line each; ERR_NOMEM. `path` is
 * borrowed; `seed` is any random number. */
int auth_open(struct auth **out, const char *path, uint64_t seed, struct text *faults);
void auth_close(struct auth **a); /* accepts a pointer to NULL */

/* Reads them anew. On a failure, as above, the old ones stay. */
int auth_reload(struct auth *a, struct text *faults);

size_t auth_key_count(const struct auth *a);

/* Who makes one request. `keys` holds a reference while `caller` is not NULL. */
struct auth_found {
    const struct caller *caller; /* NULL: it came without a key, or with none of ours */
    struct keys *keys;
};

/* The first key that is ours counts. End it with auth_found_drop(). */
struct auth_found auth_find(struct auth *a, const struct http_request *in);
void auth_found_drop(struct auth_found *found);

/* True for a header that brought one of our keys: nobody else may see it. */
bool auth_is_ours(void *auth, const struct http_header *header);

#endif
