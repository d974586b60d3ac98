/* Function names, each kept once and known by a small number: an entry has no room for text.
 * They are few and stay for good; at most 4095. */
#ifndef CLUSTER_NAMES_H
#define CLUSTER_NAMES_H

#include "base/bytes.h"

#define NAMES_MAX 4095u

struct names {
    struct bytes *at; /* by number; [0] is empty */
    uint16_t *slots;  /* open addressing */
    uint32_t count, room;
    uint64_t key;
};

void names_init(struct names *ns, uint64_t hash_key);
void names_fini(struct names *ns);

/* Its number, kept from now on; 0: no memory, or too many names. */
uint16_t names_keep(struct names *ns, struct bytes name);

/* 0: never kept. */
uint16_t names_find(const struct names *ns, struct bytes name);

static inline struct bytes names_at(const struct names *ns, uint32_t number)
{
    return number == 0 ? bytes_of(NULL, 0) : ns->at[number];
}

#endif
