#include "cluster/addresses.h"

#include "base/hash.h"

#include <stdlib.h>

#define FIRST_ROOM 16u

static const struct bytes gone; /* stands where one was taken out */

void addresses_fini(struct addresses *as)
{
    free(as->at);
    as->at = NULL;
    as->room = as->used = as->count = 0;
}

/* Where it is, or would be. */
static uint32_t slot_of(const struct addresses *as, struct bytes address)
{
    uint32_t i = (uint32_t)hash_bytes(address, as->key) & (as->room - 1);
    while (as->at[i] != NULL && (as->at[i] == &gone || !bytes_equal(*as->at[i], address))) {
        i = (i + 1) & (as->room - 1);
    }
    return i;
}

static bool grow(struct addresses *as)
{
    struct addresses to = {.key = as->key, .room = FIRST_ROOM};
    while (to.room < 4 * (as->count + 1)) {
        to.room *= 2;
    }
    to.at = calloc(to.room, sizeof *to.at);
    if (to.at == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < as->room; i++) {
        if (as->at[i] != NULL && as->at[i] != &gone) {
            to.at[slot_of(&to, *as->at[i])] = as->at[i];
            to.count++;
        }
    }
    to.used = to.count;
    free(as->at);
    *as = to;
    return true;
}

bool addresses_add(struct addresses *as, const struct bytes *item)
{
    if (2 * (as->used + 1) > as->room && !grow(as)) {
        return false;
    }
    uint32_t i = slot_of(as, *item);
    as->used += as->at[i] == NULL;
    as->count += as->at[i] == NULL;
    as->at[i] = item;
    return true;
}

void addresses_remove(struct addresses *as, const struct bytes *item)
{
    uint32_t i = as->room == 0 ? 0 : slot_of(as, *item);
    if (as->room > 0 && as->at[i] == item) {
        as->at[i] = &gone;
        as->count--;
    }
}

const struct bytes *addresses_find(const struct addresses *as, struct bytes address)
{
    return as->room == 0 ? NULL : as->at[slot_of(as, address)];
}
