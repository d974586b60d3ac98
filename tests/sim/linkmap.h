/* From a core's link number to the connection and the end that it is: a small hash table, as
 * the link numbers of dialled links are the core's own. */
#ifndef TESTS_SIM_LINKMAP_H
#define TESTS_SIM_LINKMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct linkmap_entry {
    uint64_t link; /* 0: free */
    uint32_t conn;
    uint8_t end;
    bool congested; /* its core was told of too much unsent */
};

struct linkmap {
    struct linkmap_entry *at;
    uint32_t room, count; /* room: a power of two */
};

void linkmap_fini(struct linkmap *m);
void linkmap_put(struct linkmap *m, uint64_t link, uint32_t conn, uint8_t end);

/* NULL: no such link. Valid until the next put or remove. */
struct linkmap_entry *linkmap_find(const struct linkmap *m, uint64_t link);
void linkmap_remove(struct linkmap *m, uint64_t link);

#endif
