/* Loads a config from text, variables and flags that a test writes in one line each. */
#ifndef TEST_LIB_CONFIG_H
#define TEST_LIB_CONFIG_H

#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct loaded {
    struct config *config;
    struct config_report report;
    enum config_verdict verdict;
};

/* `yaml` NULL: no file. `variables` and `flags` end with NULL, or are NULL. */
struct loaded load(const char *yaml, const char *const *variables, const char *const *flags);
void loaded_fini(struct loaded *l);

/* Fails unless `text` has `part`. */
void assert_contains(const struct text *text, const char *part);
void assert_lacks(const struct text *text, const char *part);

/* Fails unless it was refused with exactly this fault. "FILE" stands for the file's path. */
void assert_only_fault(const char *yaml, const char *fault);

#define FLAGS(...)   ((const char *const[]){__VA_ARGS__, NULL})
#define ENVIRON(...) ((const char *const[]){__VA_ARGS__, NULL})

#endif
