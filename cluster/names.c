#include "cluster/names.h"

#include "base/hash.h"

#include <stdlib.h>

#define FIRST_ROOM 32u /* names; twice as many slots */

void names_init(struct names *ns, uint64_t hash_key)
{
    *ns = (struct names){.key = hash_key};
}

void names_fini(struct names *ns)
{
    for (uint32_t i = 1; i <= ns->count; i++) {
        free((void *)(uintptr_t)ns->at[i].text.at);
    }
    free(ns->at);
    free(ns->slots);
    *ns = (struct names){0};
}

static bool is_same(const struct name *a, const struct name *b)
{
    return a->tenant == b->tenant && bytes_equal(a->text, b->text);
}

static uint32_t slot_of(const struct names *ns, const struct name *name)
{
    uint32_t mask = 2 * ns->room - 1;
    uint32_t i = (uint32_t)hash_bytes(name->text, ns->key + name->tenant) & mask;
    while (ns->slots[i] != 0 && !is_same(&ns->at[ns->slots[i]], name)) {
        i = (i + 1) & mask;
    }
    return i;
}

static bool grow(struct names *ns)
{
    uint32_t room = ns->room == 0 ? FIRST_ROOM : ns->room * 2;
    uint16_t *slots = calloc((size_t)room * 2, sizeof *slots);
    if (slots == NULL) {
        return false;
    }
    struct name *grown = realloc(ns->at, (room + 1) * sizeof *grown);
    if (grown == NULL) {
        free(slots);
        return false;
    }
    free(ns->slots);
    ns->slots = slots;
    ns->at = grown;
    ns->room = room;
    for (uint32_t i = 1; i <= ns->count; i++) {
        slots[slot_of(ns, &ns->at[i])] = (uint16_t)i;
    }
    return true;
}

static uint16_t find(const struct names *ns, const struct name *name)
{
    return ns->room == 0 ? 0 : ns->slots[slot_of(ns, name)];
}

static uint16_t keep(struct names *ns, struct name name)
{
    uint16_t known = find(ns, &name);
    if (known != 0) {
        return known;
    }
    if (ns->count == NAMES_MAX || (ns->count == ns->room && !grow(ns))) {
        return 0;
    }
    char *text = malloc(name.text.size + 1);
    if (text == NULL) {
        return 0;
    }
    memcpy(text, name.text.size == 0 ? (const uint8_t *)"" : name.text.at, name.text.size);
    text[name.text.size] = '\0';
    uint32_t slot = slot_of(ns, &name);
    name.text = bytes_of(text, name.text.size);
    ns->count++;
    ns->at[ns->count] = name;
    ns->slots[slot] = (uint16_t)ns->count;
    return (uint16_t)ns->count;
}

uint16_t names_keep(struct names *ns, struct bytes name)
{
    return keep(ns, (struct name){.text = name});
}

uint16_t names_keep_of(struct names *ns, struct bytes tenant, struct bytes name)
{
    struct name of = {.text = name};
    if (!names_keep_tenant(ns, tenant, &of.tenant)) {
        return 0;
    }
    if (of.tenant != 0) {
        of.plain = names_keep(ns, name);
    }
    return of.tenant != 0 && of.plain == 0 ? 0 : keep(ns, of);
}

bool names_keep_tenant(struct names *ns, struct bytes tenant, uint16_t *out)
{
    *out = tenant.size == 0 ? 0 : names_keep(ns, tenant);
    return tenant.size == 0 || *out != 0;
}

uint16_t names_find(const struct names *ns, struct bytes name)
{
    return find(ns, &(struct name){.text = name});
}

uint16_t names_find_tenant(const struct names *ns, struct bytes tenant)
{
    uint16_t number = tenant.size == 0 ? 0 : find(ns, &(struct name){.text = tenant});
    return tenant.size > 0 && number == 0 ? TENANT_NOBODY : number;
}
