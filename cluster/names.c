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
        free((void *)(uintptr_t)ns->at[i].at);
    }
    free(ns->at);
    free(ns->slots);
    *ns = (struct names){0};
}

static uint32_t slot_of(const struct names *ns, struct bytes name)
{
    uint32_t mask = 2 * ns->room - 1;
    uint32_t i = (uint32_t)hash_bytes(name, ns->key) & mask;
    while (ns->slots[i] != 0 && !bytes_equal(ns->at[ns->slots[i]], name)) {
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
    struct bytes *grown = realloc(ns->at, (room + 1) * sizeof *grown);
    if (grown == NULL) {
        free(slots);
        return false;
    }
    free(ns->slots);
    ns->slots = slots;
    ns->at = grown;
    ns->room = room;
    for (uint32_t i = 1; i <= ns->count; i++) {
        slots[slot_of(ns, ns->at[i])] = (uint16_t)i;
    }
    return true;
}

uint16_t names_find(const struct names *ns, struct bytes name)
{
    return ns->room == 0 ? 0 : ns->slots[slot_of(ns, name)];
}

uint16_t names_keep(struct names *ns, struct bytes name)
{
    uint16_t known = names_find(ns, name);
    if (known != 0) {
        return known;
    }
    if (ns->count == NAMES_MAX || (ns->count == ns->room && !grow(ns))) {
        return 0;
    }
    char *text = malloc(name.size + 1);
    if (text == NULL) {
        return 0;
    }
    memcpy(text, name.size == 0 ? (const uint8_t *)"" : name.at, name.size);
    text[name.size] = '\0';
    uint32_t slot = slot_of(ns, name);
    ns->count++;
    ns->at[ns->count] = bytes_of(text, name.size);
    ns->slots[slot] = (uint16_t)ns->count;
    return (uint16_t)ns->count;
}
