/* The settings table told to people: --help, --check and docs/configuration.md. */
#ifndef NODE_CONFIG_CONFIG_PRINT_H
#define NODE_CONFIG_CONFIG_PRINT_H

#include "config/config.h"

void config_print_help(struct text *out);

/* What the node would run with, as a YAML file that means the same. Defaults are marked; the
 * text does not depend on which source a value came from. */
void config_print_check(const struct config *c, struct text *out);

/* docs/configuration.md. */
void config_print_document(struct text *out);

#endif
