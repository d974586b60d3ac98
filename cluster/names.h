/* Names of functions and of tenants, each kept once and known by a small number: an entry has
 * no room for text. The function of a tenant has a number of its own, so that an entry which
 * knows its function knows whose it is. They are few and stay for good; at most 16383. */
#ifndef CLUSTER_NAMES_H
#define CLUSTER_NAMES_H

#include "base/bytes.h"

#define NAMES_MAX 16383u

/* What no entry belongs to: a tenant that this node has never heard of. */
#define TENANT_NOBODY UINT16_MAX

struct name {
    struct bytes text;
    uint16_t tenant; /* number of its name; 0: none */
};

struct names {
    struct name *at; /* by number, from 1 */
    uint16_t *slots; /* open addressing */
    uint32_t count, room;
    uint64_t key;
};

void names_init(struct names *ns, uint64_t hash_key);
void names_fini(struct names *ns);

/* Its number, kept from now on; 0: no memory, or too many names. */
uint16_t names_keep(struct names *ns, struct bytes name);

/* Likewise, of the function `name` of a tenant (empty: none). */
uint16_t names_keep_of(struct names *ns, struct bytes tenant, struct bytes name);

/* The number of a tenant into *out, 0 for the empty name. False: no memory, or too many. */
bool names_keep_tenant(struct names *ns, struct bytes tenant, uint16_t *out);

/* The same without keeping it: TENANT_NOBODY when it was never kept. */
uint16_t names_find_tenant(const struct names *ns, struct bytes tenant);

static inline struct bytes names_at(const struct names *ns, uint32_t number)
{
    return number == 0 ? bytes_of(NULL, 0) : ns->at[number].text;
}

/* Whose function that is. */
static inline uint16_t names_tenant(const struct names *ns, uint32_t number)
{
    return number == 0 ? 0 : ns->at[number].tenant;
}

#endif
