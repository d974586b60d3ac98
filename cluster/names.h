/* Names of functions and of tenants, each kept once and known by a small number: an entry has
 * no room for text. The function of a tenant has a number of its own, so that an entry which
 * knows its function knows whose it is. They are few and stay for good; at most 16383. */
#ifndef CLUSTER_NAMES_H
#define CLUSTER_NAMES_H

#include "cluster/cluster.h"

#define NAMES_MAX 16383u

/* What no entry belongs to: a tenant that this node has never heard of. */
#define TENANT_NOBODY UINT16_MAX

struct name {
    struct bytes text;
    uint16_t tenant;          /* number of its name; 0: none */
    uint16_t plain;           /* of a tenant's function: the same name without a tenant */
    struct cluster_here here; /* of the plain one: summed over all tenants; store.c's */
    uint64_t held;            /* of a tenant: bytes of what is here of it; store.c's */
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

/* What this node answers for of that function, whosever it is. */
static inline struct cluster_here *names_here(struct names *ns, uint32_t number)
{
    uint32_t plain = ns->at[number].plain;
    return &ns->at[plain == 0 ? number : plain].here;
}

/* 0: never kept. */
uint16_t names_find(const struct names *ns, struct bytes name);

/* Whose function that is. */
static inline uint16_t names_tenant(const struct names *ns, uint32_t number)
{
    return number == 0 ? 0 : ns->at[number].tenant;
}

#endif
