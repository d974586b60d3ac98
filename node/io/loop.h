/* The event loop: one thread, one loop, all state. Other layers know libuv only through
 * node/io; inside node/io, loop_uv() hands out the real thing.
 *
 * Life: loop_new() once, loop_run() until loop_stop() and every handle is closed, then
 * loop_free(), which asserts that nothing was forgotten.
 */
#ifndef NODE_IO_LOOP_H
#define NODE_IO_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct uv_loop_s;

/* NULL: the system gave no loop (descriptors, memory). */
struct loop *loop_new(void);

/* Runs until nothing is left to wait for. */
void loop_run(struct loop *l);

/* Runs one turn, blocking for events when `wait`. False when nothing is left. */
bool loop_turn(struct loop *l, bool wait);

/* Asserts that every handle was closed: a forgotten one is a bug. */
void loop_free(struct loop **l);

/* Monotonic milliseconds, read once a turn; loop_refresh() reads them anew after long work. */
uint64_t loop_now_ms(const struct loop *l);
void loop_refresh(struct loop *l);

/* Wall clock, milliseconds since 1970, read now. For people only: no decision rests on it. */
uint64_t loop_wall_ms(void);

/* Monotonic nanoseconds, read now: for measuring. */
uint64_t loop_clock_ns(void);

/* For node/io only. */
struct uv_loop_s *loop_uv(struct loop *l);

#endif
