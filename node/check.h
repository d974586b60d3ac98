/* check -- what --check finds out beyond the settings themselves: opens all that they name
 * (certificates, secrets, programs, libraries) as a start does, and closes it again. Listens
 * nowhere and runs nothing but what opening it takes: a library is loaded and asked for its
 * function, a program's confinement is tried. */
#ifndef NODE_CHECK_H
#define NODE_CHECK_H

#include "base/text.h"
#include "config/config.h"

/* False: a start would end. `faults` and `warnings` get a line for each. */
bool check_named(const struct config *config, struct text *faults, struct text *warnings);

#endif
