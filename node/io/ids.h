/* The system's randomness, for what must not be guessed: entry GUIDs, node ids, hash keys. */
#ifndef NODE_IO_IDS_H
#define NODE_IO_IDS_H

#include <stdint.h>

#define IDS_DRAWN_AT_ONCE 256u

/* Random bits drawn ahead, for ids that are made for every request: one call of the system
 * for many of them. libuuid seeds a generator anew for each id, which costs six system calls
 * and a fifth of a whole request (docs/performance.md). Zeroed at first; for one thread. */
struct ids_block {
    uint32_t left;
    uint8_t random[IDS_DRAWN_AT_ONCE][16];
};

/* 16 bytes, at least 122 of their bits random (a UUID version 4). Cannot fail. */
void ids_random(uint8_t out[16]);

/* 16 bytes, at least 122 of their bits random, from the system's generator. What was given
 * out is wiped from the block. Cannot fail: where the system has no such call, libuuid
 * makes the id. */
void ids_random_from(struct ids_block *block, uint8_t out[16]);

#endif
