/* One cluster node without peers, with a clock of its own, and the effects of each call. */
#ifndef TESTS_CLUSTER_LIB_SINGLE_H
#define TESTS_CLUSTER_LIB_SINGLE_H

#include "cmocka_first.h"

#include "cluster/invocation.h"
#include "cluster/links.h"

#define SINGLE_EFFECTS_MAX 128

struct single {
    struct cluster *c;
    struct budget budget;
    uint64_t now_ms;
    uint32_t made; /* GUIDs */
    struct cluster_effect
        effects[SINGLE_EFFECTS_MAX]; /* of the last calls; result refs owned */
    uint32_t count;
};

void single_init(struct single *s, size_t limit);
void single_fini(struct single *s); /* asserts that nothing is left of the budget */

/* Takes all effects; references of earlier ones are dropped. */
void single_take(struct single *s);

/* Takes the effects and asserts that they are exactly these kinds. Ends with -1. */
void single_expect(struct single *s, ...);

/* The first taken effect of that kind; fails when there is none. */
struct cluster_effect *single_effect(struct single *s, enum cluster_effect_kind kind);

/* Lets time pass, tick by tick. */
void single_pass(struct single *s, uint64_t ms);

struct guid single_guid(struct single *s);
struct invocation *single_accept(struct single *s, const struct cluster_accept *extra);
void single_complete(struct single *s, struct invocation *inv, const char *body);
/* Accepted, started and completed: ready, with that body. */
struct guid single_ready(struct single *s, const char *body);
void single_collect(struct single *s, uint64_t ticket, const struct guid *guid,
                    uint32_t wait_ms);
void single_collect_by(struct single *s, uint64_t ticket, const struct guid *guid,
                       const char *token);

#endif
