#include "auth/auth.h"

#include "auth/credential.h"

#include <stdlib.h>

/* Headers of one request; a stranger must not make us hash more. */
#define LOOKED_AT_MAX 4u

struct auth {
    const char *path;
    uint64_t seed;
    struct keys *keys;
    struct text scratch;
};

int auth_open(struct auth **out, const char *path, uint64_t seed, struct text *faults)
{
    *out = NULL;
    struct auth *a = calloc(1, sizeof *a);
    if (a == NULL) {
        return ERR_NOMEM;
    }
    a->path = path;
    a->seed = seed;
    int rc = auth_reload(a, faults);
    if (rc != 0) {
        auth_close(&a);
        return rc;
    }
    *out = a;
    return 0;
}

void auth_close(struct auth **a)
{
    struct auth *mine = *a;
    *a = NULL;
    if (mine != NULL) {
        keys_drop(&mine->keys);
        text_fini(&mine->scratch);
        free(mine);
    }
}

int auth_reload(struct auth *a, struct text *faults)
{
    struct keys *fresh;
    int rc = keys_read(&fresh, a->path, a->seed, faults);
    if (rc == 0) {
        keys_drop(&a->keys);
        a->keys = fresh;
    }
    return rc;
}

size_t auth_key_count(const struct auth *a)
{
    return keys_count(a->keys);
}

static const struct caller *caller_in(struct auth *a, const struct http_header *header)
{
    struct bytes secret;
    return credential_of(header, &a->scratch, &secret) ? keys_find(a->keys, secret) : NULL;
}

struct auth_found auth_find(struct auth *a, const struct http_request *in)
{
    struct auth_found found = {0};
    unsigned looked_at = 0;
    for (size_t i = 0; i < in->header_count && found.caller == NULL; i++) {
        if (credential_is_header(in->headers[i].name) && looked_at++ < LOOKED_AT_MAX) {
            found.caller = caller_in(a, &in->headers[i]);
        }
    }
    found.keys = found.caller == NULL ? NULL : keys_share(a->keys);
    return found;
}

void auth_found_drop(struct auth_found *found)
{
    keys_drop(&found->keys);
    found->caller = NULL;
}

bool auth_is_ours(void *auth, const struct http_header *header)
{
    struct auth *a = auth;
    return credential_is_header(header->name) && caller_in(a, header) != NULL;
}
