/* Entries by their GUID or number, and whose they are. */
#include "cluster/store.h"

struct invocation *store_find(const struct cluster *c, const struct guid *guid)
{
    uint32_t handle = table_find(&c->by_guid, guid);
    return handle == 0 ? NULL : inv_at(c, handle);
}

struct invocation *store_find_of(const struct cluster *c, const struct guid *guid,
                                 uint16_t tenant)
{
    struct invocation *inv = store_find(c, guid);
    return inv != NULL && inv_is_of(c, inv, tenant) ? inv : NULL;
}

struct tomb *store_tomb_of(const struct cluster *c, const struct guid *guid, uint16_t tenant)
{
    struct tomb *t = tombs_find(&c->tombs, guid);
    return t != NULL && names_tenant(&c->names, t->function) == tenant ? t : NULL;
}

struct invocation *store_find_seq(const struct cluster *c, uint16_t origin, uint64_t seq)
{
    uint32_t handle = seqmap_get(&nodes_at(&c->nodes, origin)->seqs, seq);
    return handle == 0 ? NULL : inv_at(c, handle);
}

struct invocation *store_next_live(const struct cluster *c, uint16_t origin, uint64_t *seq,
                                   uint64_t to)
{
    *seq = seqmap_next_live(&nodes_at(&c->nodes, origin)->seqs, *seq, to);
    return *seq < to ? store_find_seq(c, origin, (*seq)++) : NULL;
}
