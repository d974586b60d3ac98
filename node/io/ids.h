/* The system's randomness, for what must not be guessed: entry GUIDs, node ids, hash keys. */
#ifndef NODE_IO_IDS_H
#define NODE_IO_IDS_H

#include <stdint.h>

/* 16 bytes, at least 122 of their bits random (a UUID version 4). Cannot fail. */
void ids_random(uint8_t out[16]);

#endif
