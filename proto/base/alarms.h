/* Points in time that somebody waits for, the next one first: a binary heap of alarms that
 * live in their owners. Setting one never fails, because room was reserved when its owner was
 * made. For hundreds of thousands of equal time-outs there is cluster/wheel.h; this is for
 * few, with exact times. Monotonic milliseconds. */
#ifndef BASE_ALARMS_H
#define BASE_ALARMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct alarm {
    uint64_t at_ms;
    uint32_t place; /* in the heap + 1; 0: not set */
};

struct alarms {
    struct alarm **heap;
    uint32_t size, room;
};

/* The owner of an alarm that is its member `field`. */
#define alarm_item(a, type, field) ((type *)(void *)((char *)(a)-offsetof(type, field)))

void alarms_fini(struct alarms *as);

/* Room for `count` alarms in all. False: out of memory, nothing has changed. */
bool alarms_reserve(struct alarms *as, uint32_t count);

/* Sets it, or moves it. */
void alarm_set(struct alarms *as, struct alarm *a, uint64_t at_ms);
void alarm_clear(struct alarms *as, struct alarm *a);

/* The first whose time has come, cleared; or NULL. */
struct alarm *alarms_due(struct alarms *as, uint64_t now_ms);

/* UINT64_MAX: none is set. */
uint64_t alarms_deadline_ms(const struct alarms *as);

#endif
