/* One plan, run to its end: alone, or in a process of its own that may die of it. */
#ifndef TESTS_SIM_RUN_H
#define TESTS_SIM_RUN_H

#include "marks.h"
#include "plan.h"

struct outcome {
    bool failed;
    char rule[16];
    char why[400];
    uint64_t hash, steps, virtual_ms;
    struct marks marks;
};

/* In this process: a failed assertion of a core ends it. `verbose` may be NULL. */
void run_plan(struct outcome *out, const struct plan *plan, FILE *verbose);

/* In a child: an assertion is the rule "ABORT", endless work is "HANG". */
void run_plan_apart(struct outcome *out, const struct plan *plan);

#define RUN_SECONDS_MAX 120u

#endif
