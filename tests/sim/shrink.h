/* From a plan that fails to the shortest list of operations that still does. */
#ifndef TESTS_SIM_SHRINK_H
#define TESTS_SIM_SHRINK_H

#include "plan.h"

/* Replaces the plan. False: it did not fail to begin with. The broken rule stays the same one:
 * another bug must not take the place of the one that is looked for. */
bool shrink_plan(struct plan *p, FILE *log);

#endif
