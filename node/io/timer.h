/* One timer of the loop. The owner's callback runs on the loop thread. timer_close() gives
 * the memory back by itself, later; after it the callback never runs again. */
#ifndef NODE_IO_TIMER_H
#define NODE_IO_TIMER_H

#include "io/loop.h"

struct timer;

/* NULL: out of memory. */
struct timer *timer_new(struct loop *l, void (*on_due)(void *owner), void *owner);

/* Due once, `after_ms` from now (of the loop's turn). Starting again moves it. */
void timer_start(struct timer *t, uint64_t after_ms);
void timer_stop(struct timer *t);

void timer_close(struct timer **t); /* accepts a pointer to NULL */

#endif
