/* Who makes a request, as the key that came with it says (docs/auth.md): whose the invocations
 * are that it makes and may ask about, and what it may do. Plain data; how a key is found and
 * checked is not known here. */
#ifndef NODE_CORE_CALLER_H
#define NODE_CORE_CALLER_H

#include "base/bytes.h"

enum caller_scope {
    SCOPE_INVOKE = 1,
    SCOPE_COLLECT = 2, /* statuses too */
    SCOPE_CANCEL = 4,
    SCOPE_ADMIN = 8,
};

/* Borrowed from the keys it was found in (auth/keys.h). */
struct caller {
    uint64_t id;         /* names the key, also after the file was read anew; never 0 */
    struct bytes name;   /* what its operator calls it; may be empty */
    struct bytes tenant; /* empty: none */
    unsigned scopes;     /* bits of enum caller_scope */
    const struct bytes *functions;
    size_t function_count;
    bool all_functions;
    /* What this key may ask of a node, in place of limits.client.*; 0: as those say. */
    uint32_t rate, concurrency, parked;
    uint32_t tenant_share; /* percent, of all keys of the tenant; 0: as limits.tenant_share */
};

static inline bool caller_may(const struct caller *c, unsigned scopes)
{
    return (c->scopes & scopes) == scopes;
}

static inline bool caller_may_invoke(const struct caller *c, struct bytes function)
{
    bool may = c->all_functions;
    for (size_t i = 0; i < c->function_count && !may; i++) {
        may = bytes_equal(c->functions[i], function);
    }
    return may;
}

#endif
