#include "cluster/registry.h"

#include "base/err.h"
#include "base/hash.h"
#include "base/siphash.h"
#include "proto/msg.h"

#include <assert.h>

#define REGISTRATION_CHARGE (sizeof(struct registration) + 4) /* bytes */

static uint64_t due_at(const void *owner, const void *item)
{
    (void)owner;
    return ((const struct registration *)item)->until_ms;
}

int registry_init(struct registry *r, struct budget *budget, uint64_t hash_key, uint64_t now_ms)
{
    *r = (struct registry){.budget = budget};
    pool_init(&r->pool, sizeof(struct registration), r);
    struct wheel_config wheel = {.pool = &r->pool,
                                 .link_offset = offsetof(struct registration, wheel),
                                 .due_at_ms = due_at};
    wheel_init(&r->wheel, &wheel, now_ms);
    struct table_config table = {.pool = &r->pool,
                                 .next_offset = offsetof(struct registration, hash_next),
                                 .key = hash_key};
    return table_init(&r->table, &table);
}

void registry_fini(struct registry *r)
{
    if (r->budget != NULL) {
        budget_return(r->budget, r->pool.count * REGISTRATION_CHARGE);
    }
    table_fini(&r->table);
    pool_fini(&r->pool);
    *r = (struct registry){0};
}

/* Every node must come to the same, so there is no secret in it. Who has no tenant may make
 * two names collide that he has chosen both himself. */
static struct guid plain_hash(uint8_t space, struct bytes key)
{
    uint64_t low = hash_bytes(key, 0x1f83d9abfb41bd6bu + space);
    uint64_t high = hash_bytes(key, hash_mix(0x5be0cd19137e2179u ^ space, 0x9e3779b97f4a7c15u));
    struct guid g;
    memcpy(g.at, &low, 8);
    memcpy(g.at + 8, &high, 8);
    return g;
}

/* A tenant must not come upon the name of another, however he chooses his own. */
struct guid registry_hash(const struct cluster_name *name)
{
    static const uint64_t sip_key[2] = {0x428a2f98d728ae22u, 0x7137449123ef65cdu};
    if (name->tenant.size == 0) {
        return plain_hash(name->space, name->key);
    }
    uint8_t all[2 + MSG_TENANT_MAX + GUID_SIZE];
    size_t size = name->tenant.size;
    assert(size <= MSG_TENANT_MAX);
    all[0] = name->space;
    all[1] = (uint8_t)size;
    memcpy(all + 2, name->tenant.at, size);
    siphash_128(all + 2 + size, name->key, sip_key);
    struct guid g;
    siphash_128(g.at, bytes_of(all, 2 + size + GUID_SIZE), sip_key);
    return g;
}

static struct registration *find(const struct registry *r, const struct guid *name)
{
    uint32_t handle = table_find(&r->table, name);
    return handle == 0 ? NULL : pool_at(&r->pool, handle);
}

int registry_add(struct registry *r, const struct guid *name, struct registry_entry *entry,
                 uint64_t until_ms)
{
    struct registration *reg = find(r, name);
    if (reg != NULL && !guid_equal(&reg->guid, &entry->guid)) {
        *entry = (struct registry_entry){reg->guid, reg->fingerprint};
        return ERR_INUSE;
    }
    if (reg != NULL) {
        if (until_ms > reg->until_ms) {
            wheel_remove(&r->wheel, pool_handle(&r->pool, reg));
            registry_keep(r, reg, until_ms);
        }
        return 0;
    }
    if (!budget_charge(r->budget, REGISTRATION_CHARGE)) {
        return ERR_FULL;
    }
    uint32_t handle = pool_new(&r->pool);
    if (handle == 0) {
        budget_return(r->budget, REGISTRATION_CHARGE);
        return ERR_NOMEM;
    }
    reg = pool_at(&r->pool, handle);
    *reg = (struct registration){
        .guid = entry->guid, .fingerprint = entry->fingerprint, .until_ms = until_ms};
    memcpy(reg->key, name->at, GUID_SIZE);
    if (table_add(&r->table, handle) != 0) {
        pool_free(&r->pool, handle);
        budget_return(r->budget, REGISTRATION_CHARGE);
        return ERR_NOMEM;
    }
    wheel_add(&r->wheel, handle);
    return 0;
}

bool registry_find(const struct registry *r, const struct guid *name,
                   struct registry_entry *out)
{
    const struct registration *reg = find(r, name);
    if (reg != NULL) {
        *out = (struct registry_entry){reg->guid, reg->fingerprint};
    }
    return reg != NULL;
}

void registry_remove(struct registry *r, const struct guid *name, const struct guid *guid)
{
    struct registration *reg = find(r, name);
    if (reg != NULL && guid_equal(&reg->guid, guid)) {
        wheel_remove(&r->wheel, pool_handle(&r->pool, reg));
        registry_drop(r, reg);
    }
}

const struct registration *registry_walk(const struct registry *r, uint32_t bucket,
                                         uint32_t *handle)
{
    *handle = *handle == 0 ? table_bucket(&r->table, bucket)
                           : ((struct registration *)pool_at(&r->pool, *handle))->hash_next;
    return *handle == 0 ? NULL : pool_at(&r->pool, *handle);
}

struct registration *registry_due(struct registry *r, uint64_t now_ms)
{
    uint32_t handle = wheel_pop(&r->wheel, now_ms);
    return handle == 0 ? NULL : pool_at(&r->pool, handle);
}

void registry_keep(struct registry *r, struct registration *reg, uint64_t until_ms)
{
    reg->until_ms = until_ms;
    wheel_add(&r->wheel, pool_handle(&r->pool, reg));
}

void registry_drop(struct registry *r, struct registration *reg)
{
    uint32_t handle = pool_handle(&r->pool, reg);
    table_remove(&r->table, handle);
    pool_free(&r->pool, handle);
    budget_return(r->budget, REGISTRATION_CHARGE);
}
