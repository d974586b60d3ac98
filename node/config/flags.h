/* The command line, read once and put twice: first the names of functions, which the
 * environment's variables refer to, then the values, which are the strongest source. */
#ifndef NODE_CONFIG_FLAGS_H
#define NODE_CONFIG_FLAGS_H

#include "config/loader.h"

/* One flag that carries a value. Both are borrowed from argv. */
struct flag_value {
    struct bytes flag;  /* "--listen" */
    struct bytes value; /* "127.0.0.1:0" */
};

struct flags {
    bool help, version, check;
    const char *config_path; /* NULL: not given */
    struct flag_value *values;
    size_t value_count;
};

/* Splits argv; what cannot be understood becomes faults of `l`. */
void flags_init(struct flags *flags, struct loader *l);
void flags_fini(struct flags *flags);

/* --config, else CALLBACKD_CONFIG, else NULL: no file. */
const char *flags_config_path(const struct flags *flags, char *const *environ);

void flags_name_functions(const struct flags *flags, struct loader *l);
void flags_apply(const struct flags *flags, struct loader *l);

#endif
