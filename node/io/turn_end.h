/* Calls back once in every turn of the loop, after all its events and before it waits again:
 * where work of a whole turn is done in one go, such as one write for all that was queued. */
#ifndef NODE_IO_TURN_END_H
#define NODE_IO_TURN_END_H

#include "io/loop.h"

struct turn_end;

/* NULL: out of memory. */
struct turn_end *turn_end_new(struct loop *l, void (*on_turn_end)(void *owner), void *owner);

/* No call comes after it; the memory goes by itself, later. */
void turn_end_close(struct turn_end **t); /* accepts a pointer to NULL */

#endif
